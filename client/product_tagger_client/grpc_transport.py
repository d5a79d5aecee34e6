"""The steps of a conversation, carried out over gRPC."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Mapping
from typing import Any, ClassVar

import grpc
import grpc.aio
from google.protobuf.json_format import MessageToDict
from tritonclient.grpc import service_pb2 as messages
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from .access import Access
from .conversation import AskReady, Infer, ReadConfig
from .endpoint import Endpoint
from .errors import ProtocolError, TaggerError, TaggerTimeoutError
from .failures import late, no_tls, not_grpc, refused
from .payload import TEXT
from .tensors import Arrays, pack_texts, unpack

# Reconnect within seconds: gRPC's own back-off grows to two minutes, and a server that is back would wait for it.
_CHANNEL_ARGS = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
]


def channel_options(endpoint: Endpoint) -> list[tuple[str, int]]:
    """The channel's options. gRPC would send even what is for this machine to the proxy that `http_proxy` names."""
    return [*_CHANNEL_ARGS, ("grpc.enable_http_proxy", 0)] if endpoint.is_loopback else _CHANNEL_ARGS


def infer_request(step: Infer) -> Any:
    """The message of an inference."""
    request = messages.ModelInferRequest(model_name=step.model, raw_input_contents=[pack_texts(step.texts)])
    request.inputs.add(name=TEXT, datatype="BYTES", shape=[len(step.texts), 1])
    for name in step.outputs:
        output = request.outputs.add(name=name)
        if step.classes:
            output.parameters["classification"].int64_param = step.classes
    request.parameters["timeout"].int64_param = max(1, int(step.timeout * 1e6))
    return request


def read_arrays(answer: Any, where: str) -> Arrays:
    """The outputs of an inference by name.

    Raises:
        ProtocolError: They are not given as raw contents, or these do not fit them.
    """
    if len(answer.outputs) != len(answer.raw_output_contents):
        raise ProtocolError(f"the answer of the server at {where} cannot be read: its outputs are not raw contents")
    return {
        tensor.name: unpack(tensor.name, tensor.datatype, tensor.shape, raw)
        for tensor, raw in zip(answer.outputs, answer.raw_output_contents, strict=True)
    }


def read_config(answer: Any) -> Mapping[str, Any]:
    """A model's configuration, with the names of its fields as Triton writes them in JSON."""
    config: Mapping[str, Any] = MessageToDict(answer.config, preserving_proto_field_name=True)
    return config


def failure(error: Any, timeout: float, where: str) -> TaggerError:
    """The exception for a call that failed: a `grpc.RpcError`."""
    status, message = error.code().name, error.details() or "without a reason"
    if status == "UNAVAILABLE" and "handshake failed" in message.lower():
        return no_tls(message, where)
    told = [value for name, value in error.trailing_metadata() or () if name == "retry-after"]
    found = refused(status, message, where, str(told[0]) if told else None)
    if isinstance(found, TaggerTimeoutError) and status == "DEADLINE_EXCEEDED":
        return late(timeout, where)
    return found


def may_be_http(error: Any) -> bool:
    """Whether a call failed as one to a port of HTTP does."""
    message = (error.details() or "").lower()
    return error.code().name == "UNAVAILABLE" and ("socket closed" in message or "http1.x" in message)


def speaks_http(endpoint: Endpoint, timeout: float) -> bool:
    """Asks the port in HTTP: gRPC does not tell who closed the connection."""
    try:
        with socket.create_connection((endpoint.host, endpoint.port), min(timeout, 1.0)) as probe:
            probe.settimeout(min(timeout, 1.0))
            probe.sendall(b"GET /v2/health/live HTTP/1.0\r\n\r\n")
            return probe.recv(5) == b"HTTP/"
    except OSError:
        return False


class GrpcTransport:
    """Blocking; one of it may be used by many threads at once, and after a fork by both processes.

    gRPC survives a fork only where no thread was within it: else a call in the child may wait for ever.
    """

    _calling: ClassVar[set[tuple[int, int]]] = set()
    """Process and thread of each call under way, of all objects: what a fork spoils is the process's, not an object's.
    Without a lock, as another thread might hold it at the fork."""

    def __init__(self, endpoint: Endpoint, access: Access) -> None:
        self._endpoint = endpoint
        self._access = access
        self._metadata = tuple(access.headers.items())
        self._where = str(endpoint)
        self._process = 0

    def infer(self, step: Infer) -> Arrays:
        """Sends texts and returns the outputs by name."""
        return read_arrays(self._call("ModelInfer", infer_request(step), step.timeout), self._where)

    def read_config(self, step: ReadConfig) -> Mapping[str, Any]:
        """Returns the model's configuration."""
        return read_config(self._call("ModelConfig", messages.ModelConfigRequest(name=step.model), step.timeout))

    def ask_ready(self, step: AskReady) -> bool:
        """Whether server and model are ready."""
        return bool(
            self._call("ServerReady", messages.ServerReadyRequest(), step.timeout).ready
            and self._call("ModelReady", messages.ModelReadyRequest(name=step.model), step.timeout).ready
        )

    def close(self) -> None:
        """Closes the connection. A later call opens another."""
        if self._process == os.getpid():
            self._process = 0
            self._channel.close()

    def _call(self, method: str, request: Any, timeout: float) -> Any:
        place = (os.getpid(), threading.get_ident())
        if self._process != place[0]:
            self._open(place[0])
        self._calling.add(place)
        try:
            return getattr(self._stub, method)(request, timeout=timeout, metadata=self._metadata)
        except grpc.RpcError as error:
            if may_be_http(error) and speaks_http(self._endpoint, timeout):
                raise not_grpc(self._where) from None
            raise failure(error, timeout, self._where) from None
        finally:
            self._calling.discard(place)

    def _open(self, process: int) -> None:
        if any(other != process for other, _ in tuple(self._calling)):
            raise TaggerError(
                "this process was forked while another thread was asking over gRPC, which gRPC does not survive: "
                "start processes by spawn or forkserver, or use an http:// address"
            )
        options = channel_options(self._endpoint)
        if self._endpoint.secure:
            credentials = grpc.ssl_channel_credentials(self._access.roots())
            channel = grpc.secure_channel(self._endpoint.address, credentials, options)
        else:
            channel = grpc.insecure_channel(self._endpoint.address, options)
        self._channel, self._stub, self._process = channel, GRPCInferenceServiceStub(channel), process


class AsyncGrpcTransport:
    """The same, asynchronous; belongs to the event loop in which it is made."""

    def __init__(self, endpoint: Endpoint, access: Access) -> None:
        self._endpoint = endpoint
        self._metadata = tuple(access.headers.items())
        self._where = str(endpoint)
        options = channel_options(endpoint)
        if endpoint.secure:
            credentials = grpc.ssl_channel_credentials(access.roots())
            self._channel = grpc.aio.secure_channel(endpoint.address, credentials, options)
        else:
            self._channel = grpc.aio.insecure_channel(endpoint.address, options)
        self._stub = GRPCInferenceServiceStub(self._channel)

    async def infer(self, step: Infer) -> Arrays:
        """Sends texts and returns the outputs by name."""
        return read_arrays(await self._call("ModelInfer", infer_request(step), step.timeout), self._where)

    async def read_config(self, step: ReadConfig) -> Mapping[str, Any]:
        """Returns the model's configuration."""
        return read_config(await self._call("ModelConfig", messages.ModelConfigRequest(name=step.model), step.timeout))

    async def ask_ready(self, step: AskReady) -> bool:
        """Whether server and model are ready."""
        server = await self._call("ServerReady", messages.ServerReadyRequest(), step.timeout)
        if not server.ready:
            return False
        return bool((await self._call("ModelReady", messages.ModelReadyRequest(name=step.model), step.timeout)).ready)

    async def close(self) -> None:
        """Closes the connection."""
        await self._channel.close()

    async def _call(self, method: str, request: Any, timeout: float) -> Any:
        try:
            return await getattr(self._stub, method)(request, timeout=timeout, metadata=self._metadata)
        except grpc.RpcError as error:
            if may_be_http(error) and await asyncio.to_thread(speaks_http, self._endpoint, timeout):
                raise not_grpc(self._where) from None
            raise failure(error, timeout, self._where) from None
