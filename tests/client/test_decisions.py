"""Retries, addresses and the reading of answers: decided without a server."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from product_tagger_client import (
    InvalidTextError,
    InvalidUrlError,
    ModelNotFoundError,
    ProductTagger,
    ProtocolError,
    RateLimitedError,
    RetryPolicy,
    ServerUnavailableError,
    TaggerError,
)
from product_tagger_client.conversation import SCORER, TAGGER, Infer, Manners, Wait, answer_batch, learn_facts
from product_tagger_client.endpoint import parse_url
from product_tagger_client.errors import ServerError, TaggerTimeoutError
from product_tagger_client.failures import refused
from product_tagger_client.payload import read_facts, read_labels, read_products
from product_tagger_client.talk import dealt

CONFIG: dict[str, Any] = {
    "max_batch_size": "64",
    "input": [{"name": "TEXT"}],
    "output": [{"name": "SCORES", "dims": ["71"]}, {"name": "TRUNCATED"}],
}


def products(rows: int = 1) -> dict[str, Any]:
    return {
        "CATEGORY": np.array([[b"home"]] * rows, dtype=object),
        "CATEGORY_SCORE": np.full((rows, 1), 0.5, dtype=np.float32),
        "TAGS": np.array([[b"gift", b""]] * rows, dtype=object),
        "TAG_SCORES": np.array([[0.75, 0]] * rows, dtype=np.float32),
        "TRUNCATED": np.zeros((rows, 1), dtype=bool),
    }


@pytest.mark.parametrize(
    ("url", "written", "secure"),
    [
        ("grpc://shop:9001", "shop:9001", False),
        ("grpc://shop", "shop:8001", False),
        ("grpcs://shop", "shop:8001", True),
        ("http://shop", "shop:8000", False),
        ("https://shop/tagger/", "shop:443/tagger", True),
        ("http://[::1]:8000", "[::1]:8000", False),
    ],
)
def test_an_address_is_taken_apart(url: str, written: str, secure: bool) -> None:
    endpoint = parse_url(url)
    assert (endpoint.address, endpoint.secure) == (written, secure)


@pytest.mark.parametrize(
    "url", ["shop:8001", "ftp://shop", "grpc://", "http://shop:port", "grpc://shop/path", "http://shop?x=1", ""]
)
def test_an_address_that_cannot_be_used_is_named_with_an_example(url: str) -> None:
    with pytest.raises(InvalidUrlError, match="grpc://127"):
        ProductTagger(url)


@pytest.mark.parametrize(
    "settings", [{"timeout": 0}, {"timeout": float("nan")}, {"max_batch_size": 0}, {"retries": -1}, {"concurrency": 0}]
)
def test_a_setting_out_of_range_is_refused_by_name(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        ProductTagger(**settings)


def test_waits_double_up_to_the_longest_and_are_spread_by_chance() -> None:
    policy = RetryPolicy(first_delay=0.1, longest_delay=1.0)
    assert [policy.backoff(failures, 1.0) for failures in (1, 2, 3, 4, 5, 500)] == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
    assert policy.backoff(1, 0.0) == pytest.approx(0.05)


@pytest.mark.parametrize("error", [InvalidTextError("bad"), TaggerTimeoutError("late"), ServerError("broke")])
def test_what_another_try_cannot_mend_is_not_tried_again(error: Exception) -> None:
    assert RetryPolicy().wait_before_retry(error, 1, 10.0, 0.0) is None  # type: ignore[arg-type]


def test_no_retry_begins_after_the_callers_time() -> None:
    policy = RetryPolicy(first_delay=1.0)
    assert policy.wait_before_retry(ServerUnavailableError("away"), 1, remaining=0.4, chance=0.0) is None
    assert policy.wait_before_retry(ServerUnavailableError("away"), 1, remaining=0.6, chance=0.0) == 0.3
    assert policy.wait_before_retry(ServerUnavailableError("away"), 1, remaining=9.0, chance=0.0) == 0.5


def test_a_wait_that_the_server_asks_for_is_kept_and_spread() -> None:
    policy, busy = RetryPolicy(first_delay=1.0), RateLimitedError("too often", retry_after=7.0)
    assert policy.wait_before_retry(busy, 1, remaining=30.0, chance=0.0) == 7.5
    assert policy.wait_before_retry(busy, 1, remaining=7.4, chance=0.0) is None


def converse(conversation: Any, answers: Any, clock: list[float]) -> tuple[list[float], Any]:
    """Holds a conversation whose exchanges take no time; gives the waits and how it ended."""
    waits: list[float] = []
    outcome = None
    try:
        while True:
            step = conversation.send(outcome)
            if isinstance(step, Wait):
                waits.append(step.seconds)
                clock[0] += step.seconds
                outcome = None
            else:
                outcome = answers(step)
    except StopIteration as end:
        return waits, end.value
    except TaggerError as error:
        return waits, error


def test_retries_go_on_until_the_time_is_nearly_over() -> None:
    clock = [0.0]
    manners = Manners(timeout=30.0, clock=lambda: clock[0], chance=lambda: 0.5)
    waits, ended = converse(learn_facts(SCORER, manners), lambda step: ServerUnavailableError("away"), clock)
    assert isinstance(ended, ServerUnavailableError)
    assert 29.5 < clock[0] < 30.0 and 10 < len(waits) < 25 and max(waits) < 5.0


def test_a_number_of_retries_is_kept() -> None:
    clock = [0.0]
    manners = Manners(policy=RetryPolicy(3), clock=lambda: clock[0])
    waits, _ = converse(learn_facts(SCORER, manners), lambda step: ServerUnavailableError("away"), clock)
    assert len(waits) == 3


def test_a_model_that_answered_before_and_is_not_found_is_being_replaced() -> None:
    clock = [0.0]
    manners = Manners(clock=lambda: clock[0])
    gone = lambda step: ModelNotFoundError("not found")  # noqa: E731
    assert converse(learn_facts(SCORER, manners), gone, clock)[0] == []
    assert converse(learn_facts(SCORER, manners), lambda step: CONFIG, clock)[0] == []
    answers = iter([ModelNotFoundError("not found"), ModelNotFoundError("not found"), CONFIG])
    waits, facts = converse(learn_facts(SCORER, manners), lambda step: next(answers), clock)
    assert len(waits) == 2 and facts.score_count == 71


def test_a_model_without_a_loaded_version_is_retried_from_the_first_time() -> None:
    told = "Request for unknown model: 'product_tagger' has no available versions"
    assert isinstance(refused("NOT_FOUND", told, "x"), ServerUnavailableError)
    assert isinstance(refused("404", "'nothing' is not found", "x"), ModelNotFoundError)


@pytest.mark.parametrize(("spent", "kind"), [(4.0, ServerUnavailableError), (0.0, TaggerTimeoutError)])
def test_a_last_try_that_had_little_time_is_not_what_is_told(spent: float, kind: type[TaggerError]) -> None:
    clock = [0.0]

    def answer(step: Any) -> TaggerError:
        if clock[0] == 0:
            clock[0] += spent
            return ServerUnavailableError("the queue is full")
        return TaggerTimeoutError("late")

    _, ended = converse(learn_facts(SCORER, Manners(timeout=5.0, clock=lambda: clock[0])), answer, clock)
    assert type(ended) is kind


@pytest.mark.parametrize(("count", "requests"), [(1, 1), (16, 1), (40, 3), (64, 4), (300, 8), (1000, 16)])
def test_a_few_texts_make_enough_requests_for_several_processes(count: int, requests: int) -> None:
    batches = dealt(count, 64, 8)
    assert len(batches) == requests and max(map(len, batches)) <= 64
    assert [place for batch in batches for place in batch] == list(range(count))


def test_each_try_is_given_only_the_time_that_is_left() -> None:
    now = 100.0
    manners = Manners(timeout=10.0, policy=RetryPolicy(3, 2.0, 2.0), clock=lambda: now, chance=lambda: 0.5)
    conversation = answer_batch(TAGGER, ["text"], 0, manners)
    step = next(conversation)
    assert isinstance(step, Infer) and step.timeout == 10.0
    now += 1.0
    assert conversation.send(ServerUnavailableError("away")) == Wait(1.5)
    now += 1.5
    step = conversation.send(None)
    assert isinstance(step, Infer) and step.timeout == 7.5
    with pytest.raises(StopIteration) as end:
        conversation.send(products())
    assert end.value.value[0].category == "home"


def test_a_refused_batch_of_eight_with_one_bad_text_takes_seven_requests() -> None:
    texts = ["a", "b", "c", "d", "e", "bad", "g", "h"]
    conversation = answer_batch(TAGGER, texts, 40, Manners())
    outcome, requests = None, 0
    while True:
        try:
            step = conversation.send(outcome)
        except StopIteration as end:
            results = end.value
            break
        assert isinstance(step, Infer)
        requests += 1
        sent = [raw.decode() for raw in step.texts]
        outcome = InvalidTextError("no") if "bad" in sent else products(len(sent))
    assert requests == 7
    assert [isinstance(result, InvalidTextError) for result in results] == [text == "bad" for text in texts]
    assert results[5].index == 45


def test_a_time_out_in_the_servers_queue_is_a_time_out_though_triton_calls_it_unavailable() -> None:
    assert isinstance(refused("UNAVAILABLE", "Request timeout expired", "x"), TaggerTimeoutError)
    assert isinstance(refused("503", "Exceeds maximum queue size", "x"), ServerUnavailableError)


def test_the_padding_of_tags_is_left_out() -> None:
    assert [tag.name for tag in read_products(products(), 1)[0].tags] == ["gift"]


def test_answers_without_any_tag_column_are_read() -> None:
    arrays = products(2) | {"TAGS": np.zeros((2, 0), dtype=object), "TAG_SCORES": np.zeros((2, 0), dtype=np.float32)}
    assert [result.tags for result in read_products(arrays, 2)] == [(), ()]


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("CATEGORY", None),
        ("CATEGORY_SCORE", np.zeros((2, 1), dtype=np.float32)),
        ("TAG_SCORES", np.zeros((1, 2), dtype=np.int64)),
        ("TRUNCATED", np.zeros(1, dtype=bool)),
        ("TAG_SCORES", np.zeros((1, 3), dtype=np.float32)),
    ],
)
def test_an_answer_of_another_form_is_a_protocol_error(name: str, array: Any) -> None:
    with pytest.raises(ProtocolError):
        read_products(products() | {name: array}, 1)


def test_a_model_configuration_is_read_whatever_form_its_numbers_have() -> None:
    assert read_facts(CONFIG, "product_scores", ("SCORES",)).score_count == 71
    assert read_facts(CONFIG | {"max_batch_size": 8}, "product_scores", ("SCORES",)).max_batch_size == 8


@pytest.mark.parametrize(
    "change", [{"input": [{"name": "IMAGE"}]}, {"output": [{"name": "TRUNCATED"}]}, {"max_batch_size": 0}]
)
def test_a_model_that_is_no_product_tagger_is_told(change: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError, match="product_scores"):
        read_facts(CONFIG | change, "product_scores", ("SCORES",))


def test_scores_without_names_are_told() -> None:
    with pytest.raises(ProtocolError, match="label_filename"):
        read_labels({"SCORES": np.array([[b"0.5:0"]], dtype=object)})


def test_the_client_loads_nothing_of_the_projects_other_parts_and_no_torch() -> None:
    code = (
        "import sys, product_tagger_client.bulk.writing, product_tagger_client.command\n"
        "import product_tagger_client.grpc_transport, product_tagger_client.http_transport\n"
        "heavy = {'torch', 'transformers', 'pyarrow', 'pandas', 'onnxruntime', 'pydantic'}\n"
        "ours = {'catalog', 'training', 'export', 'serving', 'settings', 'loadtest'}\n"
        "print(sorted((heavy | ours) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
