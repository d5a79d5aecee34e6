"""The model in one process, without a server: the served classifier, or its tokenizer and the FP32 graph.

`python -m loadtest.bench.in_process` reads a Job as JSON from a line of standard input, writes `ready` when all is
loaded, waits for a line, and then computes batches until the time is over, and writes an Outcome.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from loadtest.bench.models import PythonModel, load_module
from loadtest.bench.requests import grouped

Classify = Callable[[Any, Any], Any]
"""input_ids, attention_mask int64 [B, L] → probabilities float32 [B, C + T]."""
Score = Callable[[Sequence[str]], Any]
"""Texts → probabilities float32 [B, C + T]."""


@dataclass(frozen=True)
class Job:
    """What one process computes.

    Attributes:
        repository: The model repository that the server would be started on, for one thread a process.
        graph: An ONNX graph that takes the classifier's place, run by ONNX Runtime; None for the classifier itself.
        texts: All texts.
        batch: Texts of a batch.
        share: Which part of the batches is this process's: its number and how many processes there are.
        warm_up: Seconds before the measured time.
        seconds: The measured time.
    """

    repository: str
    graph: str | None
    texts: Sequence[str]
    batch: int
    share: tuple[int, int]
    warm_up: float
    seconds: float


@dataclass
class Outcome:
    """What was measured.

    Attributes:
        latencies: Seconds of each batch, from text to probabilities.
        seconds: The measured time, as it was.
        cpu_seconds: What this process computed in it.
    """

    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0
    cpu_seconds: float = 0.0


class Scorer:
    """Texts to probabilities, without a server.

    Args:
        repository: See `Job`.
        graph: See `Job`.
    """

    def __init__(self, repository: Path, graph: Path | None = None) -> None:
        folder = repository / "classifier"
        self._tokenization = load_module(folder / "1" / "tokenization.py")
        self._tokenizer = self._tokenization.TextTokenizer(folder / "1")
        self.score: Score = self._with(open_graph(folder, graph)) if graph else served_classifier(folder)

    def by_length(self, texts: Sequence[str]) -> list[str]:
        """The texts, those with the fewest tokens first."""
        lengths = self._tokens(texts).lengths
        return [texts[place] for place in np.argsort(lengths, kind="stable")]

    def _tokens(self, texts: Sequence[str]) -> Any:
        return self._tokenizer.encode(self._tokenization.read_texts(as_tensor(texts)))

    def _with(self, classify: Classify) -> Score:
        def score(texts: Sequence[str]) -> Any:
            tokens = self._tokens(texts)
            return classify(*tokens.batch(slice(None), tokens.ids.shape[1]))

        return score


def as_tensor(texts: Sequence[str]) -> Any:
    """TEXT as the server gets it, bytes [B, 1]."""
    return np.array([[text.encode()] for text in texts], dtype=object)


def served_classifier(folder: Path) -> Score:
    """The classifier of a release, with its own cleaning, tokenizer, batching and engine."""
    model = PythonModel(folder)
    return lambda texts: model.run({"TEXT": as_tensor(texts)}, ["SCORES"])["SCORES"]


def open_graph(folder: Path, path: Path) -> Classify:
    """An ONNX graph on one thread, in a session like that of the served classifier; a batch is one run.

    Args:
        folder: The classifier's folder of a release; it says how a session is opened.
        path: The graph.
    """
    session = load_module(folder / "1" / "session.py").open_session(path, 1)
    return lambda ids, mask: session.run(["SCORES"], {"input_ids": ids, "attention_mask": mask})[0]


def batches(texts: Sequence[str], size: int, share: tuple[int, int]) -> Iterator[list[str]]:
    """One process's batches of neighbours, again and again; the same of them in every run, in a shuffled order.

    Args:
        texts: Sorted by length, so that next to nothing of a batch is padding.
        size: Texts of a batch.
        share: See `Job`.
    """
    number, count = share
    groups = grouped(texts, size)
    random.Random(13).shuffle(groups)  # the measured time ends somewhere among them
    return itertools.cycle(groups[number % len(groups) :: count])


def compute(job: Job, scorer: Scorer, texts: Sequence[str]) -> Outcome:
    """Scores a process's batches for the time that the job says.

    Args:
        job: What is computed.
        scorer: The model.
        texts: The job's, sorted by length.
    """
    outcome = Outcome()
    own = batches(texts, job.batch, job.share)
    end = time.perf_counter() + job.warm_up
    while time.perf_counter() < end:
        scorer.score(next(own))
    began, cpu = time.perf_counter(), time.process_time()
    before = began
    while before < began + job.seconds:
        scorer.score(next(own))
        now = time.perf_counter()
        outcome.latencies.append(now - before)
        before = now
    outcome.seconds, outcome.cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
    return outcome


def main() -> int:
    """Reads the job, gets ready, computes when told to, writes the outcome."""
    job = Job(**json.loads(sys.stdin.readline()))
    scorer = Scorer(Path(job.repository), Path(job.graph) if job.graph else None)
    texts = scorer.by_length(job.texts)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    if not sys.stdin.readline():
        return 1  # nobody waits any more
    outcome = compute(job, scorer, texts)
    sys.stdout.write(json.dumps(dataclasses.asdict(outcome)) + "\n")
    sys.stdout.flush()
    sys.stdin.readline()  # its memory is read before it ends
    return 0


if __name__ == "__main__":
    sys.exit(main())
