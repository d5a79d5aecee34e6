"""One request over HTTP or gRPC, under gevent; encoded before, and of the answer only its success is looked at.

The load generator often shares its cores with the server, and what it computes is taken from it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any, Protocol

import geventhttpclient
import geventhttpclient.response
import grpc

METHOD = "/inference.GRPCInferenceService/ModelInfer"
MODEL = "product_tagger"
REQUESTS = 4000


class Caller(Protocol):
    """A connection, or several, to one server."""

    def call(self, request: bytes) -> str:
        """Sends a request and waits for the answer; empty when it was a good one, else what came instead."""
        ...

    def close(self) -> None:
        """Closes the connections."""
        ...


class HttpCaller:
    """Connections that are kept alive.

    Args:
        host: Where the server listens.
        port: Its port for HTTP.
        connections: Most of them; a request beyond waits for one to get free.
        timeout: Seconds without a byte of the answer after which a request is given up.
    """

    def __init__(self, host: str, port: int, connections: int, timeout: float) -> None:
        self._timeout = timeout
        self._path = f"/v2/models/{MODEL}/infer"
        self._client = geventhttpclient.HTTPClient(
            host, port, concurrency=connections, connection_timeout=timeout, network_timeout=timeout
        )

    def call(self, request: bytes) -> str:
        """Sends the body of a request."""
        try:
            answer = self._client.post(self._path, request, {"Content-Type": "application/json"})
            body = bytes(answer.read())
        except TimeoutError:
            return f"no answer within {self._timeout:g} s"
        except (OSError, geventhttpclient.response.HTTPParseError) as error:
            return f"{type(error).__name__}: {error}"
        return "" if answer.status_code == 200 else f"{answer.status_code}: {body[:200].decode('utf-8', 'replace')}"

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()


class GrpcCaller:
    """A channel with a connection of its own; bytes in, bytes out.

    Args:
        host: Where the server listens.
        port: Its port for gRPC.
        timeout: Seconds after which a request is given up.
    """

    def __init__(self, host: str, port: int, timeout: float) -> None:
        self._timeout = timeout
        # Without this all channels to one address share one connection.
        own = [("grpc.use_local_subchannel_pool", 1)]
        self._channel: Any = grpc.insecure_channel(f"{host}:{port}", options=own)
        self._method = self._channel.unary_unary(METHOD)

    def call(self, request: bytes) -> str:
        """Sends an encoded ModelInferRequest."""
        try:
            self._method(request, timeout=self._timeout)
        except grpc.RpcError as error:
            told: Any = error
            if told.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
                return f"no answer within {self._timeout:g} s"
            return f"{told.code().name}: {told.details()}"
        return ""

    def close(self) -> None:
        """Closes the channel."""
        self._channel.close()


def encode(protocol: str, texts: Sequence[str]) -> bytes:
    """A request for some texts: the HTTP body, or the gRPC message."""
    if protocol == "grpc":
        from tritonclient.grpc import service_pb2

        request = service_pb2.ModelInferRequest(model_name=MODEL)
        tensor = request.inputs.add(name="TEXT", datatype="BYTES", shape=[len(texts), 1])
        tensor.contents.bytes_contents.extend(text.encode() for text in texts)
        encoded: bytes = request.SerializeToString()
        return encoded
    tensor_json = {"name": "TEXT", "datatype": "BYTES", "shape": [len(texts), 1], "data": list(texts)}
    return json.dumps({"inputs": [tensor_json]}, ensure_ascii=False).encode()


def encode_all(protocol: str, texts: Sequence[str], batch_size: int) -> list[bytes]:
    """Requests of one size, in which each text comes as often as the others.

    A batch takes texts at random: cut from the list in its order, every run of the list would send the same batches.
    """
    if batch_size == 1:
        return [encode(protocol, [text]) for text in texts]
    draw = random.Random(batch_size)
    count = max(50, min(REQUESTS // batch_size, len(texts)))
    return [encode(protocol, draw.choices(texts, k=batch_size)) for _ in range(count)]
