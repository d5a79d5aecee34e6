"""The steps of a conversation as calls and answers of gRPC; who makes the calls is left to the transports."""

from __future__ import annotations

from typing import Any

from google.protobuf.json_format import MessageToDict
from tritonclient.grpc import service_pb2 as messages

from .conversation import AskReady, Exchange, Infer, ReadConfig
from .errors import ProtocolError, TaggerError, TaggerTimeoutError
from .failures import late, no_tls, refused
from .payload import TEXT
from .tensors import Arrays, pack_texts, unpack


def calls_of(step: Exchange) -> list[tuple[str, Any]]:
    """Methods and messages for a step, one after the other. The outcome is the last one's, or the first that is no."""
    if isinstance(step, Infer):
        return [("ModelInfer", _infer_request(step))]
    if isinstance(step, ReadConfig):
        return [("ModelConfig", messages.ModelConfigRequest(name=step.model))]
    return [
        ("ServerReady", messages.ServerReadyRequest()),
        ("ModelReady", messages.ModelReadyRequest(name=step.model)),
    ]


def outcome_of(step: Exchange, answer: Any, where: str) -> Any:
    """What an answer to one of the step's calls means.

    Raises:
        ProtocolError: It is not one of a product tagger.
    """
    if isinstance(step, AskReady):
        return bool(answer.ready)
    if isinstance(step, Infer):
        return _read_arrays(answer, where)
    # The names of its fields as Triton writes them in JSON.
    return MessageToDict(answer.config, preserving_proto_field_name=True)


def failure_of(error: Any, timeout: float, where: str) -> TaggerError:
    """The exception for a call that failed: a `grpc.RpcError`."""
    status, message = error.code().name, error.details() or "without a reason"
    if status == "UNAVAILABLE" and "handshake failed" in message.lower():
        return no_tls(message, where)
    told = [value for name, value in error.trailing_metadata() or () if name == "retry-after"]
    found = refused(status, message, where, str(told[0]) if told else None)
    if isinstance(found, TaggerTimeoutError) and status == "DEADLINE_EXCEEDED":
        return late(timeout, where)
    return found


def _infer_request(step: Infer) -> Any:
    request = messages.ModelInferRequest(model_name=step.model, raw_input_contents=[pack_texts(step.texts)])
    request.inputs.add(name=TEXT, datatype="BYTES", shape=[len(step.texts), 1])
    for name in step.outputs:
        output = request.outputs.add(name=name)
        if step.classes:
            output.parameters["classification"].int64_param = step.classes
    request.parameters["timeout"].int64_param = max(1, int(step.timeout * 1e6))
    return request


def _read_arrays(answer: Any, where: str) -> Arrays:
    """The outputs of an inference by name."""
    if len(answer.outputs) != len(answer.raw_output_contents):
        raise ProtocolError(f"the answer of the server at {where} cannot be read: its outputs are not raw contents")
    return {
        tensor.name: unpack(tensor.name, tensor.datatype, tensor.shape, raw)
        for tensor, raw in zip(answer.outputs, answer.raw_output_contents, strict=True)
    }
