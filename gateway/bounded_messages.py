"""A protobuf message is counted before it is parsed: of 16 MiB of empty fields a parser makes a gigabyte."""

from __future__ import annotations

from typing import Any

from tritonclient.grpc import service_pb2 as messages

MOST_FIELDS = 20_000
_PART = 5
"""Number of `inputs` in a request, and of `contents` in an input: the parts that may hold very many fields."""
_PARTS_DEPTH = 2
_LONGEST_VARINT = 10


def parse_request(raw: bytes) -> Any:
    """A ModelInferRequest of bounded size.

    Raises:
        ValueError: It has too many fields, or is none.
    """
    _count(raw, 0, len(raw), _PARTS_DEPTH, 0)
    return messages.ModelInferRequest.FromString(raw)


def _count(raw: bytes, place: int, end: int, depth: int, fields: int) -> int:
    """Fields so far, with those between two places (https://protobuf.dev/programming-guides/encoding/)."""
    while place < end:
        fields += 1
        if fields > MOST_FIELDS:
            raise ValueError(f"the message has more than {MOST_FIELDS:,} fields")
        key, place = _varint(raw, place, end)
        kind = key & 7
        if kind == 0:
            _, place = _varint(raw, place, end)
        elif kind == 2:
            length, place = _varint(raw, place, end)
            if depth and key >> 3 == _PART and place + length <= end:
                fields = _count(raw, place, place + length, depth - 1, fields)
            place += length
        elif kind in (1, 5):
            place += 8 if kind == 1 else 4
        else:
            raise ValueError("the message holds a group")
    if place > end:
        raise ValueError("the message ends within a field")
    return fields


def _varint(raw: bytes, place: int, end: int) -> tuple[int, int]:
    value = shift = 0
    for at in range(place, min(end, place + _LONGEST_VARINT)):
        value |= (raw[at] & 0x7F) << shift
        shift += 7
        if raw[at] < 0x80:
            return value, at + 1
    raise ValueError("the message ends within a number, or the number is too long")
