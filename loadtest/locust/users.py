"""The users: those who wait for an answer before they ask again, and those who ask at fixed moments whatever comes."""

from __future__ import annotations

import functools
import itertools
import math
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gevent
import gevent.pool
from locust import User, constant, task

from loadtest.locust.callers import Caller, GrpcCaller, HttpCaller, encode_all
from loadtest.locust.records import Recorder
from loadtest.options import LoadOptions

OPEN_CONNECTIONS = 4096
"""Most connections that the arrivals of one process share over HTTP; only so many are opened as are in use at once."""
OPEN_CHANNELS = 4
"""The same over gRPC, where one connection carries many requests at once."""
_GOLDEN = 0.6180339887498949


class Traffic:
    """What the users of one process have in common.

    Args:
        settings: What is sent.
        texts: Each request takes the next, each user begins at another place.
        host: Where the server listens.
        http_port: Its port for HTTP.
        grpc_port: Its port for gRPC.
        recorder: Notes every request.
    """

    def __init__(
        self,
        settings: LoadOptions,
        texts: Sequence[str],
        host: str,
        http_port: int,
        grpc_port: int,
        recorder: Recorder,
    ) -> None:
        self.settings = settings
        self.recorder = recorder
        self._host = host
        self._http_port = http_port
        self._grpc_port = grpc_port
        self._texts = texts
        self._requests: dict[tuple[str, int], list[bytes]] = {}
        self._shared: dict[str, Iterator[Caller]] = {}
        self._users = itertools.count()
        self.arrivals = gevent.pool.Group()

    def requests(self, protocol: str, batch_size: int, number: int) -> Iterator[bytes]:
        """The requests of one user, without end."""
        key = (protocol, batch_size)
        if key not in self._requests:
            self._requests[key] = encode_all(protocol, self._texts, batch_size)
        found = self._requests[key]
        start = number * 7919 % len(found)
        return itertools.islice(itertools.cycle(found), start, None)

    def prepare(self) -> None:
        """Encodes all requests, so that no user is timed while it is done."""
        for protocol in self.settings.protocols:
            for batch_size in self.settings.batch_sizes:
                self.requests(protocol, batch_size, 0)

    def number(self) -> int:
        """A number for each user, from 0."""
        return next(self._users)

    def own_caller(self, protocol: str) -> Caller:
        """A connection for one user."""
        if protocol == "grpc":
            return GrpcCaller(self._host, self._grpc_port, self.settings.timeout_s)
        return HttpCaller(self._host, self._http_port, 1, self.settings.timeout_s)

    def shared_caller(self, protocol: str) -> Caller:
        """One of the connections that all arrivals share, in turns."""
        if protocol not in self._shared:
            if protocol == "grpc":
                callers: list[Caller] = [self.own_caller(protocol) for _ in range(OPEN_CHANNELS)]
            else:
                callers = [HttpCaller(self._host, self._http_port, OPEN_CONNECTIONS, self.settings.timeout_s)]
            self._shared[protocol] = itertools.cycle(callers)
        return next(self._shared[protocol])


class TaggingUser(User):
    """Sends requests of one kind. Locust makes an object of a subclass for each user.

    Attributes:
        traffic: What all users share.
        protocol: `grpc` or `http`.
        batch_size: Texts in a request.
    """

    abstract = True
    traffic: Traffic
    protocol: str
    batch_size: int

    def on_start(self) -> None:
        """Takes its place among the users."""
        self.place = self.traffic.number()
        self.requests = self.traffic.requests(self.protocol, self.batch_size, self.place)
        self.kind = kind_name(self.protocol, self.batch_size)

    def send(self, caller: Caller, body: bytes, intended: float | None = None) -> bool:
        """Sends one request, notes what became of it, and tells Locust; False when it was not answered.

        Args:
            caller: The connection.
            body: The encoded request.
            intended: When it was to be sent, in seconds since 1970; None for now.
        """
        recorder = self.traffic.recorder
        number = recorder.begin(self.kind, self.batch_size, intended)
        try:
            error = caller.call(body)
        except gevent.GreenletExit:  # the run takes the user away, and so its request
            recorder.abandon(number)
            raise
        request = recorder.end(number, error)
        self.environment.events.request.fire(
            request_type=self.protocol,
            name=f"{self.batch_size} text{'s' if self.batch_size > 1 else ''}",
            response_time=1000 * (request.ended - request.intended),
            response_length=0,
            exception=RuntimeError(error) if error else None,
            context={},
            start_time=request.intended,
        )
        return not error


class ClosedLoopUser(TaggingUser):
    """Sends the next request when the last is answered, over a connection of its own."""

    abstract = True
    wait_time = constant(0)

    def on_start(self) -> None:
        """Opens its connection."""
        super().on_start()
        self.caller = self.traffic.own_caller(self.protocol)

    def on_stop(self) -> None:
        """Closes it."""
        self.caller.close()

    @task
    def ask(self) -> None:
        """One request."""
        if not self.send(self.caller, next(self.requests)):
            gevent.sleep(0.05)  # a server that is away must not be asked a hundred thousand times


class OpenLoopUser(TaggingUser):
    """Sends one request a second, answered or not: n users are an arrival rate of n requests a second.

    The moments are fixed beforehand, and the users' spread evenly over the second. A request's time counts from its
    moment, also where it left later: so neither the server nor the load generator can hide that it stood still.
    """

    abstract = True

    def on_start(self) -> None:
        """Chooses its moments."""
        super().on_start()
        runner: Any = self.environment.runner
        phase = _GOLDEN * (self.place + 1000 * max(0, runner.worker_index)) % 1
        now = self.traffic.recorder.now()
        self.moment = math.ceil(now - phase) + phase

    def wait_time(self) -> float:
        """Seconds until its next moment."""
        due: float = self.moment - self.traffic.recorder.now()
        return max(0.0, due)

    @task
    def arrive(self) -> None:
        """Sends what is due, and does not wait for the answer."""
        if self.traffic.recorder.now() >= self.moment:
            caller = self.traffic.shared_caller(self.protocol)
            self.traffic.arrivals.spawn(self.send, caller, next(self.requests), self.moment)
            self.moment += 1.0


def kind_name(protocol: str, batch_size: int) -> str:
    """What a kind of request is called in tables."""
    return f"{'gRPC' if protocol == 'grpc' else 'HTTP'}, {batch_size} text{'s' if batch_size > 1 else ''}"


def user_classes(settings: LoadOptions, traffic: Callable[[], Traffic]) -> list[type[TaggingUser]]:
    """A class for each protocol and size; Locust gives each as many users.

    Args:
        settings: Which there are.
        traffic: Gives what the users share; called when the first user asks for it.
    """
    base = ClosedLoopUser if settings.mode == "closed" else OpenLoopUser
    made: list[type[TaggingUser]] = []
    for protocol in dict.fromkeys(settings.protocols):
        for batch_size in dict.fromkeys(settings.batch_sizes):
            name = f"{protocol.capitalize()}{batch_size}"
            values: dict[str, Any] = {
                "protocol": protocol,
                "batch_size": batch_size,
                "abstract": False,
                "__module__": __name__,
            }
            values["traffic"] = property(lambda _: traffic())
            made.append(types.new_class(name, (base,), exec_body=functools.partial(_fill, values)))
    return made


def _fill(values: dict[str, Any], namespace: dict[str, Any]) -> None:
    namespace.update(values)
