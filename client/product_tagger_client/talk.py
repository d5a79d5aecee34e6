"""A client's calls, whole, as conversations; and what the client has learnt of its server on the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from .conversation import (
    SCORER,
    TAGGER,
    AskReady,
    Conversation,
    Manners,
    ModelKind,
    Together,
    answer_batch,
    ask_labels,
    await_ready,
    learn_facts,
)
from .display import with_names
from .errors import AuthenticationError, ModelNotFoundError, ProtocolError, ServerUnavailableError, TaggerError
from .payload import ModelFacts, first_error, listed, stack_scores
from .results import TaggedProduct

_Answer = TypeVar("_Answer")
_SMALLEST_BATCH = 8
_READY_SECONDS = 5.0


class Talk:
    """What both clients say; each carries it out in its own way.

    Args:
        manners: Time and patience.
        max_batch_size: Most texts in one request; None: what the server's model says.
        lang: Language of display names; None for ids.
        concurrency: Requests of one call that are in flight at a time.
    """

    def __init__(self, manners: Manners, max_batch_size: int | None, lang: str | None, concurrency: int) -> None:
        self.manners = manners
        self._max_batch_size = max_batch_size
        self._lang = lang
        self._concurrency = concurrency
        self._facts: dict[str, ModelFacts] = {}

    def tag(self, text: str) -> Conversation[TaggedProduct]:
        """One text; names and answer within one request's time."""
        end = self.manners.end()
        names = yield from self._names(end)
        answers = yield from answer_batch(TAGGER, [text], [0], self.manners, end)
        answer = with_names(answers, names)[0]
        if isinstance(answer, TaggerError):
            raise answer
        return answer

    def tag_many(
        self, texts: Iterable[str], errors: Literal["raise", "return"]
    ) -> Conversation[list[TaggedProduct | TaggerError]]:
        """Any number of texts, in their order."""
        everything = listed(texts)
        if not everything:
            return []
        size = yield from self.batch_size()
        names = yield from self._names()
        answers = yield from self._in_batches(TAGGER, everything, size, stop=errors == "raise")
        if errors == "raise" and (error := first_error(answers)):
            raise error
        return with_names(answers, names)

    def scores(self, texts: Iterable[str]) -> Conversation[npt.NDArray[np.float32]]:
        """float32 [N, C + T]."""
        everything = listed(texts)
        facts = yield from self._learn(SCORER)
        size = self._max_batch_size or facts.max_batch_size
        answers = yield from self._in_batches(SCORER, everything, size, stop=True)
        if error := first_error(answers):
            raise error
        return stack_scores([answer for answer in answers if not isinstance(answer, TaggerError)], facts)

    def labels(self) -> Conversation[tuple[str, ...]]:
        """The names of the scores' columns."""
        facts = yield from self._learn(SCORER)
        return (yield from ask_labels(facts, self.manners))

    def batch_size(self) -> Conversation[int]:
        """Most texts in one request."""
        if self._max_batch_size is not None:
            return self._max_batch_size
        return (yield from self._learn(TAGGER)).max_batch_size

    def languages(self) -> Conversation[tuple[str, ...]]:
        """Those of display names."""
        facts = yield from self._learn(TAGGER)
        return tuple(sorted(facts.display_names))

    def is_ready(self) -> Conversation[bool]:
        """Whether the model answers; a failure is a no."""
        ready = yield AskReady(TAGGER.name, min(self.manners.timeout, _READY_SECONDS))
        return ready is True

    def wait_ready(self, timeout: float, where: str) -> Conversation[None]:
        """Ends as soon as the model answers."""
        return await_ready(TAGGER.name, timeout, where, self.manners)

    def _names(self, end: float | None = None) -> Conversation[Mapping[str, str]]:
        """What labels are called in the client's language; empty, and not asked for, where it has none."""
        if self._lang is None:
            return {}
        facts = yield from self._learn(TAGGER, end)
        return facts.display_names.get(self._lang, {})

    def _learn(self, kind: ModelKind[Any], end: float | None = None) -> Conversation[ModelFacts]:
        if kind.name not in self._facts:
            self._facts[kind.name] = yield from learn_facts(kind, self.manners, end)
        return self._facts[kind.name]

    def _in_batches(
        self, kind: ModelKind[_Answer], texts: Sequence[str], size: int, *, stop: bool
    ) -> Conversation[list[_Answer | TaggerError]]:
        """The answers in the order of the texts; with `stop` none after a failure is sure to be there.

        Without it, a failure that all texts would meet stands at each text that is not asked for any more.
        """
        batches = list(batched_by_length(texts, size, self._concurrency))

        def enough(answers: Sequence[object]) -> bool:
            return (first_error(answers) if stop else self._hopeless(answers)) is not None

        talks = [answer_batch(kind, [texts[place] for place in batch], batch, self.manners) for batch in batches]
        results = yield Together(talks, self._concurrency, enough)
        answers: dict[int, _Answer | TaggerError] = {}
        for batch, result in zip(batches, results, strict=True):
            answers.update(zip(batch, result or (), strict=result is not None))
        if not stop and (error := self._hopeless(list(answers.values()))):
            for place in range(len(texts)):
                answers.setdefault(place, error)
        return [answers[place] for place in range(len(texts)) if place in answers]

    def _hopeless(self, answers: Sequence[object]) -> TaggerError | None:
        """A failure that the next request would meet too; such is a server that was away for the whole time."""
        lasting: tuple[type[TaggerError], ...] = (AuthenticationError, ModelNotFoundError, ProtocolError)
        if self.manners.policy.retries is None:
            lasting = (*lasting, ServerUnavailableError)
        return next((answer for answer in answers if isinstance(answer, lasting)), None)


def batched_by_length(texts: Sequence[str], size: int, at_once: int) -> Iterator[list[int]]:
    """Deals texts out to requests, the longest first: texts of like length cost least beside each other.

    Few texts make small requests too, so that several processes of a server have something to do.

    Args:
        texts: In any order.
        size: Most in one request.
        at_once: How many requests are in flight at a time.

    Yields:
        Places of the texts of one request; each place once.
    """
    size = min(size, max(_SMALLEST_BATCH, -(-len(texts) // at_once)))
    order = sorted(range(len(texts)), key=lambda place: _length(texts[place]), reverse=True)
    for start in range(0, len(order), size):
        yield order[start : start + size]


def _length(text: object) -> int:
    return len(text) if isinstance(text, str) else 0
