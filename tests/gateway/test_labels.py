"""The labels that the door tells, when another release is served behind it."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

import pytest

import gateway.app
from gateway.app import Door
from gateway.engine import Engine
from gateway.joining import Joiner


class Releases:
    """An engine that serves another release with each question for its labels."""

    def __init__(self) -> None:
        self.asked = 0

    async def labels(self) -> list[str]:
        self.asked += 1
        return [f"category/of-release-{self.asked}"]

    async def config(self) -> dict[str, Any]:
        return {}


def told_twice(releases: Releases) -> list[list[str]]:
    """The categories that a door tells when it is asked twice."""
    engine = cast(Engine, releases)
    door = Door(engine, cast(Joiner[Any], None), max_texts=1, max_body=100, timeout_s=1)
    return [asyncio.run(get(door, "/labels"))["categories"] for _ in range(2)]


async def get(door: Door, path: str) -> dict[str, Any]:
    body = bytearray()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        body.extend(message.get("body", b""))

    headers = [(b"host", b"127.0.0.1")]
    scope = {
        "type": "http", "method": "GET", "path": path, "headers": headers, "query_string": b"",
        "client": ("127.0.0.1", 1),
    }  # fmt: skip
    await door(scope, cast(Any, receive), send)
    told: dict[str, Any] = json.loads(bytes(body))
    return told


def test_the_labels_of_a_release_that_was_switched_to_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway.app, "LABELS_KEPT_S", 0.0)
    assert told_twice(Releases()) == [["of-release-1"], ["of-release-2"]]


def test_the_labels_are_not_asked_for_with_every_request() -> None:
    releases = Releases()
    assert told_twice(releases) == [["of-release-1"]] * 2 and releases.asked == 1
