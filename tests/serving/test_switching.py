"""Switches and rollbacks while clients ask: no request fails, and each is answered by one of the two releases."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from loadtest.requests import Api
from loadtest.switching.load import Expected
from loadtest.switching.load import Place as Where
from loadtest.switching.run import Plan, switch_under_load
from tests.serving.conftest import Place, make_place, running
from tests.small_release import build_release

OLD, NEW = "20260101T000000Z-cpu-aaaaaaaa", "20260202T000000Z-cpu-bbbbbbbb"
TEXTS = ["summer dress", "phone", "chocolate", "a gift", "dress for a phone", "nothing that is known"]
WAYS: list[Api] = ["peer", "http", "grpc"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """With a gateway, and a second release that calls some texts by another category."""
    made = make_place(tmp_path_factory.mktemp("switching") / "build", gateway=True)
    build_release(made.releases, NEW, categories=("apparel", "electronics", "toys"))
    with running(made):
        yield made


def test_no_request_fails_and_none_is_wrong_while_releases_are_switched_and_rolled_back(server: Place) -> None:
    serving = server.settings.serving
    ports = {way: serving.grpc_port if way == "grpc" else serving.http_port for way in WAYS}
    expected = Expected(Where("127.0.0.1", ports), TEXTS)

    outcome = asyncio.run(switch_under_load(server.settings, expected, (OLD, NEW), Plan(9, 1000, 1)))
    assert not outcome.failed and not outcome.wrong and outcome.answered >= 1000
    assert len(outcome.given) > len(TEXTS), "both releases have answered"
