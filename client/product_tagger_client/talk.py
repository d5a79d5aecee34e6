"""A client's calls, whole, as conversations; and what the client has learnt of its server on the way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
from .errors import (
    AuthenticationError,
    InvalidTextError,
    ModelNotFoundError,
    ProtocolError,
    ServerUnavailableError,
    TaggerError,
)
from .frames import read_texts, write_answers
from .payload import ModelFacts, first_error, listed, stack_scores
from .results import TaggedProduct

_Answer = TypeVar("_Answer")
_SMALLEST_BATCH = 16
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
        answers = yield from answer_batch(TAGGER, [text], 0, self.manners, end)
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

    def tag_frame(self, frame: Any, columns: Mapping[str, str]) -> Conversation[Any]:
        """A data frame of products → one of answers."""
        texts = read_texts(frame, columns)
        sent = [text for text in texts if isinstance(text, str)]
        answers = yield from self.tag_many(sent, "return")
        failures = [answer for answer in answers if isinstance(answer, TaggerError)]
        failure = next((error for error in failures if not isinstance(error, InvalidTextError)), None)
        if failure is not None and len(failures) == len(answers):
            raise failure
        found = iter(answers)
        rows = [next(found) if isinstance(text, str) else text for text in texts]
        return write_answers(frame, rows, with_names=self._lang is not None)

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
        batches = dealt(len(texts), size, self._concurrency)

        def enough(answers: Sequence[object]) -> bool:
            return (first_error(answers) if stop else self._hopeless(answers)) is not None

        talks = [answer_batch(kind, texts[batch.start : batch.stop], batch.start, self.manners) for batch in batches]
        results = yield Together(talks, self._concurrency, enough)
        answers: list[_Answer | TaggerError] = []
        error: TaggerError | None = None
        for batch, result in zip(batches, results, strict=True):
            if result is not None:
                answers += result
                error = error or self._hopeless(result)
            elif error is not None and not stop:
                answers += [error] * len(batch)
        return answers

    def _hopeless(self, answers: Sequence[object]) -> TaggerError | None:
        """A failure that the next request would meet too; such is a server that was away for the whole time."""
        lasting: tuple[type[TaggerError], ...] = (AuthenticationError, ModelNotFoundError, ProtocolError)
        if self.manners.policy.retries is None:
            lasting = (*lasting, ServerUnavailableError)
        return next((answer for answer in answers if isinstance(answer, lasting)), None)


def dealt(count: int, size: int, at_once: int) -> list[range]:
    """The places of the texts of each request. Few texts make small ones, so that several processes have work.

    They keep their order: a server that sorts the texts of a request by length gains nothing by sorting all of them.

    Args:
        count: How many texts there are.
        size: Most in one request.
        at_once: How many requests are in flight at a time.
    """
    size = min(size, max(_SMALLEST_BATCH, -(-count // at_once)))
    return [range(start, min(start + size, count)) for start in range(0, count, size)]
