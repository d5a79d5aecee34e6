"""Tensors as the Open Inference Protocol carries them, the same over HTTP and gRPC: raw, little-endian, in rows."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import ProtocolError

Arrays = Mapping[str, npt.NDArray[Any]]

_NUMBERS = {"FP32": "<f4", "FP64": "<f8", "BOOL": "|b1"}
_BYTES = "BYTES"
_LENGTH = struct.Struct("<I")


def pack_texts(texts: Sequence[bytes]) -> bytes:
    """A BYTES tensor's content: each element behind its length in four bytes."""
    return b"".join([part for text in texts for part in (_LENGTH.pack(len(text)), text)])


def unpack(name: str, datatype: str, shape: Sequence[int], raw: bytes | memoryview) -> npt.NDArray[Any]:
    """The array of a tensor's content.

    Args:
        name: The tensor's, for messages.
        datatype: As the protocol writes it: BYTES, FP32, FP64 or BOOL.
        shape: Its dimensions.
        raw: Its content.

    Raises:
        ProtocolError: The content has another length than type and shape say, or the type is none of these.
    """
    if any(dimension < 0 for dimension in shape):
        raise ProtocolError(f"the server's output {name} has the shape {list(shape)}")
    count = math.prod(shape)
    if datatype == _BYTES:
        array = np.empty(count, dtype=np.object_) if count * _LENGTH.size <= len(raw) else None
        if array is None or not _unpack_texts(raw, array):
            raise _wrong_length(name, datatype, shape, raw)
        return array.reshape(shape)
    kind = _NUMBERS.get(datatype)
    if kind is None:
        raise ProtocolError(f"the server's output {name} has the type {datatype}, which a product tagger's never has")
    if count * np.dtype(kind).itemsize != len(raw):
        raise _wrong_length(name, datatype, shape, raw)
    return np.frombuffer(raw, dtype=kind).reshape(shape)


def _unpack_texts(raw: bytes | memoryview, array: npt.NDArray[np.object_]) -> bool:
    """Fills the array; False where the content ends too early or too late."""
    view, start = memoryview(raw), 0
    for place in range(len(array)):
        if start + _LENGTH.size > len(view):
            return False
        stop = start + _LENGTH.size + _LENGTH.unpack_from(view, start)[0]
        if stop > len(view):
            return False
        array[place] = bytes(view[start + _LENGTH.size : stop])
        start = stop
    return start == len(view)


def _wrong_length(name: str, datatype: str, shape: Sequence[int], raw: bytes | memoryview) -> ProtocolError:
    return ProtocolError(
        f"the server's output {name} holds {len(raw)} bytes, which do not fit {datatype} {list(shape)}"
    )
