"""What is said to a server, and in which order, without saying it.

Each function here is a generator: it yields steps (send this, wait so long) and is sent the outcome of each. The
blocking and the asynchronous client carry the same steps out, so batches, retries and errors behave alike in both.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from .errors import AuthenticationError, InvalidTextError, TaggerError, TaggerTimeoutError
from .payload import (
    SCORES_MODEL,
    SCORES_OUTPUTS,
    TAGGER_MODEL,
    TAGGER_OUTPUTS,
    ModelFacts,
    encode,
    read_facts,
    read_labels,
    read_products,
    read_scores,
)
from .results import TaggedProduct
from .retries import RetryPolicy
from .tensors import Arrays

Answer = TypeVar("Answer")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Infer:
    """Send texts to a model; the outcome is its output arrays by name.

    Attributes:
        model: Its name.
        texts: N of them, in UTF-8.
        outputs: The outputs wanted.
        timeout: Seconds for the whole exchange; sent to the server too, which drops what waited longer.
        classes: Above 0: ask for that many `score:index:label` strings in place of the scores.
    """

    model: str
    texts: Sequence[bytes]
    outputs: tuple[str, ...]
    timeout: float
    classes: int = 0


@dataclass(frozen=True, slots=True)
class ReadConfig:
    """Ask for a model's configuration; the outcome is it as a mapping."""

    model: str
    timeout: float


@dataclass(frozen=True, slots=True)
class AskReady:
    """Ask whether the server and its model are ready; the outcome is a bool."""

    model: str
    timeout: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for so many seconds; the outcome is None."""

    seconds: float


Step = Infer | ReadConfig | AskReady | Wait
Conversation = Generator[Step, Any, Result]


@dataclass(frozen=True, slots=True)
class Manners:
    """How one client talks: its time, its patience, and where it takes time and chance from.

    Attributes:
        timeout: Seconds for one request, with all its retries and the waits between them.
        policy: What is tried again.
        clock: Seconds, only ever growing.
        chance: Random numbers in [0, 1).
    """

    timeout: float = 30.0
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    clock: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random


def persist(make_step: Callable[[float], Step], manners: Manners) -> Conversation[Any]:
    """Carries one step out, again where that is worth it, until it succeeds or the time or patience ends.

    Args:
        make_step: Seconds that are left → the step.
        manners: Time and patience.

    Raises:
        TaggerError: What the last try ended with.
    """
    end = manners.clock() + manners.timeout
    failures = 0
    while True:
        outcome = yield make_step(max(end - manners.clock(), 0.001))
        if not isinstance(outcome, TaggerError):
            return outcome
        failures += 1
        wait = manners.policy.wait_before_retry(outcome, failures, end - manners.clock(), manners.chance())
        if wait is None:
            raise outcome
        yield Wait(wait)


def answer_batch(
    model: str,
    texts: Sequence[str],
    first: int,
    outputs: tuple[str, ...],
    parse: Callable[[Arrays, int], Sequence[Answer]],
    manners: Manners,
) -> Conversation[list[Answer | TaggerError]]:
    """Has one batch answered; a batch that is refused is halved until the refused texts are found.

    Args:
        model: Its name.
        texts: At most as many as the server takes at once.
        first: The place of the first of them among the caller's texts.
        outputs: The model's outputs wanted.
        parse: Output arrays and number of texts → an answer a text.
        manners: Time (for each request) and patience.

    Returns:
        For each text its answer, or why there is none. A failure that is not a text's own stands at each of its texts.
    """
    encoded = [encode(text, first + place) for place, text in enumerate(texts)]
    answers: list[Answer | TaggerError] = []
    pending = _sendable_runs(encoded)[::-1]
    while pending:
        start, stop = pending.pop()
        refusal = encoded[start]
        if isinstance(refusal, InvalidTextError):
            answers.append(refusal)
            continue
        sent = [raw for raw in encoded[start:stop] if isinstance(raw, bytes)]
        send = partial(Infer, model, sent, outputs)
        try:
            arrays = yield from persist(send, manners)
            answers += parse(arrays, stop - start)
        except InvalidTextError as error:
            if stop - start == 1:
                # The server names the row of the request; alone in its request, that number would only mislead.
                reason = str(error).removeprefix("row 0: ")
                answers.append(type(error)(reason, texts[start], first + start))
            else:
                middle = (start + stop) // 2
                pending += [(middle, stop), (start, middle)]
        except TaggerError as error:
            answers += [error] * (stop - start)
    return answers


def tag_batch(texts: Sequence[str], first: int, manners: Manners) -> Conversation[list[TaggedProduct | TaggerError]]:
    """`answer_batch` for product_tagger."""
    return answer_batch(TAGGER_MODEL, texts, first, TAGGER_OUTPUTS, read_products, manners)


def score_batch(
    texts: Sequence[str], first: int, manners: Manners
) -> Conversation[list[npt.NDArray[np.float32] | TaggerError]]:
    """`answer_batch` for product_scores: float32 [C + T] a text."""
    return answer_batch(SCORES_MODEL, texts, first, SCORES_OUTPUTS, read_scores, manners)


def ask_labels(facts: ModelFacts, manners: Manners) -> Conversation[tuple[str, ...]]:
    """Has the columns of SCORES named: Triton gives the names only beside the scores of some text."""
    arrays = yield from persist(
        lambda left: Infer(SCORES_MODEL, [b"product"], SCORES_OUTPUTS, left, max(facts.score_count, 1)), manners
    )
    return read_labels(arrays)


def _sendable_runs(encoded: Sequence[bytes | InvalidTextError]) -> list[tuple[int, int]]:
    """The bounds of the longest runs of texts that can be sent, and of each single one that can't, in order."""
    runs: list[tuple[int, int]] = []
    start = 0
    for place, raw in enumerate(encoded):
        if isinstance(raw, InvalidTextError):
            runs += [(start, place), (place, place + 1)]
            start = place + 1
    runs.append((start, len(encoded)))
    return [run for run in runs if run[0] < run[1]]


def learn_facts(model: str, outputs: tuple[str, ...], manners: Manners) -> Conversation[ModelFacts]:
    """Reads what the client has to know of a model and checks that it is the one it expects."""
    config = yield from persist(lambda left: ReadConfig(model, left), manners)
    return read_facts(config, model, outputs)


def await_ready(model: str, timeout: float, where: str, manners: Manners) -> Conversation[None]:
    """Asks again and again, ever less often, until the model is ready.

    Raises:
        TaggerTimeoutError: It wasn't within `timeout` seconds.
        AuthenticationError: The server does not let this client in.
    """
    end = manners.clock() + timeout
    failures = 0
    while True:
        remaining = end - manners.clock()
        ready = yield AskReady(model, max(min(remaining, 5.0), 0.001))
        if ready is True:
            return
        if isinstance(ready, AuthenticationError):
            raise ready
        failures += 1
        wait = manners.policy.backoff(failures, manners.chance())
        if wait >= end - manners.clock():
            told = isinstance(ready, TaggerError) and not isinstance(ready, TaggerTimeoutError)
            reason = f" ({ready})" if told else ""
            raise TaggerTimeoutError(
                f"the model {model} at {where} was not ready within {timeout:g} seconds{reason}; "
                "see whether the server runs and its log for the reason"
            )
        yield Wait(wait)
