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
from typing import Any, Generic, TypeVar

from .errors import AuthenticationError, InvalidTextError, ModelNotFoundError, TaggerError, TaggerTimeoutError
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


@dataclass(frozen=True, slots=True)
class Together:
    """Hold conversations at the same time; the outcome is the list of their results, in their order.

    Attributes:
        conversations: None of them needs another's result.
        at_once: How many are held at a time.
        enough: A result with which no further one is begun; the result of one that is not begun is None.
    """

    conversations: Sequence[Generator[Any, Any, Any]]
    at_once: int
    enough: Callable[[Any], bool]


Exchange = Infer | ReadConfig | AskReady
Step = Exchange | Wait | Together
Conversation = Generator[Step, Any, Result]


@dataclass(frozen=True, slots=True)
class Manners:
    """How one client talks: its time, its patience, and where it takes time and chance from.

    Attributes:
        timeout: Seconds for one request, with all its retries and the waits between them.
        policy: What is tried again.
        clock: Seconds, only ever growing.
        chance: Random numbers in [0, 1).
        answered: Models that have answered this client.
    """

    timeout: float = 30.0
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    clock: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random
    answered: set[str] = field(default_factory=set)

    def end(self) -> float:
        """The moment at which the time of a request that begins now is over."""
        return self.clock() + self.timeout


def persist(make_step: Callable[[float], Exchange], manners: Manners, end: float | None = None) -> Conversation[Any]:
    """Carries one step out, again where that is worth it, until it succeeds or the time or patience ends.

    Args:
        make_step: Seconds that are left → the step.
        manners: Time and patience.
        end: When the time is over; None: the whole time of a request from now.

    Raises:
        TaggerError: What the last try ended with.
    """
    end = manners.end() if end is None else end
    failures: list[TaggerError] = []
    while True:
        step = make_step(max(end - manners.clock(), 0.001))
        outcome = yield step
        if not isinstance(outcome, TaggerError):
            manners.answered.add(step.model)
            return outcome
        if isinstance(outcome, TaggerTimeoutError) and failures and step.timeout < manners.timeout / 2:
            # What the tries before it met says more than that the last one had little time.
            raise failures[-1]
        failures.append(outcome)
        gone = isinstance(outcome, ModelNotFoundError) and step.model in manners.answered
        wait = manners.policy.wait_before_retry(
            outcome, len(failures), end - manners.clock(), manners.chance(), gone=gone
        )
        if wait is None:
            raise outcome
        yield Wait(wait)


@dataclass(frozen=True, slots=True)
class ModelKind(Generic[Answer]):
    """One of the models that a client asks.

    Attributes:
        name: The server's name for it.
        outputs: Those that are wanted.
        parse: Output arrays and number of texts → an answer a text.
    """

    name: str
    outputs: tuple[str, ...]
    parse: Callable[[Arrays, int], Sequence[Answer]]


TAGGER = ModelKind(TAGGER_MODEL, TAGGER_OUTPUTS, read_products)
SCORER = ModelKind(SCORES_MODEL, SCORES_OUTPUTS, read_scores)


def answer_batch(
    kind: ModelKind[Answer], texts: Sequence[str], first: int, manners: Manners, end: float | None = None
) -> Conversation[list[Answer | TaggerError]]:
    """Has one batch answered; a batch that is refused is halved until the refused texts are found.

    Args:
        kind: What is asked.
        texts: At most as many as the server takes at once.
        first: The place of the first of them among the caller's texts.
        manners: Time (for each request) and patience.
        end: When the time of all requests is over, where it is not each one's own.

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
        send = partial(Infer, kind.name, sent, kind.outputs)
        try:
            arrays = yield from persist(send, manners, end)
            answers += kind.parse(arrays, stop - start)
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


def learn_facts(kind: ModelKind[Any], manners: Manners, end: float | None = None) -> Conversation[ModelFacts]:
    """Reads what the client has to know of a model and checks that it is the one it expects."""
    config = yield from persist(lambda left: ReadConfig(kind.name, left), manners, end)
    return read_facts(config, kind.name, kind.outputs)


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
