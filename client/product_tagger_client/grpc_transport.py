"""The steps of a conversation, carried out over gRPC."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from typing import Any, ClassVar

import grpc
import grpc.aio
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from .access import Access
from .conversation import Exchange
from .endpoint import Endpoint
from .errors import TaggerError
from .failures import late, not_grpc
from .grpc_messages import calls_of, failure_of, outcome_of

_CHANNEL_OPTIONS = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # Reconnect within seconds: gRPC's own back-off grows to two minutes, and a server that is back would wait for it.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
    # A router that has forgotten the connection says nothing: who waits for an answer asks whether it still lives.
    # Not more often, nor without a call: servers end connections that they find to ask too much.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),  # that of another ping, which is waited for before this one is sent
    # A new channel opens a connection of its own, instead of the silent one of the channel before.
    ("grpc.use_local_subchannel_pool", 1),
]


class _Channel:
    """A connection and the calls on it. It is closed when it has been dropped and its last call has ended."""

    def __init__(self, library: Any, endpoint: Endpoint, access: Access) -> None:
        options = list(_CHANNEL_OPTIONS)
        if endpoint.is_loopback:
            # gRPC would send even what is for this machine to the proxy that `http_proxy` names.
            options.append(("grpc.enable_http_proxy", 0))
        if endpoint.secure:
            credentials = grpc.ssl_channel_credentials(access.roots())
            self.channel = library.secure_channel(endpoint.address, credentials, options)
        else:
            self.channel = library.insecure_channel(endpoint.address, options)
        self.stub = GRPCInferenceServiceStub(self.channel)
        self.calls = 0
        self.dropped = False

    @property
    def is_done(self) -> bool:
        return self.dropped and not self.calls


class GrpcTransport:
    """Blocking; one of it may be used by many threads at once, and after a fork by both processes.

    gRPC survives a fork only where no thread was within it: else a call in the child may wait for ever.
    """

    _asking: ClassVar[set[tuple[int, int]]] = set()
    """Process and thread of each call under way, of all objects: what a fork spoils is the process's, not an object's.
    Without a lock, as another thread might hold it at the fork."""

    def __init__(self, endpoint: Endpoint, access: Access) -> None:
        self._endpoint = endpoint
        self._access = access
        self._metadata = tuple(access.headers.items())
        self._where = str(endpoint)
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._current: _Channel | None = None

    def carry_out(self, step: Exchange) -> Any:
        """Has one step answered."""
        place = (os.getpid(), threading.get_ident())
        if any(process != place[0] for process, _ in tuple(self._asking)):
            raise TaggerError(
                "this process was forked while another thread was asking over gRPC, which gRPC does not survive: "
                "start processes by spawn or forkserver, or use an http:// address"
            )
        self._asking.add(place)
        try:
            return self._ask(step)
        finally:
            self._asking.discard(place)

    def close(self) -> None:
        """Closes the connection, or has it closed by the last call on it. A later call opens another."""
        if self._process == os.getpid() and self._current is not None:
            self._drop(self._current)

    def _ask(self, step: Exchange) -> Any:
        end = time.monotonic() + step.timeout
        used = self._take()
        outcome: Any = None
        try:
            for method, request in calls_of(step):
                left = max(end - time.monotonic(), 0.001)
                answer = getattr(used.stub, method)(request, timeout=left, metadata=self._metadata)
                outcome = outcome_of(step, answer, self._where)
                if outcome is False:
                    break
            return outcome
        except grpc.RpcError as error:
            if _is_late(error):
                self._drop(used)
                raise late(step.timeout, self._where) from None
            if _may_be_http(error) and _speaks_http(self._endpoint, end - time.monotonic()):
                raise not_grpc(self._where) from None
            raise failure_of(error, step.timeout, self._where) from None
        finally:
            self._leave(used)

    def _take(self) -> _Channel:
        if self._process != os.getpid():
            # The channel is the other process's; closing it here would be felt there.
            self._lock, self._current, self._process = threading.Lock(), None, os.getpid()
        with self._lock:
            if self._current is None:
                self._current = _Channel(grpc, self._endpoint, self._access)
            self._current.calls += 1
            return self._current

    def _leave(self, used: _Channel) -> None:
        with self._lock:
            used.calls -= 1
            done = used.is_done
        if done:
            used.channel.close()

    def _drop(self, used: _Channel) -> None:
        with self._lock:
            if self._current is used:
                self._current = None
            used.dropped = True
            done = used.is_done
        if done:
            used.channel.close()


class AsyncGrpcTransport:
    """The same, asynchronous; belongs to the event loop in which it is made."""

    def __init__(self, endpoint: Endpoint, access: Access) -> None:
        self._endpoint = endpoint
        self._access = access
        self._metadata = tuple(access.headers.items())
        self._where = str(endpoint)
        self._current: _Channel | None = None

    async def carry_out(self, step: Exchange) -> Any:
        """Has one step answered."""
        end = time.monotonic() + step.timeout
        if self._current is None:
            self._current = _Channel(grpc.aio, self._endpoint, self._access)
        used = self._current
        used.calls += 1
        outcome: Any = None
        try:
            for method, request in calls_of(step):
                left = max(end - time.monotonic(), 0.001)
                answer = await getattr(used.stub, method)(request, timeout=left, metadata=self._metadata)
                outcome = outcome_of(step, answer, self._where)
                if outcome is False:
                    break
            return outcome
        except grpc.RpcError as error:
            if _is_late(error):
                self._drop(used)
                raise late(step.timeout, self._where) from None
            if _may_be_http(error) and await asyncio.to_thread(_speaks_http, self._endpoint, end - time.monotonic()):
                raise not_grpc(self._where) from None
            raise failure_of(error, step.timeout, self._where) from None
        finally:
            used.calls -= 1
            if used.is_done:
                await used.channel.close()

    async def close(self) -> None:
        """Closes the connection, and with it the calls on it."""
        if self._current is not None:
            used = self._current
            self._drop(used)
            await used.channel.close()

    def _drop(self, used: _Channel) -> None:
        if self._current is used:
            self._current = None
        used.dropped = True


def _is_late(error: Any) -> bool:
    return bool(error.code() is grpc.StatusCode.DEADLINE_EXCEEDED)


def _may_be_http(error: Any) -> bool:
    """Whether a call failed as one to a port of HTTP does."""
    message = (error.details() or "").lower()
    return error.code() is grpc.StatusCode.UNAVAILABLE and ("socket closed" in message or "http1.x" in message)


def _speaks_http(endpoint: Endpoint, timeout: float) -> bool:
    """Asks the port in HTTP: gRPC does not tell who closed the connection."""
    timeout = max(min(timeout, 1.0), 0.001)
    try:
        with socket.create_connection((endpoint.host, endpoint.port), timeout) as probe:
            probe.settimeout(timeout)
            probe.sendall(b"GET /v2/health/live HTTP/1.0\r\n\r\n")
            return probe.recv(5) == b"HTTP/"
    except OSError:
        return False
