"""Tensors of a Triton answer, taken apart by row."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Labels(NamedTuple):
    """What product_tagger says of one text: category (empty for an abstention), tags with the best first."""

    category: bytes
    score: float
    tags: tuple[bytes, ...]
    tag_scores: tuple[float, ...]
    truncated: bool


def pack_strings(strings: Sequence[bytes]) -> bytes:
    """BYTES in the binary form: each with its length before it, four bytes, the least first."""
    return b"".join([part for one in strings for part in (len(one).to_bytes(4, "little"), one)])


def unpack_strings(raw: bytes, most: int | None = None) -> list[bytes]:
    """The other way.

    Args:
        raw: The binary form.
        most: Strings there may be; None: any number.

    Raises:
        ValueError: A length goes beyond the end, or there are more strings.
    """
    strings: list[bytes] = []
    place, end = 0, len(raw)
    while place < end:
        start = place + 4
        place = start + int.from_bytes(raw[place:start], "little")
        if start > end or place > end:
            raise ValueError("a string's length goes beyond the data's end")
        if most is not None and len(strings) >= most:
            raise ValueError(f"there are more than {most:,} strings")
        strings.append(raw[start:place])
    return strings


def floats(raw: bytes) -> tuple[float, ...]:
    """FP32 in the binary form."""
    return struct.unpack(f"<{len(raw) // 4}f", raw)


def read_rows(outputs: Mapping[str, bytes], count: int) -> list[Labels]:
    """The rows of an answer to `count` texts, by the binary form of its tensors.

    Raises:
        ValueError: A tensor has another size than its neighbours.
        KeyError: One is missing.
    """
    truncated = [value != 0 for value in outputs["TRUNCATED"]]
    if len(truncated) != count:
        raise ValueError(f"TRUNCATED has {len(truncated)} rows, not {count}")
    categories, scores = unpack_strings(outputs["CATEGORY"]), floats(outputs["CATEGORY_SCORE"])
    names, tag_scores = unpack_strings(outputs["TAGS"]), floats(outputs["TAG_SCORES"])
    width = len(names) // count
    if not (len(categories) == len(scores) == count and len(names) == len(tag_scores) == width * count):
        raise ValueError("the tensors of an answer have different numbers of rows")
    rows: list[Labels] = []
    for row, (category, score) in enumerate(zip(categories, scores, strict=True)):
        start = row * width
        tags = tuple(name for name in names[start : start + width] if name)
        rows.append(Labels(category, score, tags, tag_scores[start : start + len(tags)], truncated[row]))
    return rows
