"""The users: those who wait for an answer before they ask again, and those who ask at fixed moments whatever comes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gevent
import gevent.pool
from locust import User, constant, task

from loadtest.callers import Caller, connect
from loadtest.locust.records import Recorder
from loadtest.options import LoadOptions
from loadtest.requests import NAMES, Api, encode, grouped

OPEN_CHANNELS = 4
"""gRPC connections that the arrivals of one process share; each carries many requests at once. Over HTTP, where it can
carry one only, one caller opens as many as there are requests at once."""
_GOLDEN = 0.6180339887498949


class Traffic:
    """What the users of one process have in common.

    Args:
        options: What is sent.
        texts: Each request takes the next, each user begins at another place.
        host: Where the server listens.
        ports: Its ports by protocol.
        recorder: Notes every request.
    """

    def __init__(
        self, options: LoadOptions, texts: Sequence[str], host: str, ports: dict[str, int], recorder: Recorder
    ) -> None:
        self.recorder = recorder
        self._timeout = options.timeout_s
        self._host = host
        self._ports = ports
        # Encoded now, so that no user is timed while it is done.
        self._requests: dict[tuple[str, int], list[bytes]] = {
            (protocol, size): [encode(protocol, group) for group in grouped(texts, size)]
            for protocol in options.protocols
            for size in options.batch_sizes
        }
        self._shared: dict[str, Iterator[Caller]] = {}
        self._users = itertools.count()
        self.arrivals = gevent.pool.Group()

    def requests(self, protocol: str, batch_size: int, number: int) -> Iterator[bytes]:
        """The requests of one user, without end."""
        found = self._requests[protocol, batch_size]
        return itertools.islice(itertools.cycle(found), number * 7919 % len(found), None)

    def number(self) -> int:
        """A number for each user, from 0."""
        return next(self._users)

    def own_caller(self, protocol: Api) -> Caller:
        """A connection for one user."""
        return connect(protocol, self._host, self._ports[protocol], self._timeout)

    def shared_caller(self, protocol: Api) -> Caller:
        """One of the callers that all arrivals share, in turns."""
        if protocol not in self._shared:
            count = OPEN_CHANNELS if protocol == "grpc" else 1
            self._shared[protocol] = itertools.cycle([self.own_caller(protocol) for _ in range(count)])
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
    protocol: Api
    batch_size: int

    def on_start(self) -> None:
        """Takes its place among the users."""
        self.place = self.traffic.number()
        self.requests = self.traffic.requests(self.protocol, self.batch_size, self.place)
        self.size = f"{self.batch_size} text{'s' if self.batch_size > 1 else ''}"

    def send(self, caller: Caller, body: bytes, intended: float | None = None) -> bool:
        """Sends one request, notes what became of it, and tells Locust; False when it was not answered.

        Args:
            caller: The connection.
            body: The encoded request.
            intended: When it was to be sent, in seconds since 1970; None for now.
        """
        recorder = self.traffic.recorder
        number = recorder.begin(f"{NAMES[self.protocol]}, {self.size}", self.batch_size, intended)
        try:
            error = caller.call(body)
        except gevent.GreenletExit:  # the run takes the user away, and so its request
            recorder.abandon(number)
            raise
        request = recorder.end(number, error)
        self.environment.events.request.fire(
            request_type=self.protocol,
            name=self.size,
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
        """Makes its connection."""
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
        self.moment = math.ceil(self.traffic.recorder.now() - phase) + phase

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


def user_classes(options: LoadOptions, traffic: Callable[[], Traffic]) -> list[type[TaggingUser]]:
    """A class for each protocol and size; Locust gives each as many users.

    Args:
        options: Which there are.
        traffic: Gives what the users share; called when the first user asks for it.
    """
    base = ClosedLoopUser if options.mode == "closed" else OpenLoopUser
    shared = property(lambda _: traffic())
    return [
        type(
            f"{protocol.capitalize()}{size}",
            (base,),
            {"__module__": __name__, "abstract": False, "protocol": protocol, "batch_size": size, "traffic": shared},
        )
        for protocol in dict.fromkeys(options.protocols)
        for size in dict.fromkeys(options.batch_sizes)
    ]
