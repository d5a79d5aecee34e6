"""Both clients over both protocols, against a real server."""

from __future__ import annotations

import threading
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import catalog.cleaning
from product_tagger_client import (
    InvalidTextError,
    ModelNotFoundError,
    NoTextError,
    ProductTagger,
    RetryPolicy,
    ServerError,
    ServerUnavailableError,
    TaggedProduct,
    TaggerError,
    TaggerTimeoutError,
)
from product_tagger_client.conversation import TAGGER
from product_tagger_client.payload import MAX_CHARACTERS
from tests.client.asking import ask

if TYPE_CHECKING:
    from tests.client.conftest import Triton

NOBODY = {"grpc": "grpc://127.0.0.1:1", "http": "http://127.0.0.1:1"}


class Asker:
    """Calls either client's methods as if both were blocking."""

    def __init__(self, asynchronous: bool, urls: dict[str, str], protocol: str) -> None:
        self.asynchronous = asynchronous
        self.protocol = protocol
        self.url = urls[protocol]

    def ask(self, method: str, *arguments: Any, url: str | None = None, call: Any = None, **settings: Any) -> Any:
        """Opens a client, calls one method, closes it."""
        return ask(self.asynchronous, url or self.url, method, *arguments, call=call, **settings)


@pytest.fixture(params=["blocking-grpc", "blocking-http", "async-grpc", "async-http"])
def asker(request: pytest.FixtureRequest, triton: Triton) -> Asker:
    kind, protocol = request.param.split("-")
    return Asker(kind == "async", {"grpc": triton.grpc, "http": triton.http}, protocol)


def test_a_text_gets_a_category_and_tags_with_the_highest_score_first(asker: Asker) -> None:
    result = asker.ask("tag", "cotton summer dress")
    assert isinstance(result, TaggedProduct)
    assert result.category == "automotive"
    assert 0 < result.category_score <= 1
    scores = [tag.score for tag in result.tags]
    assert scores == sorted(scores, reverse=True)
    assert all(tag.name for tag in result.tags)
    assert result.truncated is False


def test_a_chinese_text_arrives_as_it_was_sent(asker: Asker, triton: Triton) -> None:
    with ProductTagger(triton.grpc) as other:
        assert asker.ask("tag", "夏季连衣裙 100% 棉") == other.tag("夏季连衣裙 100% 棉")


def test_an_abstention_is_a_category_of_none_with_its_score(asker: Asker) -> None:
    result = asker.ask("tag", "something !abstain")
    assert result.category is None
    assert result.category_score > 0


def test_a_text_that_was_cut_says_so(asker: Asker) -> None:
    assert asker.ask("tag", "a long story !truncated").truncated is True


@pytest.mark.parametrize("character", ["x", "棉", "\U00020000"])
def test_a_text_over_the_limit_is_cut_and_says_so(asker: Asker, character: str) -> None:
    longest = "sofa " + character * (MAX_CHARACTERS - 5)
    fits, cut, far_over = asker.ask("tag_many", [longest, longest + "x", longest + "x" + "y" * 3_000_000])
    assert fits.truncated is False
    assert cut.truncated is True
    assert far_over == cut


def test_a_server_reads_as_many_characters_as_the_client_sends() -> None:
    assert catalog.cleaning.MAX_CHARACTERS == MAX_CHARACTERS


def test_many_texts_are_split_into_the_servers_batches_and_keep_their_order(asker: Asker) -> None:
    texts = [f"product {number}" for number in range(50)]
    assert asker.ask("tag_many", texts) == [asker.ask("tag_many", [text])[0] for text in texts[:3]] + asker.ask(
        "tag_many", texts[3:], max_batch_size=5
    )


def test_no_texts_get_no_results(asker: Asker) -> None:
    assert asker.ask("tag_many", []) == []
    assert asker.ask("scores", []).shape == (0, 5)


def test_bad_texts_of_a_batch_fail_alone(asker: Asker) -> None:
    texts = ["good", "", "fine", "!invalid", "also good", "half \ud800", *[f"more {number}" for number in range(14)]]
    results = asker.ask("tag_many", texts, call={"errors": "return"})
    bad = [place for place, result in enumerate(results) if isinstance(result, InvalidTextError)]
    assert bad == [1, 3, 5]
    assert [(results[place].index, results[place].text) for place in bad] == [(place, texts[place]) for place in bad]
    assert all(isinstance(result, TaggedProduct) for place, result in enumerate(results) if place not in bad)


def test_what_is_no_text_fails_at_its_place(asker: Asker) -> None:
    texts = ["good", float("nan"), None, 7, "also good", b"bytes"]
    results = asker.ask("tag_many", texts, call={"errors": "return"})
    assert [isinstance(result, NoTextError) for result in results] == [False, True, True, True, False, True]
    assert [str(result) for result in results[1:4]] == [
        "text 1 is missing (nan)",
        "text 2 is missing (None)",
        "text 3 is a int; texts are given as str",
    ]
    assert [result.index for result in results[1:4]] == [1, 2, 3]
    assert asker.ask("tag_many", [None], call={"errors": "return"})[0].index == 0


def test_the_first_bad_text_is_raised_with_its_place(asker: Asker) -> None:
    with pytest.raises(InvalidTextError) as raised:
        asker.ask("tag_many", [*"abcdefghij", "!invalid k", "l"])
    assert (raised.value.index, raised.value.text) == (10, "!invalid k")


def test_a_server_that_stays_away_fails_all_texts_in_the_time_of_one_request(asker: Asker) -> None:
    results = asker.ask(
        "tag_many", ["text"] * 200, call={"errors": "return"}, url=NOBODY[asker.protocol], max_batch_size=1,
        timeout=0.3, concurrency=2,
    )  # fmt: skip
    assert len(results) == 200 and all(isinstance(result, ServerUnavailableError) for result in results)
    assert len({id(result) for result in results}) <= 2


def test_a_batch_larger_than_the_server_takes_is_answered_in_halves(asker: Asker) -> None:
    texts = [f"product {number}" for number in range(20)]
    assert asker.ask("tag_many", texts, max_batch_size=20) == asker.ask("tag_many", texts)


def test_a_text_that_is_no_text_is_a_type_error(asker: Asker) -> None:
    with pytest.raises(TypeError, match="text 0 is a bytes"):
        asker.ask("tag", b"bytes")
    with pytest.raises(TypeError, match="for one text there is `tag`"):
        asker.ask("tag_many", "one text")


def test_scores_come_as_one_array_with_a_label_for_each_column(asker: Asker) -> None:
    scores = asker.ask("scores", ["ab"] * 9 + ["abcd"])
    assert scores.dtype == np.float32
    np.testing.assert_array_equal(scores[0], np.array([2, 1, 0.5, 0.25, 0.125], dtype=np.float32))
    np.testing.assert_array_equal(scores[9], 2 * scores[0])
    assert asker.ask("labels") == ("category/apparel", "category/home", "category/food", "tag/dress", "tag/gift")


def test_scores_of_a_bad_text_are_an_error_with_its_place(asker: Asker) -> None:
    with pytest.raises(InvalidTextError) as raised:
        asker.ask("scores", ["a", "!invalid"])
    assert raised.value.index == 1


def test_a_busy_server_is_asked_again(asker: Asker) -> None:
    assert asker.ask("tag", f"!once {uuid.uuid4()}").category is not None


def test_without_retries_a_busy_server_is_an_error_at_once(asker: Asker) -> None:
    with pytest.raises(ServerUnavailableError, match="queue is full"):
        asker.ask("tag", f"!once {uuid.uuid4()}", retries=0)


def test_the_last_failure_is_raised_when_the_retries_are_used_up(asker: Asker) -> None:
    with pytest.raises(ServerUnavailableError, match="queue is full"):
        asker.ask("tag", "!unavailable", retries=RetryPolicy(2, 0.001, 0.001))


def test_a_late_answer_is_a_timeout(asker: Asker) -> None:
    with pytest.raises(TaggerTimeoutError, match=r"within 0\.2 seconds"):
        asker.ask("tag", "!slow", timeout=0.2)


def test_the_server_is_told_the_timeout(asker: Asker) -> None:
    told = int(asker.ask("tag", "!deadline", timeout=7.0).category)
    assert 6_000_000 < told <= 7_000_000


def test_a_failure_inside_the_server_is_not_retried_and_keeps_its_reason(asker: Asker) -> None:
    with pytest.raises(ServerError, match="the classifier broke"):
        asker.ask("tag", "!broken")


def test_nobody_at_the_address_is_unavailable_with_the_address_in_the_message(asker: Asker) -> None:
    nobody = NOBODY[asker.protocol]
    with pytest.raises(ServerUnavailableError, match=nobody):
        asker.ask("tag", "text", url=nobody, retries=0)
    assert asker.ask("is_ready", url=nobody) is False
    with pytest.raises(TaggerTimeoutError, match="not ready within"):
        asker.ask("wait_ready", 0.05, url=nobody)


def test_a_ready_server_is_ready(asker: Asker) -> None:
    assert asker.ask("is_ready") is True
    assert asker.ask("wait_ready", 5.0) is None


def test_a_proxy_in_the_environment_is_not_asked_for_this_machine(
    asker: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "grpc_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("no_proxy", "no_grpc_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert asker.ask("tag", "cotton summer dress", retries=0).category == "automotive"


def test_an_unknown_model_has_an_error_of_its_own(asker: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("product_tagger_client.talk.TAGGER", replace(TAGGER, name="nobody_knows_it"))
    with pytest.raises(ModelNotFoundError, match="nobody_knows_it"):
        asker.ask("tag", "text")


def test_all_failures_are_tagger_errors_and_fit_pythons_own_kinds() -> None:
    assert issubclass(ServerUnavailableError, TaggerError)
    assert issubclass(ServerUnavailableError, ConnectionError)
    assert issubclass(TaggerTimeoutError, TimeoutError)
    assert issubclass(InvalidTextError, ValueError)


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_one_blocking_client_serves_many_threads(triton: Triton, protocol: str) -> None:
    texts = [f"product {number}" for number in range(24)]
    results: dict[int, list[TaggedProduct]] = {}
    with ProductTagger(getattr(triton, protocol)) as tagger:
        expected = tagger.tag_many(texts)

        def ask(place: int) -> None:
            results[place] = [tagger.tag(text) for text in texts]

        threads = [threading.Thread(target=ask, args=(place,)) for place in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == dict.fromkeys(range(6), expected)


def test_a_client_goes_on_after_the_server_was_started_anew(mortal_triton: Triton) -> None:
    mortal_triton.start()
    with ProductTagger(mortal_triton.grpc) as over_grpc, ProductTagger(mortal_triton.http) as over_http:
        before = over_grpc.tag("text"), over_http.tag("text")
        mortal_triton.kill()
        for tagger in (over_grpc, over_http):
            assert not tagger.is_ready()
        mortal_triton.start()
        for tagger in (over_grpc, over_http):
            tagger.wait_ready(20)
        assert (over_grpc.tag("text"), over_http.tag("text")) == before
