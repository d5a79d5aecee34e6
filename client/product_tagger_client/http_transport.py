"""The steps of a conversation, carried out over HTTP.

Triton's blocking HTTP client runs on gevent, whose sockets belong to the thread that opened them: each thread gets a
client of its own. Its time-outs are set once for all requests, so each call is bounded by a gevent time-out instead.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import aiohttp
import gevent
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from geventhttpclient.response import HTTPParseError
from tritonclient.utils import InferenceServerException

from .conversation import Arrays, AskReady, Infer, ReadConfig
from .endpoint import Endpoint
from .failures import late, refused, unreachable
from .payload import TEXT

_Value = TypeVar("_Value")
_NO_LIMIT = 86_400.0


def _arguments(step: Infer) -> dict[str, Any]:
    text = triton.InferInput(TEXT, list(step.texts.shape), "BYTES")
    text.set_data_from_numpy(step.texts)
    return {
        "model_name": step.model,
        "inputs": [text],
        "outputs": [triton.InferRequestedOutput(name, class_count=step.classes) for name in step.outputs],
        "timeout": max(1, int(step.timeout * 1e6)),
    }


class HttpTransport:
    """Blocking; one of it may be used by many threads at once, each on its own connection."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._where = str(endpoint)
        self._local = threading.local()

    def infer(self, step: Infer) -> Arrays:
        """Sends texts and returns the outputs by name."""
        result = self._call(step.timeout, lambda client: client.infer(**_arguments(step)))
        return {name: result.as_numpy(name) for name in step.outputs}

    def read_config(self, step: ReadConfig) -> Mapping[str, Any]:
        """Returns the model's configuration."""
        config: Mapping[str, Any] = self._call(step.timeout, lambda client: client.get_model_config(step.model))
        return config

    def ask_ready(self, step: AskReady) -> bool:
        """Whether server and model are ready."""
        return self._call(
            step.timeout, lambda client: bool(client.is_server_ready() and client.is_model_ready(step.model))
        )

    def close(self) -> None:
        """Closes this thread's connection; those of other threads close when their threads end."""
        client = self._local.__dict__.pop("client", None)
        if client is not None:
            client.close()

    def _call(self, timeout: float, function: Callable[[Any], _Value]) -> _Value:
        client = self._local.__dict__.get("client")
        if client is None:
            client = self._local.client = triton.InferenceServerClient(
                self._endpoint.address,
                ssl=self._endpoint.secure,
                connection_timeout=_NO_LIMIT,
                network_timeout=_NO_LIMIT,
            )
        limit = gevent.Timeout(timeout)
        try:
            with limit:
                return function(client)
        except gevent.Timeout as error:
            # The connection may still carry the late answer, and its place in the pool is not given back.
            self.close()
            if error is not limit:
                raise
            raise late(timeout, self._where) from None
        except InferenceServerException as error:
            raise refused(error.status(), str(error.message()), self._where) from None
        except (OSError, HTTPParseError) as error:
            self.close()
            raise unreachable(error, self._where) from None


class AsyncHttpTransport:
    """The same, asynchronous; belongs to the event loop it is first used in."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._where = str(endpoint)
        self._client = triton_aio.InferenceServerClient(
            endpoint.address, ssl=endpoint.secure, ssl_context=endpoint.secure, conn_timeout=_NO_LIMIT
        )

    async def infer(self, step: Infer) -> Arrays:
        """Sends texts and returns the outputs by name."""
        result = await self._call(step.timeout, self._client.infer(**_arguments(step)))
        return {name: result.as_numpy(name) for name in step.outputs}

    async def read_config(self, step: ReadConfig) -> Mapping[str, Any]:
        """Returns the model's configuration."""
        config: Mapping[str, Any] = await self._call(step.timeout, self._client.get_model_config(step.model))
        return config

    async def ask_ready(self, step: AskReady) -> bool:
        """Whether server and model are ready."""
        server = await self._call(step.timeout, self._client.is_server_ready())
        return bool(server and await self._call(step.timeout, self._client.is_model_ready(step.model)))

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()

    async def _call(self, timeout: float, answer: Awaitable[Any]) -> Any:
        try:
            return await asyncio.wait_for(answer, timeout)
        except asyncio.TimeoutError:
            raise late(timeout, self._where) from None
        except InferenceServerException as error:
            raise refused(error.status(), str(error.message()), self._where) from None
        except (aiohttp.ClientError, OSError) as error:
            raise unreachable(error, self._where) from None
