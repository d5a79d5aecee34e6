"""The steps of a conversation as requests and answers of HTTP; who sends them is left to the transports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from .conversation import AskReady, Exchange, Infer, ReadConfig
from .errors import ProtocolError
from .failures import refused
from .payload import TEXT
from .tensors import Arrays, pack_texts, unpack

HEADER_LENGTH = "Inference-Header-Content-Length"
"""Tells how many bytes of the body are JSON; the tensors' contents follow them."""
MAX_ANSWER_BYTES = 256 * 1024 * 1024
"""Of an answer that has more is not a product tagger's."""
_LONGEST_REASON = 65_536
_SAID_BY_PROXIES = ("401", "403", "408", "413", "429")
"""Errors that a proxy before a product tagger gives, in words of its own; beside those from 500."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request of HTTP.

    Attributes:
        method: GET or POST.
        path: With the endpoint's own in front.
        headers: Those of this request.
        body: Empty with GET.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """One answer of HTTP.

    Attributes:
        status: 200 and the like.
        headers: Names in lower case.
        body: Whole.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


def requests_of(step: Exchange, path: str) -> list[Request]:
    """What is asked for a step, one after the other. The outcome is the last one's, or the first that is no."""
    model = f"{path}/v2/models/{quote(step.model)}"
    if isinstance(step, Infer):
        return [_infer_request(step, f"{model}/infer")]
    if isinstance(step, ReadConfig):
        return [Request("GET", f"{model}/config")]
    return [Request("GET", f"{path}/v2/health/ready"), Request("GET", f"{model}/ready")]


def outcome_of(step: Exchange, response: Response, where: str) -> Any:
    """What an answer to one of the step's requests means.

    Raises:
        TaggerError: It is an error, or not one of the protocol.
    """
    if isinstance(step, AskReady) and response.status in (400, 503):
        return False
    _check_status(response, where)
    if isinstance(step, Infer):
        return _read_arrays(response, step, where)
    return True if isinstance(step, AskReady) else _json_object(response, response.body, where)


def _infer_request(step: Infer, path: str) -> Request:
    """JSON, and the texts behind it."""
    texts = pack_texts(step.texts)
    outputs: list[dict[str, Any]] = [{"name": name, "parameters": {"binary_data": True}} for name in step.outputs]
    if step.classes:
        for output in outputs:
            output["parameters"]["classification"] = step.classes
    parameters = {"binary_data_size": len(texts)}
    header = {
        "inputs": [{"name": TEXT, "shape": [len(step.texts), 1], "datatype": "BYTES", "parameters": parameters}],
        "outputs": outputs,
        "parameters": {"timeout": max(1, int(step.timeout * 1e6))},
    }
    head = json.dumps(header, separators=(",", ":")).encode()
    headers = {"Content-Type": "application/octet-stream", HEADER_LENGTH: str(len(head))}
    return Request("POST", path, headers, head + texts)


def _read_arrays(response: Response, step: Infer, where: str) -> Arrays:
    """The outputs of an inference by name."""
    head_bytes = len(response.body)
    if (told := response.headers.get(HEADER_LENGTH.lower())) is not None:
        head_bytes = int(told) if told.isdecimal() and len(told) < 12 else -1
        if not 0 <= head_bytes <= len(response.body):
            raise ProtocolError(f"what answers at {where} is not a product tagger: its {HEADER_LENGTH} is {told[:40]}")
    head = _json_object(response, response.body[:head_bytes], where)
    contents = memoryview(response.body)[head_bytes:]
    arrays = {}
    start = 0
    try:
        for tensor in head["outputs"]:
            size = int(tensor["parameters"]["binary_data_size"])
            if not 0 <= size <= len(contents) - start:
                raise ValueError("a tensor ends behind the answer")
            name, shape = str(tensor["name"]), [int(dimension) for dimension in tensor["shape"]]
            arrays[name] = unpack(name, str(tensor["datatype"]), shape, contents[start : start + size])
            start += size
    except (KeyError, TypeError, ValueError) as error:
        raise ProtocolError(f"the answer of the server at {where} to {step.model} cannot be read: {error!r}") from None
    return arrays


def _check_status(response: Response, where: str) -> None:
    """Raises for an answer of another status than 200."""
    status = response.status
    if status == 200:
        return
    if 300 <= status < 400:
        target = response.headers.get("location", "nowhere")[:200]
        raise ProtocolError(f"the server at {where} sends this client on to {target}: give that address itself")
    said = _sentence(response)
    if said is None and str(status) not in _SAID_BY_PROXIES and status < 500:
        raise ProtocolError(
            f"what answers at {where} is not a product tagger: it gives HTTP status {status} ({_kind(response)}); "
            "see whether address and port are right"
        )
    raise refused(str(status), said or f"HTTP status {status}", where, response.headers.get("retry-after"))


def _json_object(response: Response, raw: bytes, where: str) -> Mapping[str, Any]:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ProtocolError(
            f"what answers at {where} is not a product tagger: an answer of {len(raw)} bytes ({_kind(response)}) "
            "is not a JSON object; see whether address and port are right"
        )
    return value


def _sentence(response: Response) -> str | None:
    """Why a request was refused, in the server's words; None where they are not those of a product tagger."""
    try:
        value = json.loads(response.body[:_LONGEST_REASON])
    except (ValueError, RecursionError):
        return None
    said = (value.get("error") or value.get("detail")) if isinstance(value, dict) else None
    return said if isinstance(said, str) else None


def _kind(response: Response) -> str:
    return response.headers.get("content-type", "of no type")[:80]
