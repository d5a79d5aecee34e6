"""The door before a real Triton: what it answers, and what strangers can't do to it."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.serving.conftest import make_place, running

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a server with a gateway."""
    with running(make_place(tmp_path_factory.mktemp("door") / "build", gateway=True, max_batch_size=8)) as place:
        yield place.settings.serving.http_port


def ask(port: int, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    """Status and JSON of an answer; bytes are sent as they are."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    connection.request(method, path, raw, JSON if headers is None else headers)
    response = connection.getresponse()
    told = json.loads(response.read())
    assert response.headers["X-Request-ID"]
    if response.status >= 400:
        assert response.headers["Content-Type"] == "application/problem+json" and told["status"] == response.status
    connection.close()
    return response.status, told


def still_answers(port: int) -> bool:
    return bool(ask(port, "POST", "/tag", {"text": "summer dress"})[1]["category"] == "apparel")


def test_a_text_gets_its_category_and_tags(door: int) -> None:
    status, told = ask(door, "POST", "/tag", {"text": "summer dress"})
    assert status == 200 and told["category"] == told["display_name"] == "apparel" and told["truncated"] is False
    assert {tag["name"] for tag in told["tags"]} == {"dress", "summer"}
    assert (
        ask(door, "POST", "/tag", {"title": "phone", "attributes": {"colour": "red"}})[1]["category"] == "electronics"
    )
    assert ask(door, "POST", "/tag", {"text": "dress " * 20_000})[1]["truncated"] is True


def test_bad_rows_of_a_batch_spoil_no_others(door: int) -> None:
    texts = ["chocolate", "", "https://example.com/a", "a\0b", "phone", "<br>", "dress"]
    status, told = ask(door, "POST", "/tag/batch", {"products": [{"text": text} for text in texts]})
    found = [row.get("category") or row["error"] for row in told["answers"]]
    assert status == 200 and [found[0], found[4], found[6]] == ["food", "electronics", "apparel"]
    assert "blank" in found[1] and "after cleaning" in found[2] and "NUL" in found[3] and "after cleaning" in found[5]


def test_labels_health_and_openapi_are_told(door: int) -> None:
    status, told = ask(door, "GET", "/labels")
    assert status == 200 and told["categories"] == ["apparel", "electronics", "food"] and "gift" in told["tags"]
    assert ask(door, "GET", "/health/live")[0] == ask(door, "GET", "/health/ready")[0] == 200
    assert set(ask(door, "GET", "/openapi.json")[1]["paths"]) >= {"/tag", "/tag/batch", "/labels"}


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/tag", b"[" * 80_000, JSON, 400),
        ("/tag", b'{"text": ' + b"[" * 3000, JSON, 400),
        ("/tag", b"{", JSON, 400),
        ("/tag", {"text": 5}, JSON, 422),
        ("/tag", {"text": "dress", "lange": "en"}, JSON, 422),
        ("/tag", {"text": " "}, JSON, 422),
        ("/tag/batch", {"products": [{"text": "dress"}] * 9}, JSON, 413),
        ("/tag/batch", b"[" + b"[]," * 100_000 + b"[]]", JSON, 413),
        ("/tag", b" " * (17 << 20), JSON, 413),
        ("/tag", gzip.compress(b'{"text": "dress"}', mtime=0), {**JSON, "Content-Encoding": "gzip"}, 415),
        ("/tag", b"text=dress", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ("/tag", {"text": "dress"}, {**JSON, "Origin": "https://shop.example"}, 403),
        ("/tag", {"text": "dress"}, {**JSON, "Host": "shop.example"}, 403),
        ("/v2/logging", {"log_verbose_level": 5}, JSON, 404),
        ("/v2/systemsharedmemory/region/mine/register", {"key": "/mine"}, JSON, 404),
    ],
)
def test_what_is_wrong_is_told_by_its_status_and_the_next_is_answered(
    door: int, path: str, body: Any, headers: dict[str, str], status: int
) -> None:
    try:
        assert ask(door, "POST", path, body, headers)[0] == status
    except ConnectionError:  # a body beyond the bound is not read to its end
        assert status == 413
    assert still_answers(door)


def test_a_body_in_tiny_chunks_is_refused(door: int) -> None:
    with socket.create_connection(("127.0.0.1", door), 20) as stranger:
        stranger.sendall(b"POST /tag HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n")
        stranger.sendall(b"Transfer-Encoding: chunked\r\n\r\n")
        with pytest.raises(ConnectionError):
            for _ in range(400):
                stranger.sendall(b"1\r\n \r\n" * 5000)
    assert still_answers(door)


def test_endless_headers_are_refused(door: int) -> None:
    with socket.create_connection(("127.0.0.1", door), 20) as stranger:
        stranger.sendall(b"GET /labels HTTP/1.1\r\nx: " + b"x" * 40_000)
        assert stranger.recv(100).startswith(b"HTTP/1.1 431 ")
    assert still_answers(door)


def test_more_half_sent_requests_than_connections_leave_room_for_a_whole_one(door: int) -> None:
    with contextlib.ExitStack() as held:
        strangers = [held.enter_context(socket.create_connection(("127.0.0.1", door), 20)) for _ in range(1200)]
        for stranger in strangers[:100]:  # dropped by now, some of them
            with contextlib.suppress(OSError):
                stranger.sendall(b"POST /tag HTTP/1.1\r\n")
        strangers[-1].sendall(b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert strangers[-1].recv(100).startswith(b"HTTP/1.1 200 ")
        assert still_answers(door)
