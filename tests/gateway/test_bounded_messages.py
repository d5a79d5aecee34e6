"""Requests in protobuf are counted before they are parsed."""

from __future__ import annotations

import contextlib

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.grpc import service_pb2 as messages

from gateway.answers import pack_strings, unpack_strings
from gateway.bounded_messages import MOST_FIELDS, parse_request

REQUEST = messages.ModelInferRequest(
    model_name="product_tagger",
    id="7",
    parameters={"timeout": messages.InferParameter(int64_param=2**40)},
    inputs=[messages.ModelInferRequest.InferInputTensor(name="TEXT", datatype="BYTES", shape=[2, 1])],
    outputs=[messages.ModelInferRequest.InferRequestedOutputTensor(name="TAGS")],
    raw_input_contents=[b"\x05\0\0\0phone\x03\0\0\0tea"],
)


def test_a_usual_request_is_parsed_as_it_is() -> None:
    assert parse_request(REQUEST.SerializeToString()) == REQUEST


@pytest.mark.parametrize(
    "raw",
    [
        b"\x2a\x00" * (MOST_FIELDS + 1),
        b"\x2a\xc2\xc2\x02" + b"\x2a\x00" * 20_513,
        b"\x42\x00" * (MOST_FIELDS + 1),
        b"\x2a\xff\xff\xff\xff\x0f",
        b"\x2a\x05\x00",
        b"\xff" * 20,
        b"\x0b" * 8,
        b"\x09\x00",
    ],
    ids=["inputs", "in-an-input", "unknown", "long", "short", "varint", "group", "double"],
)
def test_too_many_fields_and_what_is_no_message_are_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="the message"):
        parse_request(raw)


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused(raw: bytes) -> None:
    with contextlib.suppress(ValueError, DecodeError):
        parse_request(raw)


def test_a_tensor_of_very_many_strings_is_refused_before_they_are_made() -> None:
    assert unpack_strings(pack_strings([b"a", b""]), 2) == [b"a", b""]
    with pytest.raises(ValueError, match="more than 2 strings"):
        unpack_strings(bytes(16 << 20), 2)
