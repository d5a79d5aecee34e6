"""How a server is asked what it is."""

from __future__ import annotations

import socket
import threading

import pytest

from loadtest.errors import LoadtestError
from loadtest.target import Target


def asked(answer: bytes) -> object:
    """What a server that answers this is asked for /v2."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer_once() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(answer)

        thread = threading.Thread(target=answer_once)
        thread.start()
        try:
            return Target("127.0.0.1", listening.getsockname()[1], 0, started=False).ask("/v2")
        finally:
            thread.join()


def test_a_proxy_of_the_environment_does_not_stand_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert asked(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") == {}


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy", r"did not answer /v2 \(503: busy\)"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "answered /v2 with no JSON"),
    ],
)
def test_another_answer_is_told(answer: bytes, told: str) -> None:
    with pytest.raises(LoadtestError, match=told):
        asked(answer)
