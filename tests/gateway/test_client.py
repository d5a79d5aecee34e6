"""The project's own client through the door, with keys and TLS, before a real Triton."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.keys import add_key
from product_tagger_client import (
    AuthenticationError,
    InvalidTextError,
    RateLimitedError,
    TaggedProduct,
)
from tests.client.asking import ask
from tests.gateway.test_guarded_door import make_certificate
from tests.serving.conftest import make_place, running
from tests.small_release import CATEGORIES

KINDS = [(asynchronous, protocol) for asynchronous in (False, True) for protocol in ("https", "grpcs")]


@dataclass(frozen=True)
class Door:
    """Where the gateway listens, by which certificate it is trusted, and its keys."""

    urls: dict[str, str]
    ca: Path
    key: str
    slow: str


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    directory = tmp_path_factory.mktemp("client")
    place = make_place(directory / "build", gateway=True, max_batch_size=8)
    make_certificate(directory, "localhost")
    files = {"tls_certificate": directory / "certificate.pem", "tls_key": directory / "private.pem"}
    gateway = place.settings.gateway.model_copy(update=files)
    place = type(place)(place.settings.model_copy(update={"gateway": gateway}))
    key = add_key(gateway.keys_file, "shop")
    slow = add_key(gateway.keys_file, "slow", requests_per_second=0.001)
    with running(place):
        serving = place.settings.serving
        urls = {
            "https": f"https://localhost:{serving.http_port}",
            "grpcs": f"grpcs://localhost:{serving.grpc_port}",
        }
        yield Door(urls, directory / "certificate.pem", key, slow)


@pytest.mark.parametrize(("asynchronous", "protocol"), KINDS)
def test_with_a_key_all_of_the_client_works(door: Door, asynchronous: bool, protocol: str) -> None:
    url, settings = door.urls[protocol], {"token": door.key, "ca": door.ca}
    assert ask(asynchronous, url, "is_ready", **settings) is True
    assert ask(asynchronous, url, "wait_ready", 10, **settings) is None
    assert ask(asynchronous, url, "tag", "summer dress", **settings).category == "apparel"
    texts = ["chocolate gift", "", *["phone"] * 30, float("nan"), "dress"]
    results = ask(asynchronous, url, "tag_many", texts, call={"errors": "return"}, **settings)
    assert [isinstance(result, InvalidTextError) for result in results] == [text in ("", texts[-2]) for text in texts]
    told = [result.category for result in results if isinstance(result, TaggedProduct)]
    assert told == ["food", *["electronics"] * 30, "apparel"]
    labels = ask(asynchronous, url, "labels", **settings)
    assert set(labels) >= {f"category/{name}" for name in CATEGORIES}
    scores = ask(asynchronous, url, "scores", ["summer dress", "phone"], **settings)
    assert [labels[row[:3].argmax()] for row in scores] == ["category/apparel", "category/electronics"]


@pytest.mark.parametrize(("asynchronous", "protocol"), KINDS)
def test_a_wrong_key_is_refused_at_once(door: Door, asynchronous: bool, protocol: str) -> None:
    for token in (None, door.key[:-1] + "x"):
        with pytest.raises(AuthenticationError, match="refuses access") as raised:
            ask(asynchronous, door.urls[protocol], "tag", "summer dress", token=token, ca=door.ca)
        assert token is None or token not in str(raised.value)


def test_a_key_that_is_used_up_says_when_to_ask_again(door: Door) -> None:
    settings = {"token": door.slow, "ca": door.ca}
    assert ask(False, door.urls["https"], "tag", "summer dress", **settings).category == "apparel"
    for url in door.urls.values():
        with pytest.raises(RateLimitedError) as raised:
            ask(False, url, "tag", "summer dress", timeout=5.0, **settings)
        assert raised.value.retry_after is not None and raised.value.retry_after > 5
