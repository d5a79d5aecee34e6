"""The steps of a conversation, carried out over gRPC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.utils import InferenceServerException

from .conversation import Arrays, AskReady, Infer, ReadConfig
from .endpoint import Endpoint
from .errors import TaggerError, TaggerTimeoutError
from .failures import late, refused
from .payload import TEXT

# Reconnect within seconds: gRPC's own back-off grows to two minutes, and a server that is back would wait for it.
_CHANNEL_ARGS = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
]


def _channel_args(endpoint: Endpoint) -> list[tuple[str, int]]:
    """The channel's options. gRPC would send even what is for this machine to the proxy that `http_proxy` names."""
    host = endpoint.address.rsplit(":", 1)[0]
    is_loopback = host in ("localhost", "[::1]") or host.startswith("127.")
    return [*_CHANNEL_ARGS, ("grpc.enable_http_proxy", 0)] if is_loopback else _CHANNEL_ARGS


def _arguments(step: Infer) -> dict[str, Any]:
    text = triton.InferInput(TEXT, list(step.texts.shape), "BYTES")
    text.set_data_from_numpy(step.texts)
    return {
        "model_name": step.model,
        "inputs": [text],
        "outputs": [triton.InferRequestedOutput(name, class_count=step.classes) for name in step.outputs],
        "timeout": max(1, int(step.timeout * 1e6)),
        "client_timeout": step.timeout,
    }


def _failure(error: InferenceServerException, timeout: float, where: str) -> TaggerError:
    failure = refused(error.status(), str(error.message()), where)
    if isinstance(failure, TaggerTimeoutError) and "DEADLINE_EXCEEDED" in str(error.status()):
        return late(timeout, where)
    return failure


class GrpcTransport:
    """Blocking; one of it may be used by many threads at once."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._where = str(endpoint)
        self._client = triton.InferenceServerClient(
            endpoint.address, ssl=endpoint.secure, channel_args=_channel_args(endpoint)
        )

    def infer(self, step: Infer) -> Arrays:
        """Sends texts and returns the outputs by name."""
        try:
            result = self._client.infer(**_arguments(step))
        except InferenceServerException as error:
            raise _failure(error, step.timeout, self._where) from None
        return {name: result.as_numpy(name) for name in step.outputs}

    def read_config(self, step: ReadConfig) -> Mapping[str, Any]:
        """Returns the model's configuration."""
        try:
            answer = self._client.get_model_config(step.model, as_json=True, client_timeout=step.timeout)
        except InferenceServerException as error:
            raise _failure(error, step.timeout, self._where) from None
        config: Mapping[str, Any] = answer["config"]
        return config

    def ask_ready(self, step: AskReady) -> bool:
        """Whether server and model are ready."""
        try:
            return bool(
                self._client.is_server_ready(client_timeout=step.timeout)
                and self._client.is_model_ready(step.model, client_timeout=step.timeout)
            )
        except InferenceServerException as error:
            raise _failure(error, step.timeout, self._where) from None

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()


class AsyncGrpcTransport:
    """The same, asynchronous; belongs to the event loop it is first used in."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._where = str(endpoint)
        self._client = triton_aio.InferenceServerClient(
            endpoint.address, ssl=endpoint.secure, channel_args=_channel_args(endpoint)
        )

    async def infer(self, step: Infer) -> Arrays:
        """Sends texts and returns the outputs by name."""
        try:
            result = await self._client.infer(**_arguments(step))
        except InferenceServerException as error:
            raise _failure(error, step.timeout, self._where) from None
        return {name: result.as_numpy(name) for name in step.outputs}

    async def read_config(self, step: ReadConfig) -> Mapping[str, Any]:
        """Returns the model's configuration."""
        try:
            answer = await self._client.get_model_config(step.model, as_json=True, client_timeout=step.timeout)
        except InferenceServerException as error:
            raise _failure(error, step.timeout, self._where) from None
        config: Mapping[str, Any] = answer["config"]
        return config

    async def ask_ready(self, step: AskReady) -> bool:
        """Whether server and model are ready."""
        try:
            return bool(
                await self._client.is_server_ready(client_timeout=step.timeout)
                and await self._client.is_model_ready(step.model, client_timeout=step.timeout)
            )
        except InferenceServerException as error:
            raise _failure(error, step.timeout, self._where) from None

    async def close(self) -> None:
        """Closes the connection."""
        await self._client.close()
