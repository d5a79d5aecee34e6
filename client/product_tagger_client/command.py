"""The command `tag`: a few texts on the spot, or a whole file."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from product_tagger_files import EXPORT_FORMATS, FIELDS, TEXT_FIELDS, FileError, estimate_rows

from .bulk import BulkOptions, tag_file
from .display import language_code
from .endpoint import DEFAULT_URL, URL_VARIABLE
from .errors import TaggerError
from .results import TaggedProduct
from .tagger import ProductTagger
from .terminal import aligned, shorten

_TEXT_WIDTH = 48
_EXAMPLES = """examples:
  tag "Women's cotton summer dress, size M"
  tag --lang zh "夏季纯棉连衣裙 女"
  tag --json "iPhone 15 手机支架" "巧克力礼盒"
  tag --file products.csv --columns title=product_name --output tags.parquet
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        arguments: As on the command line; None: those of this process.

    Returns:
        0 when every text was answered or its row noted among the rejects, 1 after a failure, 130 when interrupted.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    options.headers = _headers(parser, options.header)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    try:
        if options.file is not None:
            if options.text:
                parser.error("give either texts or --file, not both")
            if options.lang is not None:
                parser.error("--lang is for texts; a file's output holds ids, which every language shares")
            if options.output is None:
                parser.error("--file needs --output: a file that ends in .jsonl, .csv or .parquet")
            return _tag_file(options, _columns(parser, options.columns))
        if not options.text:
            parser.error("give a text to tag, or --file and --output")
        return _tag_texts(options)
    except TaggerError as error:
        print(f"tag: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        kept = "; the finished rows are kept: run it again to go on" if options.file is not None else ""
        print(f"\ntag: interrupted{kept}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tag",
        description="Asks a product tagging server for the category and the tags of products.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("text", nargs="*", help="a product's text: title, description, what is known of it")
    parser.add_argument(
        "--url",
        default=os.environ.get(URL_VARIABLE, DEFAULT_URL),
        help="grpc://host:port, http://host:port, grpcs:// or https:// (TAGGER_URL, or %(default)s)",
    )
    parser.add_argument(
        "--token",
        metavar="KEY",
        help="a key of the server's; better as TAGGER_TOKEN, as `ps` shows this one to everybody",
    )
    parser.add_argument(
        "--header", action="append", default=[], metavar="NAME: VALUE", help="sent with every request; may be repeated"
    )
    parser.add_argument("--ca", type=Path, metavar="FILE", help="certificates (PEM) by which to trust the server")
    parser.add_argument("--timeout", type=_seconds, metavar="SECONDS", help="for one request (30; with --file 60)")
    parser.add_argument(
        "--lang", type=_language, metavar="CODE", help="what categories and tags are called in, such as zh (else: ids)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of a table")
    bulk = parser.add_argument_group("whole files")
    bulk.add_argument(
        "--file", type=Path, metavar="IN", help="JSON, CSV, TSV, XML (or .gz, .zst, .zip), .parquet, .xlsx"
    )
    bulk.add_argument("--output", type=Path, metavar="OUT", help=".jsonl, .csv or .parquet")
    bulk.add_argument(
        "--columns", nargs="+", action="extend", default=[], metavar="FIELD=COLUMN",
        help="where the file's columns have other names: title=product_name",
    )  # fmt: skip
    bulk.add_argument(
        "--format", choices=EXPORT_FORMATS, default="auto",
        help="whose export IN is (auto: recognised by its header; plain: it has a product's fields)",
    )  # fmt: skip
    bulk.add_argument("--encoding", metavar="NAME", help="of a text file, such as gb18030 (else: detected)")
    bulk.add_argument("--concurrency", type=_count, default=8, metavar="N", help="requests in flight (%(default)s)")
    bulk.add_argument(
        "--wait", type=_seconds, default=300.0, metavar="SECONDS", help="for a server that is away (%(default)g)"
    )
    bulk.add_argument("--bom", action="store_true", help="begin a .csv OUT with a byte order mark, as Excel wants it")
    bulk.add_argument("--overwrite", action="store_true", help="replace OUT when it is there already")
    bulk.add_argument("--restart", action="store_true", help="forget what an unfinished run for OUT has done")
    return parser


def _seconds(value: str) -> float:
    number = float(value)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{value} is not a number of seconds above 0")
    return number


def _language(value: str) -> str | None:
    try:
        return language_code(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _count(value: str) -> int:
    number = int(value)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{value} is not 1 or more")
    return number


def _headers(parser: argparse.ArgumentParser, lines: Sequence[str]) -> dict[str, str]:
    headers = {}
    for line in lines:
        name, mark, value = line.partition(":")
        if not mark:
            parser.error("--header: write NAME: VALUE")
        headers[name.strip()] = value.strip()
    return headers


def _columns(parser: argparse.ArgumentParser, pairs: Sequence[str]) -> dict[str, str]:
    columns: dict[str, str] = {}
    for pair in pairs:
        name, mark, column = pair.partition("=")
        if not mark or not column or name not in FIELDS:
            parser.error(f"--columns {pair}: write FIELD=COLUMN, where FIELD is one of {', '.join(TEXT_FIELDS)}")
        columns[name] = column
    # The rest of a product's fields is for training; a mapping written for that may be given here as it is.
    return {name: column for name, column in columns.items() if name in TEXT_FIELDS}


def _tag_texts(options: argparse.Namespace) -> int:
    with ProductTagger(
        options.url,
        timeout=options.timeout or 30.0,
        lang=options.lang,
        token=options.token,
        headers=options.headers,
        ca=options.ca,
    ) as tagger:
        answers = tagger.tag_many(options.text, errors="return")
        if options.lang is not None and options.lang not in (known := tagger.languages()):
            told = f"it has them in {', '.join(known)}" if known else "its release has none"
            print(f"tag: the server has no names in {options.lang} ({told}); ids are shown", file=sys.stderr)
    pairs = list(zip(options.text, answers, strict=True))
    if options.json:
        for text, answer in pairs:
            print(json.dumps(_as_json(text, answer), ensure_ascii=False))
    else:
        for line in _table(pairs):
            print(line)
    return int(any(isinstance(answer, TaggerError) for answer in answers))


def _as_json(text: str, answer: TaggedProduct | TaggerError) -> dict[str, Any]:
    if isinstance(answer, TaggerError):
        return {"text": text, "error": str(answer)}
    return {
        "text": text,
        "category": answer.category,
        "category_display_name": answer.category_display_name,
        "category_score": round(answer.category_score, 6),
        "tags": [
            {"name": tag.name, "display_name": tag.display_name, "score": round(tag.score, 6)} for tag in answer.tags
        ],
        "truncated": answer.truncated,
    }


def _table(pairs: Sequence[tuple[str, TaggedProduct | TaggerError]]) -> Iterator[str]:
    rows = [("TEXT", "CATEGORY", "TAGS")]
    for text, answer in pairs:
        shown = shorten(" ".join(text.split()), _TEXT_WIDTH)
        if isinstance(answer, TaggerError):
            rows.append((shown, "error", str(answer)))
            continue
        category = f"{answer.category_display_name or '(none sure)'} {answer.category_score:.2f}"
        tags = ", ".join(f"{tag.display_name} {tag.score:.2f}" for tag in answer.tags) or "-"
        rows.append((shown + (" (cut)" if answer.truncated else ""), category, tags))
    yield from aligned(rows)


def _tag_file(options: argparse.Namespace, columns: dict[str, str]) -> int:
    bulk = BulkOptions(
        input=options.file,
        output=options.output,
        url=options.url,
        columns=columns,
        format=options.format,
        encoding=options.encoding,
        concurrency=options.concurrency,
        timeout=options.timeout or 60.0,
        wait=options.wait,
        bom=options.bom,
        overwrite=options.overwrite,
        restart=options.restart,
        token=options.token,
        headers=options.headers,
        ca=options.ca,
    )
    # Asked to end politely, it ends as with Ctrl-C: what is done is synced and the way on is told.
    signal.signal(signal.SIGTERM, _as_ctrl_c)
    with _progress(options.file) as report:
        summary = tag_file(bulk, report)
    done = summary.rows - summary.resumed
    before = f" ({summary.resumed:,} of them by an earlier run)" if summary.resumed else ""
    rate = f", {done / summary.seconds:,.0f} rows/s" if done and summary.seconds > 0 else ""
    print(f"{summary.rows:,} rows{before} in {summary.seconds:.1f} s{rate}: {summary.output}", file=sys.stderr)
    if summary.notes.continuations:
        print(f"{summary.notes.continuations:,} more rows continue a product and are answered with it", file=sys.stderr)
    for sentence in summary.notes.sentences():
        print(sentence, file=sys.stderr)
    if summary.rejects is not None:
        print(f"{summary.rejected:,} rows have no answer; the reasons: {summary.rejects}", file=sys.stderr)
    return 0


def _as_ctrl_c(_number: int, frame: FrameType | None) -> None:
    """Does what Ctrl-C would do at this moment: within asyncio it cancels in order, and raises nothing in between."""
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler):
        raise KeyboardInterrupt
    handler(signal.SIGINT, frame)


@contextmanager
def _progress(path: Path) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal; nothing elsewhere, nor without tqdm."""
    try:
        from tqdm import tqdm
        from tqdm.contrib.logging import logging_redirect_tqdm
    except ImportError:
        yield lambda rows, rejected: None
        return
    if not sys.stderr.isatty():
        yield lambda rows, rejected: None
        return
    try:
        total = estimate_rows(path)
    except FileError:
        total = None  # the run itself tells what is wrong with the file
    with logging_redirect_tqdm(), tqdm(total=total, unit=" rows", unit_scale=False, dynamic_ncols=True) as bar:
        started = False

        def report(rows: int, rejected: int) -> None:
            nonlocal started
            if not started:
                bar.initial = bar.n = bar.last_print_n = rows
                started = True
            bar.set_postfix(rejected=rejected, refresh=False)
            bar.update(rows - bar.n)

        yield report
