"""The Open Inference Protocol over gRPC: the same requests, limits and answers as over HTTP.

Triton is asked over HTTP here as well: its gRPC would cost a second client's processor time for each request.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import grpc
from google.protobuf import json_format
from google.protobuf.message import Message
from tritonclient.grpc import service_pb2 as messages
from tritonclient.grpc.service_pb2_grpc import (
    GRPCInferenceServiceServicer,
    add_GRPCInferenceServiceServicer_to_server,
)

from gateway.answers import Labels, unpack_strings
from gateway.bounded_messages import parse_request
from gateway.engine import Reply, reason_of
from gateway.errors import GatewayError, Problem
from gateway.grpc_access import GrpcAccess
from gateway.inference import (
    INPUT,
    MOST_CLASSES,
    MOST_MICROSECONDS,
    VERSION,
    Inference,
    InferRequest,
    Tensor,
    Wanted,
    bounded_id,
    bounded_number,
    bounded_text,
    known_model,
    wanted_by_name,
)
from gateway.joining import Joiner
from gateway.open_inference import PREFIX
from gateway.records import Record
from gateway.schema import MAX_VALUES
from gateway.tls import Certificate

logger = logging.getLogger(__name__)
Answer = TypeVar("Answer")
Context = Any
"""A grpc.aio.ServicerContext; grpc has no types."""

SERVICE = "inference.GRPCInferenceService"
MAX_CONCURRENT = 4096
"""Calls at a time, of all connections; more are refused at once."""
_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    503: grpc.StatusCode.UNAVAILABLE,
}


class GrpcDoor(GRPCInferenceServiceServicer):  # type: ignore[misc]  # it has no types
    """What is served of the protocol; the other calls are UNIMPLEMENTED.

    Args:
        tell: What Triton says of itself and its models, by the paths of HTTP (`OpenInference.tell`).
        ready: Raises a Problem while a probe text is not answered.
        inference: Answers texts.
        joiner: Through which they go to Triton.
        access: Admits and notes the calls that need a key.
    """

    def __init__(
        self,
        tell: Callable[[str], Awaitable[Reply]],
        ready: Callable[[], Awaitable[None]],
        inference: Inference,
        joiner: Joiner[Labels],
        access: GrpcAccess,
    ) -> None:
        self._tell = tell
        self._ready = ready
        self._inference = inference
        self._joiner = joiner
        self._access = access

    async def ServerLive(self, request: Any, context: Context) -> Message:
        """The process answers."""
        return messages.ServerLiveResponse(live=True)

    async def ServerReady(self, request: Any, context: Context) -> Message:
        """A probe text is answered."""
        try:
            await self._ready()
        except Problem:
            return messages.ServerReadyResponse(ready=False)
        return messages.ServerReadyResponse(ready=True)

    async def ModelReady(self, request: Any, context: Context) -> Message:
        """Triton says that the model is ready."""
        reply = await self._answer(context, "ModelReady", lambda _: self._tell(_path(request, "/ready")))
        return messages.ModelReadyResponse(ready=reply.status == 200)

    async def ServerMetadata(self, request: Any, context: Context) -> Message:
        """Name, version and the extensions that are served."""
        return await self._told(context, "ServerMetadata", PREFIX, messages.ServerMetadataResponse())

    async def ModelMetadata(self, request: Any, context: Context) -> Message:
        """Inputs and outputs of a model."""
        return await self._told(context, "ModelMetadata", _path(request), messages.ModelMetadataResponse())

    async def ModelConfig(self, request: Any, context: Context) -> Message:
        """The model's configuration."""
        return await self._told(
            context, "ModelConfig", _path(request, "/config"), messages.ModelConfigResponse(), "config"
        )

    async def ModelStatistics(self, request: Any, context: Context) -> Message:
        """Counts and times of a model, or of all."""
        path = _path(request, "/stats") if request.name else "/v2/models/stats"
        return await self._told(context, "ModelStatistics", path, messages.ModelStatisticsResponse())

    async def ModelInfer(self, request: Any, context: Context) -> Message:
        """The labels or probabilities of texts."""
        return await self._answer(context, "ModelInfer", lambda record: self._infer(request, record))

    async def _infer(self, request: Any, record: Record) -> Message:
        asked = read_request(request)
        record.texts = len(asked.texts)
        return write_answer(asked, await self._inference.infer(asked, self._joiner.ask))

    async def _told(
        self, context: Context, route: str, path: str, answer: Message, field: str | None = None
    ) -> Message:
        async def tell(_: Record) -> Message:
            reply = await self._tell(path)
            if reply.status != 200:
                raise Problem(reply.status, reason_of(reply))
            told = json.loads(reply.body)
            return json_format.ParseDict({field: told} if field else told, answer, ignore_unknown_fields=True)

        return await self._answer(context, route, tell)

    async def _answer(self, context: Context, route: str, work: Callable[[Record], Awaitable[Answer]]) -> Answer:
        """What comes of it; a Problem, or a fault of the gateway's own, ends the call with its status."""
        try:
            with self._access.call(context, route) as record:
                return await work(record)
        except Problem as problem:
            await _abort(context, problem)
        except Exception:
            logger.exception("A gRPC call failed.")
            await _abort(context, Problem(500, "The gateway failed; its log tells more."))
        raise AssertionError("abort raises")


async def start_grpc(
    door: GrpcDoor, host: str, port: int, max_body: int, certificate: Certificate | None = None
) -> grpc.aio.Server:
    """Starts listening.

    Args:
        door: What answers.
        host: An address of this machine.
        port: Of gRPC.
        max_body: Bytes of a message.
        certificate: For TLS; None: without.

    Raises:
        GatewayError: Nothing can listen there.
    """
    server = grpc.aio.server(
        maximum_concurrent_rpcs=MAX_CONCURRENT,
        options=[
            ("grpc.max_receive_message_length", max_body),
            ("grpc.max_send_message_length", -1),
            ("grpc.max_metadata_size", 32 << 10),
            ("grpc.so_reuseport", 0),
            # A client behind a NAT asks every so often whether the connection is still there.
            ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
            ("grpc.keepalive_permit_without_calls", 1),
        ],
    )
    add_GRPCInferenceServiceServicer_to_server(door, server)
    infer = grpc.unary_unary_rpc_method_handler(
        door.ModelInfer,
        request_deserializer=parse_request,
        response_serializer=messages.ModelInferResponse.SerializeToString,
    )
    server.add_registered_method_handlers(SERVICE, {"ModelInfer": infer})
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        if certificate is None:
            server.add_insecure_port(where)
        else:
            server.add_secure_port(where, credentials(certificate))
    except RuntimeError:
        raise GatewayError(f"Nothing can listen at {host} port {port}: see `python -m serving preflight`.") from None
    await server.start()
    return server


def credentials(certificate: Certificate) -> grpc.ServerCredentials:
    """For a port with TLS: each new connection gets the certificate that was loaded last."""
    loaded = certificate.pem

    def configured() -> Any:
        key, chain = certificate.pem
        return grpc.ssl_server_certificate_configuration([(key, chain)])

    def changed() -> Any:
        nonlocal loaded
        if certificate.pem == loaded:
            return None
        loaded = certificate.pem
        return configured()

    return grpc.dynamic_ssl_server_credentials(configured(), changed)


def read_request(request: Any) -> InferRequest:
    """What a ModelInferRequest asks for.

    Raises:
        Problem: It is no request for a model that is served.
    """
    model = known_model(request.model_name, request.model_version)
    parameters = {name: _value(value) for name, value in request.parameters.items()}
    _only_known(parameters, "the request", ("priority", "timeout", "binary_data_output"))
    wanted = []
    for output in request.outputs:
        own = {name: _value(value) for name, value in output.parameters.items()}
        _only_known(own, f"output {output.name[:100]}", ("classification", "binary_data"))
        classes = bounded_number(own.get("classification", 0), "classification", MOST_CLASSES)
        wanted.append(Wanted(output.name, classes=classes))
    return InferRequest(
        model,
        _texts(request),
        wanted_by_name(model, wanted),
        bounded_id(request.id),
        bounded_number(parameters.get("priority", 0), "priority", 2**32),
        bounded_number(parameters.get("timeout", 0), "timeout", MOST_MICROSECONDS),
    )


def write_answer(request: InferRequest, tensors: Sequence[Tensor]) -> Message:
    """The ModelInferResponse, its tensors in the binary form."""
    described = [
        messages.ModelInferResponse.InferOutputTensor(name=one.name, datatype=one.datatype, shape=one.shape)
        for one in tensors
    ]
    return messages.ModelInferResponse(
        model_name=request.model,
        model_version=VERSION,
        id=request.id,
        outputs=described,
        raw_output_contents=[one.raw for one in tensors],
    )


def _texts(request: Any) -> list[bytes]:
    if len(request.inputs) != 1 or request.inputs[0].name != INPUT or request.inputs[0].datatype != "BYTES":
        raise Problem(400, f"There must be one input, with the name {INPUT} and the datatype BYTES.")
    (given,) = request.inputs
    _only_known(dict.fromkeys(given.parameters), "the input", ())
    if request.raw_input_contents:
        if len(request.raw_input_contents) != 1 or given.contents.bytes_contents:
            raise Problem(400, "Give the texts once: in raw_input_contents, or in the input's bytes_contents.")
        try:
            texts = unpack_strings(request.raw_input_contents[0], MAX_VALUES)
        except ValueError as error:
            raise Problem(400, f"The binary tensor can't be read: {error}.") from None
    else:
        texts = list(given.contents.bytes_contents)
    if list(given.shape) != [len(texts), 1] or not texts:
        shape = str(list(given.shape[:10]))
        raise Problem(
            400, f"unexpected shape for input '{INPUT}': it is {shape}, for {len(texts)} texts expected [n, 1]."
        )
    return [bounded_text(text, row) for row, text in enumerate(texts)]


def _value(parameter: Any) -> object:
    kind = parameter.WhichOneof("parameter_choice")
    return getattr(parameter, kind) if kind else None


def _only_known(parameters: dict[str, Any], place: str, known: Sequence[str]) -> None:
    for name in parameters:
        if name not in known:
            there = f"known are {', '.join(known)}" if known else "none is known"
            raise Problem(400, f"{place} has the parameter {name[:100]!r}; {there}.")


def _path(request: Any, behind: str = "") -> str:
    """The path of HTTP that asks the same of a model."""
    version = f"/versions/{request.version}" if request.version else ""
    return f"{PREFIX}/models/{request.name}{version}{behind}"


async def _abort(context: Context, problem: Problem) -> None:
    behind = (*(context.trailing_metadata() or ()), *problem.headers.items())
    code = _CODES.get(problem.status, grpc.StatusCode.INTERNAL)
    await context.abort(code, problem.detail, behind)
