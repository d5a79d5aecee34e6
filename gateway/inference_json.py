"""Inference requests and answers as HTTP carries them: JSON, with tensors in the binary form behind it.

https://github.com/kserve/open-inference-protocol and Triton's extensions for binary tensors and classification.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pydantic_core

from gateway.answers import unpack_strings
from gateway.errors import Problem
from gateway.inference import (
    INPUT,
    MOST_CLASSES,
    MOST_MICROSECONDS,
    VERSION,
    InferRequest,
    Tensor,
    Wanted,
    bounded_id,
    bounded_number,
    bounded_text,
    wanted_by_name,
)
from gateway.schema import MAX_VALUES, check_values


def read_request(model: str, body: bytes, json_bytes: int | None) -> InferRequest:
    """What a body asks for.

    Args:
        model: One of the models.
        body: JSON, with tensors behind it.
        json_bytes: Length of the JSON; None: all of it.

    Raises:
        Problem: 400 for what is no such request, 413 for too many JSON values.
    """
    head = body if json_bytes is None else body[:json_bytes]
    if json_bytes is not None and not 0 < json_bytes <= len(body):
        raise Problem(400, f"Inference-Header-Content-Length is {json_bytes}, but the body has {len(body)} bytes.")
    check_values(head)
    try:
        asked = pydantic_core.from_json(head, allow_inf_nan=False)
    except ValueError as error:
        raise Problem(400, f"The body is no JSON that can be read: {error}.") from None
    asked = _object(asked, "the body", ("id", "inputs", "outputs", "parameters"))
    parameters = _object(asked.get("parameters", {}), "parameters", ("binary_data_output", "priority", "timeout"))
    binary = bool(parameters.get("binary_data_output", False))
    return InferRequest(
        model,
        _texts(asked.get("inputs"), body[len(head) :]),
        wanted_by_name(model, list(_outputs(asked.get("outputs", []), binary)), binary=binary),
        bounded_id(asked.get("id", "")),
        bounded_number(parameters.get("priority", 0), "priority", 2**32),
        bounded_number(parameters.get("timeout", 0), "timeout", MOST_MICROSECONDS),
    )


def write_answer(request: InferRequest, tensors: Sequence[Tensor]) -> tuple[bytes, bytes]:
    """The answer: JSON, and what goes behind it."""
    outputs, behind = [], []
    for wanted, tensor in zip(request.wanted, tensors, strict=True):
        told: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype, "shape": tensor.shape}
        if wanted.binary:
            told["parameters"] = {"binary_data_size": len(tensor.raw)}
            behind.append(tensor.raw)
        else:
            told["data"] = tensor.values()
        outputs.append(told)
    answer = {"model_name": request.model, "model_version": VERSION, "outputs": outputs}
    head = json.dumps({"id": request.id, **answer} if request.id else answer, ensure_ascii=False)
    return head.encode(), b"".join(behind)


def _texts(inputs: Any, raw: bytes) -> list[bytes]:
    if not isinstance(inputs, list) or len(inputs) != 1:
        raise Problem(400, f"`inputs` must be a list of one input, {INPUT}.")
    given = _object(inputs[0], "inputs[0]", ("name", "datatype", "shape", "parameters", "data"))
    if given.get("name") != INPUT or given.get("datatype") != "BYTES":
        raise Problem(400, f"The input must have the name {INPUT} and the datatype BYTES.")
    parameters = _object(given.get("parameters", {}), "the input's parameters", ("binary_data_size",))
    if "binary_data_size" not in parameters:
        texts = list(_flat(given.get("data")))
    elif "data" in given or parameters["binary_data_size"] != len(raw):
        size = parameters["binary_data_size"]
        raise Problem(
            400, f"binary_data_size is {size!r}, but {len(raw)} bytes follow the JSON, or `data` is given too."
        )
    else:
        try:
            texts = unpack_strings(raw, MAX_VALUES)
        except ValueError as error:
            raise Problem(400, f"The binary tensor can't be read: {error}.") from None
    if given.get("shape") != [len(texts), 1] or not texts:
        shape = str(given.get("shape"))[:100]
        raise Problem(
            400, f"unexpected shape for input '{INPUT}': it is {shape}, for {len(texts)} texts expected [n, 1]."
        )
    return [bounded_text(text, row) for row, text in enumerate(texts)]


def _flat(data: Any) -> Iterator[bytes]:
    """Texts in one list, or each in a list of its own."""
    if not isinstance(data, list):
        raise Problem(400, "`data` must be a list of texts.")
    for one in data:
        text = one[0] if isinstance(one, list) and len(one) == 1 else one
        if not isinstance(text, str):
            raise Problem(400, f"`data` must be a list of texts, and holds {str(text)[:100]!r}.")
        yield text.encode("utf-8")


def _outputs(outputs: Any, binary: bool) -> Iterator[Wanted]:
    if not isinstance(outputs, list):
        raise Problem(400, "`outputs` must be a list.")
    for number, one in enumerate(outputs):
        place = f"outputs[{number}]"
        given = _object(one, place, ("name", "parameters"))
        parameters = _object(given.get("parameters", {}), f"{place}.parameters", ("binary_data", "classification"))
        classes = bounded_number(parameters.get("classification", 0), f"{place}.classification", MOST_CLASSES)
        yield Wanted(str(given.get("name"))[:100], bool(parameters.get("binary_data", binary)), classes)


def _object(value: Any, place: str, known: Sequence[str]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Problem(400, f"`{place}` must be an object." if place != "the body" else "The body must be an object.")
    for key in value:
        if key not in known:
            raise Problem(400, f"{place} has the key {key[:100]!r}; known are {', '.join(known)}.")
    return value
