"""The response cache: off unless asked for, and counted where it is on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tritonclient.grpc as triton

from serving.processes import wait_until
from tests.serving.conftest import Place, ask, make_place, metric, running


@pytest.fixture(scope="module")
def caching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A running server with a small cache; nobody may stop it."""
    with running(make_place(tmp_path_factory.mktemp("caching") / "build", response_cache_mib=1)) as place:
        yield place


def computed(place: Place) -> int:
    """Texts that the classifier has computed."""
    with triton.InferenceServerClient(place.grpc) as client:
        (statistics,) = client.get_inference_statistics("classifier").model_stats
    return int(statistics.inference_count)


def comes_to(figure: Callable[[], float], value: float) -> bool:
    """Whether a figure of the server's gets there and stays: it counts a request after it has sent the answer."""
    return wait_until(lambda: figure() >= value, 10) and figure() == value


def test_a_text_that_is_asked_again_gets_the_same_answer_without_a_computation(caching: Place) -> None:
    before, hits = computed(caching), metric(caching, "nv_cache_num_hits_per_model", "product_tagger")
    first = ask(caching, "product_tagger", b"red dress for the summer")
    assert comes_to(lambda: computed(caching), before + 1)
    again = ask(caching, "product_tagger", b"red dress for the summer")
    assert again.as_numpy("CATEGORY").tolist() == first.as_numpy("CATEGORY").tolist() == [[b"apparel"]]
    assert again.as_numpy("TAGS").tolist() == first.as_numpy("TAGS").tolist()
    assert comes_to(lambda: metric(caching, "nv_cache_num_hits_per_model", "product_tagger"), hits + 1)
    assert comes_to(lambda: computed(caching), before + 1)


def test_another_text_is_computed_and_counted_as_a_miss(caching: Place) -> None:
    before, misses = computed(caching), metric(caching, "nv_cache_num_misses_per_model", "product_scores")
    ask(caching, "product_scores", b"a phone")
    ask(caching, "product_scores", b"a phone for a gift")
    assert comes_to(lambda: computed(caching), before + 2)
    assert comes_to(lambda: metric(caching, "nv_cache_num_misses_per_model", "product_scores"), misses + 2)


def test_a_refused_text_is_refused_again(caching: Place) -> None:
    for _ in range(2):
        with pytest.raises(triton.InferenceServerException, match="the text is empty or blank"):
            ask(caching, "product_tagger", b" ")


def test_without_the_setting_every_text_is_computed(shared: Place) -> None:
    before = computed(shared)
    for _ in range(2):
        ask(shared, "product_tagger", b"red dress for the summer")
    assert comes_to(lambda: computed(shared), before + 2)


def test_a_release_is_not_changed_by_it(caching: Place) -> None:
    configurations = list(Path(caching.releases).rglob("config.pbtxt"))
    assert configurations and not any("response_cache" in path.read_text() for path in configurations)
