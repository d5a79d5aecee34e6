"""Inference as the Open Inference Protocol asks for it, whichever way it came: texts in, tensors out.

Triton gets nothing that a caller wrote: only texts, and a request that is written here. Requests for the answers of
`product_tagger` are joined with those of all other callers.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from gateway.answers import Labels, floats, pack_strings, unpack_strings
from gateway.engine import MODEL, Engine, Reply, reason_of
from gateway.errors import BadText, Problem
from gateway.schema import MAX_CHARACTERS

SCORES_MODEL = "product_scores"
OUTPUTS = {
    MODEL: ("CATEGORY", "CATEGORY_SCORE", "TAGS", "TAG_SCORES", "TRUNCATED"),
    SCORES_MODEL: ("SCORES", "TRUNCATED"),
}
INPUT = "TEXT"
VERSION = "1"
MOST_CLASSES = 1_000_000
LONGEST_ID = 256
MOST_MICROSECONDS = 2**53


@dataclass(frozen=True)
class Wanted:
    """An output that a caller asks for.

    Attributes:
        name: One of the model's.
        binary: Whether it is sent as bytes behind the JSON, over HTTP.
        classes: So many of the largest, as `value:column:label`; 0: all values.
    """

    name: str
    binary: bool = False
    classes: int = 0


@dataclass(frozen=True)
class InferRequest:
    """What a caller asks for.

    Attributes:
        model: One of `OUTPUTS`.
        texts: UTF-8, at least one.
        wanted: The outputs, in the order of the answer.
        id: Comes back with the answer.
        priority: Of Triton's queue, where it has priorities; 0: the usual one.
        timeout_us: After which no answer is wanted, in microseconds; 0: none of its own.
    """

    model: str
    texts: list[bytes]
    wanted: tuple[Wanted, ...]
    id: str = ""
    priority: int = 0
    timeout_us: int = 0


@dataclass(frozen=True)
class Tensor:
    """An output in the binary form.

    Attributes:
        name: Its name.
        datatype: BYTES, FP32 or BOOL.
        shape: The texts first.
        raw: The values, one behind the other.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    raw: bytes

    def values(self) -> list[str] | list[float] | list[bool]:
        """The values as JSON holds them."""
        if self.datatype == "BYTES":
            return [one.decode("utf-8", "replace") for one in unpack_strings(self.raw)]
        return [value != 0 for value in self.raw] if self.datatype == "BOOL" else list(floats(self.raw))


Ask = Callable[[list[bytes], float], Awaitable[Sequence[Labels | BadText]]]
"""Has texts answered within so many seconds (`Joiner.ask`)."""


class Inference:
    """Answers requests of the protocol.

    Args:
        engine: Triton.
        max_texts: A request.
        timeout_s: Within which an answer has to come.
    """

    def __init__(self, engine: Engine, max_texts: int, timeout_s: float) -> None:
        self._engine = engine
        self._max_texts = max_texts
        self._timeout_s = timeout_s

    async def infer(self, request: InferRequest, ask: Ask) -> list[Tensor]:
        """The outputs that are wanted.

        Args:
            request: What is asked.
            ask: Joins the texts with those of others.

        Raises:
            Problem: There are too many texts, one can't be tagged, or no answer comes.
        """
        count = len(request.texts)
        if count > self._max_texts:
            told = (
                f"inference request batch-size must be <= {self._max_texts} for '{request.model}': it has {count} texts"
            )
            raise Problem(400, f"{told}. Send fewer at a time.")
        if request.model != MODEL or request.priority or any(one.classes for one in request.wanted):
            return await self._alone(request)
        timeout_s = min(self._timeout_s, request.timeout_us / 1e6 or math.inf)
        rows: list[Labels] = []
        for place, answer in enumerate(await ask(request.texts, timeout_s)):
            if isinstance(answer, BadText):
                raise Problem(400, f"row {place}: {answer}")
            rows.append(answer)
        tensors = tensors_of(rows)
        return [tensors[one.name] for one in request.wanted]

    async def _alone(self, request: InferRequest) -> list[Tensor]:
        head, raw = written(request)
        reply = await self._engine.ask("POST", f"/v2/models/{request.model}/infer", head + raw, len(head))
        if reply.status != 200:
            raise Problem(reply.status, reason_of(reply), 1.0 if reply.status == 503 else None)
        found = {tensor.name: tensor for tensor in read_tensors(reply)}
        return [found[one.name] for one in request.wanted]


def bounded_text(text: bytes, row: int) -> bytes:
    """The text, cut behind the last character that is read and one more, from which the server sees that it was cut.

    Raises:
        Problem: It is long and not UTF-8.
    """
    if len(text) <= MAX_CHARACTERS:
        return text
    try:
        return text.decode("utf-8")[: MAX_CHARACTERS + 1].encode()
    except UnicodeDecodeError as error:
        told = f"row {row}: the text is not valid UTF-8 (at byte {error.start}); encode it as UTF-8"
        raise Problem(400, told) from None


def wanted_by_name(model: str, wanted: Sequence[Wanted], *, binary: bool = False) -> tuple[Wanted, ...]:
    """The outputs; all of the model's where none is named.

    Raises:
        Problem: The model has none of that name, or one is named twice.
    """
    if not wanted:
        return tuple(Wanted(name, binary) for name in OUTPUTS[model])
    names = [one.name for one in wanted]
    for name in names:
        if name not in OUTPUTS[model]:
            there = ", ".join(OUTPUTS[model])
            raise Problem(400, f"unexpected inference output {name[:100]!r} for model '{model}': it has {there}.")
    if len(set(names)) < len(names):
        raise Problem(400, "An output is named twice.")
    return tuple(wanted)


def known_model(name: str, version: str = "") -> str:
    """The model's name.

    Raises:
        Problem: There is none of that name and version (404).
    """
    if name not in OUTPUTS or version not in ("", VERSION):
        asked = f"'{name[:100]}' version {version[:20]}" if version else f"'{name[:100]}'"
        raise Problem(404, f"Request for unknown model: {asked} is not found. There are {', '.join(OUTPUTS)}.")
    return name


def bounded_number(value: object, place: str, most: int) -> int:
    """A number that a caller wrote.

    Raises:
        Problem: It is no whole number from 0 to `most` (400).
    """
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise Problem(400, f"`{place}` must be a whole number from 0 to {most}.")
    return value


def bounded_id(value: object) -> str:
    """The request's id.

    Raises:
        Problem: It is no text, or too long (400).
    """
    if not isinstance(value, str) or len(value) > LONGEST_ID:
        raise Problem(400, f"`id` must be a text of at most {LONGEST_ID} characters.")
    return value


def written(request: InferRequest) -> tuple[bytes, bytes]:
    """The request to Triton: JSON, and the texts in the binary form."""
    raw = pack_strings(request.texts)
    given = {
        "name": INPUT,
        "datatype": "BYTES",
        "shape": [len(request.texts), 1],
        "parameters": {"binary_data_size": len(raw)},
    }
    outputs = [
        {
            "name": one.name,
            "parameters": {"binary_data": True, **({"classification": one.classes} if one.classes else {})},
        }
        for one in request.wanted
    ]
    parameters = {"priority": request.priority, "timeout": request.timeout_us}
    used = {name: value for name, value in parameters.items() if value}
    return json.dumps({"inputs": [given], "outputs": outputs, "parameters": used}).encode(), raw


def read_tensors(reply: Reply) -> list[Tensor]:
    """The outputs of Triton's answer, all in the binary form."""
    place = int(reply.headers["inference-header-content-length"])
    tensors = []
    for output in json.loads(reply.body[:place])["outputs"]:
        size = int(output["parameters"]["binary_data_size"])
        raw = reply.body[place : place + size]
        tensors.append(Tensor(output["name"], output["datatype"], tuple(output["shape"]), raw))
        place += size
    return tensors


def tensors_of(rows: Sequence[Labels]) -> dict[str, Tensor]:
    """The outputs of `product_tagger`, as wide as the row with the most tags, and at least one."""
    count, width = len(rows), max(1, *(len(row.tags) for row in rows))
    tags: list[bytes] = []
    scores: list[float] = []
    for row in rows:
        missing = width - len(row.tags)
        tags += [*row.tags, *[b""] * missing]
        scores += [*row.tag_scores, *[0.0] * missing]
    tensors = (
        Tensor("CATEGORY", "BYTES", (count, 1), pack_strings([row.category for row in rows])),
        Tensor("CATEGORY_SCORE", "FP32", (count, 1), struct.pack(f"<{count}f", *(row.score for row in rows))),
        Tensor("TAGS", "BYTES", (count, width), pack_strings(tags)),
        Tensor("TAG_SCORES", "FP32", (count, width), struct.pack(f"<{len(scores)}f", *scores)),
        Tensor("TRUNCATED", "BOOL", (count, 1), bytes(row.truncated for row in rows)),
    )
    return {tensor.name: tensor for tensor in tensors}
