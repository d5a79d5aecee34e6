"""A hanging server is told from a busy one, and what ended is started again after longer and longer pauses."""

from __future__ import annotations

from serving.backoff import CALM_S, LONGEST_S, Backoff
from serving.probing import EVERY_S, Watch


class Server:
    """What a watch sees of a server, and the time."""

    now = 100.0
    answered: float | None = 5.0
    status: int | None = 200
    asked = 0

    def ask(self) -> Probe:
        self.asked += 1
        return Probe(self)

    def watch(self) -> Watch:
        return Watch(self.ask, lambda: self.answered, 5.0, lambda: self.now)

    def hangs_within(self, watch: Watch, seconds: float, each_second: float = 0.0) -> bool:
        """Whether the watch says so, looked at five times a second while the count goes on by so much a second."""
        for _ in range(int(seconds * 5)):
            self.now += 0.2
            if self.answered is not None:
                self.answered += each_second / 5
            if watch.hangs():
                return True
        return False


class Probe:
    """Is answered by whatever the server says at the moment."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def status(self) -> int | None:
        return self._server.status

    def close(self) -> None:
        pass


def test_a_server_that_answers_is_asked_every_few_seconds_and_does_not_hang() -> None:
    server = Server()
    assert not server.hangs_within(server.watch(), 60)
    assert 60 / EVERY_S - 2 <= server.asked <= 60 / EVERY_S + 1


def test_a_silent_server_hangs_and_so_does_one_that_answers_everything_with_errors() -> None:
    for status in (None, 0, 500, 503):
        server = Server()
        server.status = status
        assert server.hangs_within(server.watch(), 15)


def test_a_busy_server_that_refuses_probes_but_answers_others_does_not_hang() -> None:
    for status in (None, 503):
        server = Server()
        server.status = status
        assert not server.hangs_within(server.watch(), 60, each_second=1.0)


def test_a_server_that_answers_a_probe_again_is_forgiven() -> None:
    server = Server()
    watch = server.watch()
    server.status = 503
    assert not server.hangs_within(watch, 4)
    server.status = 200
    assert not server.hangs_within(watch, 4)
    server.status = 503
    assert not server.hangs_within(watch, 4)


def test_the_pauses_grow_up_to_a_minute_and_begin_anew_after_a_calm_time() -> None:
    now = 100.0
    backoff = Backoff(lambda: now)
    assert backoff.lost() == 0 and backoff.is_due()
    waits = [backoff.lost() for _ in range(20)]
    assert waits[:4] == [1, 2, 4, 8] and waits[-1] == LONGEST_S and not backoff.is_due()
    now += LONGEST_S
    assert backoff.is_due()
    backoff.ready()
    now += CALM_S / 2
    assert backoff.lost() == LONGEST_S, "it did not run for long"
    backoff.ready()
    now += CALM_S + 1
    assert backoff.lost() == 0
