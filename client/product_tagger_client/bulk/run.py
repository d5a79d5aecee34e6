"""A run over a file: rows in, several requests in flight, answers noted in the order of the input."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from product_tagger_files import ExportFormat, Notes, ReadOptions

from ..async_tagger import AsyncProductTagger
from ..errors import BulkError, InvalidTextError, ServerError, TaggerError
from ..payload import first_error
from ..results import TaggedProduct
from ..retries import RetryPolicy
from .event_loop import run_apart
from .journal import Entry, Journal, JournalError, RunLock
from .patience import Patience
from .rows import BulkRow, read_rows
from .writing import assemble, output_format, rejects_path

logger = logging.getLogger(__name__)

_DIGITS = 6
_PROBE = "product"
_SECOND_CHANCE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class BulkOptions:
    """What to tag, and how.

    Attributes:
        input: A file of products, in any format that `product_tagger_files` reads.
        output: The file to write: .jsonl, .csv or .parquet.
        url: The server's address; None: that of TAGGER_URL, else `grpc://127.0.0.1:8001`.
        columns: Field (id, title, description, attributes) → the input's own column name.
        format: Whose export the input is: a shop's system, `auto` or `plain`.
        encoding: Of an input that is text, such as gb18030; None detects it.
        concurrency: Requests in flight.
        timeout: Seconds one request may take.
        wait: Seconds without any answer after which the run stops.
        overwrite: Whether an output that is there already may be replaced.
        bom: Whether a CSV output begins with a byte order mark, by which Excel knows it is UTF-8.
        restart: Whether to throw away what an unfinished run of the same output has done.
        token: A key of the server's; None: that of TAGGER_TOKEN, if it is set.
        headers: Further headers of every request.
        ca: A file of certificates by which to trust the server.
    """

    input: Path
    output: Path
    url: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    format: ExportFormat = "auto"
    encoding: str | None = None
    concurrency: int = 8
    timeout: float = 60.0
    wait: float = 300.0
    overwrite: bool = False
    bom: bool = False
    restart: bool = False
    token: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    ca: Path | None = None


@dataclass(frozen=True, slots=True)
class BulkSummary:
    """What a finished run did.

    Attributes:
        rows: Rows of the input.
        rejected: Rows without an answer, in `rejects`.
        resumed: Rows that an earlier, unfinished run had done.
        seconds: How long this run took.
        output: The file with the answers.
        rejects: The file with the others; None when there are none.
        notes: What was told of the input: rows that continue a product, cells that are missing.
    """

    rows: int
    rejected: int
    resumed: int
    seconds: float
    output: Path
    rejects: Path | None
    notes: Notes


def tag_file(options: BulkOptions, on_progress: Callable[[int, int], None] | None = None) -> BulkSummary:
    """Tags every row of a file, going on where an earlier run of the same output was stopped.

    Args:
        options: What to tag, and how.
        on_progress: Called with the rows done and the rows rejected so far: once at the start, then after each
            request.

    Raises:
        BulkError: It cannot begin, or stopped on the way. What was done is kept, and the message tells how to go on.
        TaggerError: The address is wrong, or what answers there is not a product tagger.
    """
    began = time.monotonic()
    report = on_progress or (lambda rows, rejected: None)
    notes = Notes()
    output_format(options.output)
    identity = _identity(options)
    if options.output.exists() and options.output.samefile(options.input):
        raise BulkError(f"{options.output} is the input itself; choose another output")
    lock = RunLock(options.output)
    try:
        path = lock.folder / "journal.jsonl"
        if options.restart:
            path.unlink(missing_ok=True)
        if options.output.exists() and not path.exists() and not options.overwrite:
            raise BulkError(f"{options.output} is there already; give --overwrite to replace it")
        journal = Journal(path, identity)
        try:
            resumed = journal.rows
            report(journal.rows, journal.rejected)
            run_apart(_tag_rows(options, journal, report, notes))
            if _identity(options) != identity:
                raise BulkError(f"{options.input} changed while it was read; give --restart to tag it as it is now")
            assemble(journal, options.output, bom=options.bom)
        finally:
            journal.close()
        lock.remove_folder()
    finally:
        lock.free()
    rejects = rejects_path(options.output) if journal.rejected else None
    return BulkSummary(
        journal.rows, journal.rejected, resumed, time.monotonic() - began, options.output, rejects, notes
    )


def _identity(options: BulkOptions) -> dict[str, Any]:
    """What must be the same for a run to go on: the input's place and state, and how its columns are read."""
    try:
        state = os.stat(options.input)
    except OSError as error:
        raise BulkError(f"{options.input} cannot be read: {error.strerror or error}") from error
    return {
        "input": str(options.input.resolve()),
        "input's size": state.st_size,
        "input's time of change": state.st_mtime_ns,
        "columns": dict(sorted(options.columns.items())),
        "format": options.format,
        "encoding": options.encoding,
    }


async def _tag_rows(options: BulkOptions, journal: Journal, report: Callable[[int, int], None], notes: Notes) -> None:
    patience = Patience(options.wait)
    reading = ReadOptions(options.columns, format=options.format, encoding=options.encoding)
    rows = read_rows(options.input, reading, skip=journal.rows, notes=notes)
    in_flight: deque[asyncio.Task[list[Entry]]] = deque()
    # Retries are the run's own, with its own patience: the client's would only be added to them.
    async with AsyncProductTagger(
        options.url,
        timeout=options.timeout,
        retries=RetryPolicy(retries=0),
        token=options.token,
        headers=options.headers,
        ca=options.ca,
    ) as tagger:

        async def note_oldest() -> None:
            journal.append(await in_flight.popleft())
            report(journal.rows, journal.rejected)

        try:
            size = await _batch_size(tagger, patience)
            for chunk in _chunks(rows, size):
                in_flight.append(asyncio.create_task(_answer(tagger, chunk, patience)))
                if len(in_flight) >= options.concurrency:
                    await note_oldest()
            while in_flight:
                await note_oldest()
        except (TaggerError, asyncio.CancelledError) as error:
            journal.sync()
            if not isinstance(error, TaggerError) or isinstance(error, JournalError) or not journal.rows:
                raise
            raise BulkError(f"{error}; {journal.rows:,} finished rows are kept: run it again to go on") from error
        finally:
            for task in in_flight:
                task.cancel()
            await asyncio.gather(*in_flight, return_exceptions=True)


async def _batch_size(tagger: AsyncProductTagger, patience: Patience) -> int:
    while True:
        try:
            return await tagger.batch_size()
        except TaggerError as error:
            await asyncio.sleep(patience.wait_after(error, random.random()))


async def _answer(tagger: AsyncProductTagger, chunk: Sequence[BulkRow], patience: Patience) -> list[Entry]:
    """The outcome of each row, waiting for the server where it is away."""
    texts = [row.text for row in chunk if row.problem is None]
    while True:
        answers = await tagger.tag_many(texts, errors="return")
        failure = _not_of_a_text(answers)
        if isinstance(failure, ServerError):
            answers = await _one_by_one(tagger, texts)
            failure = _not_of_a_text(answers)
            # Where the server answers other texts, those it still fails on are at fault themselves.
            if isinstance(failure, ServerError) and _answered(await tagger.tag_many([_PROBE], errors="return")):
                break
        if failure is None:
            break
        await asyncio.sleep(patience.wait_after(failure, random.random()))
    if texts:
        patience.answered()
    outcomes = iter(answers)
    return [_entry(row, row.problem if row.problem is not None else next(outcomes)) for row in chunk]


def _not_of_a_text(answers: Sequence[TaggedProduct | TaggerError]) -> TaggerError | None:
    """The first failure that is not a refused text; one of the server's own only where there is no other."""
    failures = [answer for answer in answers if isinstance(answer, TaggerError)]
    failures = [failure for failure in failures if not isinstance(failure, InvalidTextError)]
    return next((failure for failure in failures if not isinstance(failure, ServerError)), first_error(failures))


def _answered(answers: Sequence[TaggedProduct | TaggerError]) -> bool:
    return first_error(answers) is None


async def _one_by_one(tagger: AsyncProductTagger, texts: Sequence[str]) -> list[TaggedProduct | TaggerError]:
    """Each text in a request of its own: one that the server fails on spoils only its own row.

    A text gets a second chance a moment later: it may have met a process that a neighbour brought down.
    """
    answers: list[TaggedProduct | TaggerError] = []
    for text in texts:
        answer = (await tagger.tag_many([text], errors="return"))[0]
        if isinstance(answer, ServerError):
            await asyncio.sleep(_SECOND_CHANCE_SECONDS)
            answer = (await tagger.tag_many([text], errors="return"))[0]
            if isinstance(answer, ServerError) and not _answered(await tagger.tag_many([_PROBE], errors="return")):
                return [answer] * len(texts)
        answers.append(answer)
    return answers


def _entry(row: BulkRow, outcome: TaggedProduct | TaggerError | str) -> Entry:
    if not isinstance(outcome, TaggedProduct):
        return [row.line, row.id, str(outcome)]
    tags = [[tag.name, round(tag.score, _DIGITS)] for tag in outcome.tags]
    return [row.line, row.id, outcome.category, round(outcome.category_score, _DIGITS), tags, outcome.truncated]


def _chunks(rows: Iterator[BulkRow], size: int) -> Iterator[list[BulkRow]]:
    while chunk := list(islice(rows, size)):
        yield chunk
