"""Padding for a classifier that computes some lengths only, as a TensorRT plan does: on the real server, without a GPU.

In the plan's place stands a Python model that takes any length, but is configured as a plan is: requests of different
lengths can't share a batch.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import tritonclient.grpc as triton

from tests.serving.conftest import Place, ask, make_place, running
from tests.small_release import MAX_LENGTH, build_release, make_current

BUCKETS = (8, MAX_LENGTH)
SHORT, LONG = b"red dress", b"a phone as a gift for the summer, in a box of twelve"
RELEASE = "20260102T000000Z-cpu-bbbbbbbb"


@pytest.fixture(scope="module")
def padded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A running server; nobody may stop it."""
    place = make_place(tmp_path_factory.mktemp("padded") / "build", max_batch_size=32)
    build_release(place.releases, RELEASE, length_buckets=BUCKETS)
    make_current(place.releases, RELEASE)
    with running(place):
        yield place


def tokens(place: Place, *texts: bytes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    answer = ask(place, "tokenizer", *texts)
    return answer.as_numpy("input_ids"), answer.as_numpy("attention_mask")


@pytest.mark.parametrize(("texts", "width"), [((SHORT,), 8), ((LONG,), MAX_LENGTH), ((SHORT, LONG), MAX_LENGTH)])
def test_rows_are_padded_to_the_least_bucket_that_holds_them(
    padded: Place, texts: tuple[bytes, ...], width: int
) -> None:
    ids, mask = tokens(padded, *texts)
    assert ids.shape == mask.shape == (len(texts), width)
    assert (ids[mask == 0] == 0).all() and (mask.sum(axis=1) >= 4).all()
    assert (np.diff(mask, axis=1) <= 0).all()  # the tokens come first


def test_a_text_longer_than_the_last_bucket_is_cut_at_it(padded: Place) -> None:
    ids, mask = tokens(padded, b"dress " * 100)
    assert ids.shape == (1, MAX_LENGTH) and mask.all()


def test_padding_changes_no_answer(padded: Place, shared: Place) -> None:
    texts = (SHORT, LONG, b"chocolate gift", b"dress " * 100)
    for own, other in zip(texts, texts[1:] + texts[:1], strict=True):
        found, right = (ask(place, "product_scores", own, other).as_numpy("SCORES") for place in (padded, shared))
        np.testing.assert_allclose(found, right, atol=1e-6)


def test_every_one_of_many_requests_of_all_lengths_gets_its_own_answer(padded: Place) -> None:
    wanted = {SHORT: b"apparel", LONG: b"electronics", b"chocolate " * 5: b"food"}
    texts = [text for text in wanted for _ in range(20)]
    found: dict[int, bytes] = {}

    def one(number: int) -> None:
        found[number] = ask(padded, "product_tagger", texts[number]).as_numpy("CATEGORY")[0, 0]

    order = np.random.default_rng(0).permutation(len(texts))
    threads = [threading.Thread(target=one, args=(number,)) for number in order.tolist()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: wanted[text] for number, text in enumerate(texts)}


def test_a_configuration_for_another_engine_is_no_model_of_the_server(padded: Place, tmp_path: Path) -> None:
    with triton.InferenceServerClient(padded.grpc) as client:
        names = {model.name for model in client.get_inference_statistics().model_stats}
    assert names == {"classifier", "labeler", "product_scores", "product_tagger", "tokenizer"}
