"""A small server on this machine that says over HTTP, or over bare TCP, whatever a test wants it to say."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

Behaviour = Callable[["Visit"], None]


@dataclass
class Visit:
    """One connection of a client.

    Attributes:
        socket: Its socket.
        number: How many came before it.
        ended: Set when the test is over: whoever waits stops then.
    """

    socket: socket.socket
    number: int
    ended: threading.Event

    def read_request(self) -> tuple[str, bytes] | None:
        """Head and body of the next request; None when the client has left."""
        data = b""
        while b"\r\n\r\n" not in data:
            part = self.socket.recv(65536)
            if not part:
                return None
            data += part
        head, _, body = data.partition(b"\r\n\r\n")
        text = head.decode("latin-1")
        lengths = [line for line in text.splitlines() if line.lower().startswith("content-length:")]
        length = int(lengths[0].split(":")[1]) if lengths else 0
        while len(body) < length:
            body += self.socket.recv(65536)
        return text, body

    def answer(self, body: bytes, status: str = "200 OK", *headers: str) -> None:
        """Answers with these headers, and the length of the body."""
        head = "\r\n".join([f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""])
        self.socket.sendall(head.encode() + body)


@dataclass
class Server:
    """Where it listens, and what it has seen.

    Attributes:
        port: On 127.0.0.1.
        visits: The connections so far.
    """

    port: int
    visits: list[Visit] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its address for HTTP."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def misbehaving(behaviour: Behaviour) -> Iterator[Server]:
    """Serves each connection by the behaviour, in a thread of its own; closes it when that returns."""
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()
    server = Server(listener.getsockname()[1])

    def serve(visit: Visit) -> None:
        with visit.socket, suppress(OSError):
            behaviour(visit)

    def accept() -> None:
        with suppress(OSError):
            while True:
                accepted, _ = listener.accept()
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                visit = Visit(accepted, len(server.visits), ended)
                server.visits.append(visit)
                threading.Thread(target=serve, args=(visit,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server
    finally:
        ended.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for visit in server.visits:
            visit.socket.close()


def category_answer(category: str = "home") -> tuple[bytes, str]:
    """Body and length header of a product tagger's answer to one text, in the binary form of the protocol."""
    outputs: list[tuple[str, str, bytes]] = [
        ("CATEGORY", "BYTES", struct.pack("<I", len(category)) + category.encode()),
        ("CATEGORY_SCORE", "FP32", struct.pack("<f", 0.5)),
        ("TAGS", "BYTES", struct.pack("<I", 4) + b"gift"),
        ("TAG_SCORES", "FP32", struct.pack("<f", 0.75)),
        ("TRUNCATED", "BOOL", b"\0"),
    ]
    head: dict[str, Any] = {
        "model_name": "product_tagger",
        "outputs": [
            {"name": name, "datatype": kind, "shape": [1, 1], "parameters": {"binary_data_size": len(raw)}}
            for name, kind, raw in outputs
        ],
    }
    text = json.dumps(head).encode()
    return text + b"".join(raw for _, _, raw in outputs), f"Inference-Header-Content-Length: {len(text)}"


def tag_well(visit: Visit) -> None:
    """Answers every text as a product tagger would."""
    while visit.read_request() is not None:
        body, length = category_answer()
        visit.answer(body, "200 OK", length)


class Relay:
    """Passes bytes on between a client and a server, until it is silenced."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self._speaking: list[threading.Event] = []

    def silence(self) -> None:
        """Says nothing more on all connections of now, and leaves them open; as a router that has forgotten them."""
        for speaking in self._speaking:
            speaking.clear()

    def serve(self, visit: Visit) -> None:
        speaking = threading.Event()
        speaking.set()
        self._speaking.append(speaking)
        with socket.create_connection(("127.0.0.1", self.target)) as server:

            def pass_on(source: socket.socket, sink: socket.socket) -> None:
                with suppress(OSError):
                    while data := source.recv(65536):
                        if speaking.is_set():
                            sink.sendall(data)

            threading.Thread(target=pass_on, args=(server, visit.socket), daemon=True).start()
            pass_on(visit.socket, server)


@contextmanager
def silent_relay(target: int) -> Iterator[Relay]:
    """A relay to a port of this machine."""
    relay = Relay(target)
    with misbehaving(relay.serve) as server:
        relay.port = server.port
        yield relay
