"""What asks: so many clients, each sending its next request when it has the answer to the last.

It runs as a process of its own, the same for every server: `python -m loadtest.bench.load` reads a Job as JSON from a
line of standard input and writes `ready`. When it gets another line it begins, writes `begin` and `end` around the
measured time, and then an Outcome; it ends with the next line, so that its memory can be read before.

The model without a server is asked in the same way. It computes in this process, so there are as many such processes as
clients, each with its share of the texts.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import gevent
import gevent.event

from loadtest.callers import Caller, connect
from loadtest.requests import Api, encode, grouped

if TYPE_CHECKING:
    from loadtest.bench.models import Scorer

FIRST_ANSWER_SECONDS = 60
"""So long the measured time waits for each client's first answer, of whatever kind; and for each later one."""


@dataclass(frozen=True)
class Job:
    """What is to be measured.

    Attributes:
        api: How the server is asked; `model` computes in this process.
        texts: What is sent, in turns.
        warm_up: Seconds before the measured time; more where a client has had no answer by then.
        seconds: The measured time.
        port: Where the server listens on 127.0.0.1.
        clients: How many ask at once.
        texts_each: Texts in each request.
        repository: `model`: the model repository that the server would be started on, for one thread a process.
        graph: `model`: an ONNX graph that takes the classifier's place; None for the classifier itself.
        share: `model`: which part of the batches is this process's: its number, and how many processes there are.
    """

    api: Api | Literal["model"]
    texts: Sequence[str]
    warm_up: float
    seconds: float
    port: int = 0
    clients: int = 1
    texts_each: int = 1
    repository: str = ""
    graph: str | None = None
    share: tuple[int, int] = (0, 1)


@dataclass
class Outcome:
    """What was measured; only requests that ended within the measured time count.

    Attributes:
        latencies: Seconds of each answered request.
        errors: How many requests were not answered.
        first_error: What the first of them got instead.
        seconds: The measured time, as it was.
        cpu_seconds: What this process computed in that time.
    """

    latencies: list[float] = field(default_factory=list)
    errors: int = 0
    first_error: str = ""
    seconds: float = 0.0
    cpu_seconds: float = 0.0


class ModelCaller:
    """The model itself in the place of a server; a request is a list of texts."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer

    def call(self, request: Sequence[str]) -> str:
        """Computes the probabilities, and gives the clock its turn."""
        self._scorer.score(request)
        gevent.sleep(0)
        return ""

    def close(self) -> None:
        """There is nothing to close."""


def prepare(job: Job) -> tuple[list[Any], list[Caller]]:
    """The encoded requests, and a caller for each client.

    Raises:
        ValueError: There is nothing to send.
    """
    api = job.api
    if api == "model":
        from loadtest.bench.models import Scorer  # here, because what it imports takes a second

        scorer = Scorer(Path(job.repository), Path(job.graph) if job.graph else None)
        return shared_batches(scorer.by_length(job.texts), job.texts_each, job.share), [ModelCaller(scorer)]
    requests = [encode(api, texts) for texts in grouped(job.texts, job.texts_each)]
    return requests, [connect(api, "127.0.0.1", job.port, FIRST_ANSWER_SECONDS) for _ in range(job.clients)]


def shared_batches(texts: Sequence[str], size: int, share: tuple[int, int]) -> list[list[str]]:
    """One process's batches of neighbours; the same of them in every run, in a shuffled order.

    Args:
        texts: Sorted by length, so that next to nothing of a batch is padding.
        size: Texts of a batch.
        share: See `Job`.
    """
    number, count = share
    groups = grouped(texts, size)
    random.Random(13).shuffle(groups)  # the measured time ends somewhere among them
    return groups[number % len(groups) :: count]


def drive(job: Job, requests: Sequence[Any], callers: Sequence[Caller], tell: Callable[[str], None]) -> Outcome:
    """Runs a job.

    Args:
        job: What is to be measured.
        requests: See `prepare`.
        callers: A client each.
        tell: Called with `begin` and `end`, right when the measured time does.
    """
    outcome = Outcome()
    measuring, ended = gevent.event.Event(), gevent.event.Event()
    answered = [gevent.event.Event() for _ in callers]

    def client(number: int) -> None:
        # The clients begin at different requests, so that no two ask the same at once.
        start = number * len(requests) // len(callers)
        for request in itertools.islice(itertools.cycle(requests), start, None):
            began = time.perf_counter()
            problem = callers[number].call(request)
            took = time.perf_counter() - began
            answered[number].set()
            if measuring.is_set():
                if problem:
                    outcome.errors += 1
                    outcome.first_error = outcome.first_error or problem
                else:
                    outcome.latencies.append(took)
            if ended.is_set():
                return
            if problem:
                gevent.sleep(0.05)  # a server that is away must not be asked a hundred thousand times

    clients = [gevent.spawn(client, number) for number in range(len(callers))]
    gevent.sleep(job.warm_up)
    # Many connections take longer to open than a short warm-up.
    gevent.wait(answered, timeout=FIRST_ANSWER_SECONDS)
    tell("begin")
    began, cpu = time.perf_counter(), time.process_time()
    measuring.set()
    gevent.sleep(job.seconds)
    measuring.clear()
    ended.set()
    outcome.seconds, outcome.cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
    tell("end")
    # What is on its way is waited for: left behind, it would still occupy the server when the next one is measured.
    gevent.joinall(clients, raise_error=True)
    for caller in callers:
        caller.close()
    return outcome


def main() -> int:
    """Reads the job, gets ready, runs it when told to, writes the outcome."""

    def tell(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    job = Job(**json.loads(sys.stdin.readline()))
    if job.api == "grpc":
        import grpc.experimental.gevent

        grpc.experimental.gevent.init_gevent()
    requests, callers = prepare(job)
    tell("ready")
    if not sys.stdin.readline():
        return 1  # nobody waits any more
    tell(json.dumps(dataclasses.asdict(drive(job, requests, callers, tell))))
    sys.stdin.readline()
    return 0


if __name__ == "__main__":
    sys.exit(main())
