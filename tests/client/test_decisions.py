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
    ProductTagger,
    ProtocolError,
    RetryPolicy,
    ServerUnavailableError,
)
from product_tagger_client.conversation import Infer, Manners, Wait, tag_batch
from product_tagger_client.endpoint import parse_url
from product_tagger_client.errors import ServerError, TaggerTimeoutError
from product_tagger_client.failures import refused
from product_tagger_client.payload import read_facts, read_labels, read_products

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
    "settings", [{"timeout": 0}, {"timeout": float("nan")}, {"max_batch_size": 0}, {"retries": -1}]
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
    assert policy.wait_before_retry(ServerUnavailableError("away"), 1, remaining=0.6, chance=0.0) == 0.5


def test_each_try_is_given_only_the_time_that_is_left() -> None:
    now = 100.0
    manners = Manners(timeout=10.0, policy=RetryPolicy(3, 2.0, 2.0), clock=lambda: now, chance=lambda: 0.5)
    conversation = tag_batch(["text"], 0, manners)
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
    conversation = tag_batch(texts, 40, Manners())
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
