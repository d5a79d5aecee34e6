"""More requests than the server can compute: refused at once or in time, and never computed when it is too late.

The classifier waits for a file before it computes, so what waits in its queue is no matter of speed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.http as triton_http
from tritonclient.utils import InferenceServerException

from product_tagger_client import ProductTagger, RetryPolicy
from serving.processes import wait_until
from tests.serving.conftest import Place, before_each_batch, make_place, metric, running

QUEUE = 2
PATIENCE = 30.0
"""Seconds after which a condition is given up; none of the tests is about how long something takes."""
WAIT = """

def wait_for(gate: Path) -> None:
    import time
    import uuid

    (gate.parent / f"began-{uuid.uuid4()}").touch()
    while not gate.exists():
        time.sleep(0.01)
"""


class Blocked:
    """A server whose classifier computes nothing until the gate is opened.

    Args:
        place: The running server.
        gate: The file that the classifier waits for; beside it a file appears for each batch that is begun.
    """

    def __init__(self, place: Place, gate: Path) -> None:
        self.place, self._gate = place, gate
        self._pool = ThreadPoolExecutor(16)

    def ask(self, timeout_us: int | None = None) -> Future[Any]:
        """Send a request, from a thread of its own."""
        return self._pool.submit(self._ask, timeout_us)

    def _ask(self, timeout_us: int | None) -> Any:
        with triton.InferenceServerClient(self.place.grpc) as client:
            return client.infer("product_tagger", [text_tensor(triton)], timeout=timeout_us)

    def fill(self) -> list[Future[Any]]:
        """One request in the classifier, and as many in front of it as its queue takes."""
        asked = [self.ask()]
        self.until(lambda: self.begun() == 1)
        for waiting in range(1, QUEUE + 1):
            asked.append(self.ask())
            self.wait_until_waiting(waiting)
        return asked

    def wait_until_waiting(self, count: int) -> None:
        """Until so many requests are in the classifier's queue."""
        self.until(lambda: self.metric("nv_inference_pending_request_count") == count)

    def until(self, condition: Callable[[], bool]) -> None:
        assert wait_until(condition, PATIENCE)

    def begun(self) -> int:
        """Batches that the classifier has begun to compute."""
        return len(list(self._gate.parent.glob("began-*")))

    def metric(self, name: str) -> float:
        """One of Triton's metrics for the classifier."""
        return metric(self.place, name, "classifier")

    def open(self) -> None:
        self._gate.touch()

    def close(self) -> None:
        self.open()
        self._pool.shutdown()


def text_tensor(module: Any) -> Any:
    """One text for either protocol's client."""
    tensor = module.InferInput("TEXT", [1, 1], "BYTES")
    tensor.set_data_from_numpy(np.array([[b"red dress"]], dtype=object))
    return tensor


@pytest.fixture
def blocked(tmp_path: Path) -> Iterator[Blocked]:
    # Batches of one: what waits is a request, not a part of a batch.
    place = make_place(tmp_path / "build", max_queue_size=QUEUE, max_batch_size=1, instances=1)
    gate = tmp_path / "gate"
    before_each_batch(place, f"wait_for(Path({str(gate)!r}))", WAIT)
    gate.touch()  # open while the server is tried out at its start
    with running(place):
        gate.unlink()
        for begun in tmp_path.glob("began-*"):
            begun.unlink()
        made = Blocked(place, gate)
        try:
            yield made
        finally:
            made.close()


def test_a_request_beyond_the_queue_is_refused_at_once_and_the_others_are_answered(blocked: Blocked) -> None:
    asked = blocked.fill()
    with pytest.raises(InferenceServerException, match="Exceeds maximum queue size") as caught:
        blocked.ask().result(PATIENCE)
    assert caught.value.status() == "StatusCode.UNAVAILABLE"
    assert not any(one.done() for one in asked)  # refused while nothing moved
    blocked.open()
    assert [one.result(PATIENCE).as_numpy("CATEGORY").tolist() for one in asked] == [[[b"apparel"]]] * (1 + QUEUE)


def test_over_http_such_a_request_is_a_503(blocked: Blocked) -> None:
    blocked.fill()
    with triton_http.InferenceServerClient(blocked.place.http) as client:
        with pytest.raises(InferenceServerException, match="Exceeds maximum queue size") as caught:
            client.infer("product_tagger", [text_tensor(triton_http)])
        assert caught.value.status() == "503"


def test_the_client_asks_again_until_there_is_room(blocked: Blocked) -> None:
    blocked.fill()
    found: list[str | None] = []
    policy = RetryPolicy(retries=10_000, first_delay=0.01, longest_delay=0.05)
    with ProductTagger(f"grpc://{blocked.place.grpc}", timeout=PATIENCE, retries=policy) as tagger:
        asking = threading.Thread(target=lambda: found.append(tagger.tag("red dress").category))
        asking.start()
        # Refused, and asked again: such refusals count as the ensemble's.
        blocked.until(lambda: metric(blocked.place, "nv_inference_request_failure", "product_tagger") >= 2)
        blocked.open()
        asking.join(PATIENCE)
    assert found == ["apparel"]


def test_a_request_whose_time_has_passed_is_refused_and_not_computed(blocked: Blocked) -> None:
    first = blocked.ask()
    blocked.until(lambda: blocked.begun() == 1)
    late = blocked.ask(timeout_us=1000)
    blocked.wait_until_waiting(1)
    blocked.open()
    with pytest.raises(InferenceServerException, match="timeout expired") as caught:
        late.result(PATIENCE)
    assert caught.value.status() == "StatusCode.UNAVAILABLE"
    first.result(PATIENCE)
    assert blocked.begun() == 1


def test_who_cancels_is_free_at_once_and_the_others_are_answered(blocked: Blocked) -> None:
    first = blocked.ask()
    blocked.until(lambda: blocked.begun() == 1)
    answers: list[Any] = []
    with triton.InferenceServerClient(blocked.place.grpc) as client:
        call = client.async_infer(
            "product_tagger", [text_tensor(triton)], lambda result, error: answers.append(error or result)
        )
        blocked.wait_until_waiting(1)
        call.cancel()
        blocked.until(lambda: len(answers) == 1)
    assert isinstance(answers[0], InferenceServerException) and not first.done()
    blocked.open()
    for one in (first, blocked.ask()):
        assert one.result(PATIENCE).as_numpy("CATEGORY").tolist() == [[b"apparel"]]
