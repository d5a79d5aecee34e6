"""The blocking client."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Literal, Protocol, TypeVar, overload

import numpy as np
import numpy.typing as npt

from .access import Access, make_access
from .conversation import (
    AskReady,
    Conversation,
    Infer,
    Manners,
    ReadConfig,
    Wait,
    ask_labels,
    await_ready,
    learn_facts,
    score_batch,
    tag_batch,
)
from .display import language_code, with_names
from .endpoint import DEFAULT_URL, URL_VARIABLE, Endpoint, parse_url
from .errors import TaggerError
from .payload import (
    SCORES_MODEL,
    SCORES_OUTPUTS,
    TAGGER_MODEL,
    TAGGER_OUTPUTS,
    ModelFacts,
    checked_batch_size,
    first_error,
    listed,
    split,
    stack_scores,
)
from .results import TaggedProduct
from .retries import RetryPolicy
from .tensors import Arrays

_Result = TypeVar("_Result")


class Transport(Protocol):
    """Carries the steps out over one protocol; failures are TaggerErrors."""

    def infer(self, step: Infer) -> Arrays: ...  # noqa: D102
    def read_config(self, step: ReadConfig) -> Any: ...  # noqa: D102
    def ask_ready(self, step: AskReady) -> bool: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


class ProductTagger:
    """Asks a product tagging server for categories and tags.

    One object may be used by several threads. Close it, or use it in a `with` block.

    Args:
        url: `grpc://host:port`, `grpcs://…`, `http://host:port` or `https://…`; None: that of TAGGER_URL, else
            `grpc://127.0.0.1:8001`.
        timeout: Seconds one request may take, its retries and the waits between them included. The server is told,
            and does not compute what nobody waits for any more.
        retries: A number of further tries after the first, or a whole RetryPolicy.
        max_batch_size: Most texts in one request; None: as many as the server's model says it takes.
        lang: Language of the display names, such as `zh`; None gives ids. What has no name in it is called by its id.
        token: A key of the server's, sent as `Authorization: Bearer …`; None: that of TAGGER_TOKEN, if it is set.
        headers: Further headers, over gRPC metadata, of every request.
        ca: A file of certificates (PEM) by which to trust the server, in place of those that the system trusts.

    Raises:
        InvalidUrlError: The address cannot be used.
        CredentialsError: Token, headers or certificates cannot, or the token would go unencrypted to another machine.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        timeout: float = 30.0,
        retries: int | RetryPolicy = 4,
        max_batch_size: int | None = None,
        lang: str | None = None,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        ca: str | os.PathLike[str] | None = None,
    ) -> None:
        self._endpoint = parse_url(os.environ.get(URL_VARIABLE) or DEFAULT_URL if url is None else url)
        self._access = make_access(self._endpoint, headers, token, ca)
        self._manners = manners(timeout, retries)
        self._max_batch_size = checked_batch_size(max_batch_size)
        self._lang = language_code(lang)
        self._facts: dict[str, ModelFacts] = {}
        self._transport = _transport(self._endpoint, self._access)

    def tag(self, text: str) -> TaggedProduct:
        """Category and tags of one product.

        Raises:
            InvalidTextError: The server refuses the text (empty, too large, not text).
            TaggerError: There is no answer; its subclasses say why.
        """
        names = self._names()
        answer = with_names(self._carry_out(tag_batch([text], 0, self._manners)), names)[0]
        if isinstance(answer, TaggerError):
            raise answer
        return answer

    @overload
    def tag_many(self, texts: Iterable[str], *, errors: Literal["raise"] = "raise") -> list[TaggedProduct]: ...
    @overload
    def tag_many(self, texts: Iterable[str], *, errors: Literal["return"]) -> list[TaggedProduct | TaggerError]: ...

    def tag_many(
        self, texts: Iterable[str], *, errors: Literal["raise", "return"] = "raise"
    ) -> list[TaggedProduct] | list[TaggedProduct | TaggerError]:
        """Category and tags of many products, in requests as large as the server takes, one after the other.

        A request that the server refuses for a text in it is split until that text is found; the others are answered.

        Args:
            texts: Any number, also none.
            errors: `raise` the first failure, or `return` each failure at the place of the text it belongs to.

        Returns:
            As many results as texts, in the same order.

        Raises:
            InvalidTextError: With `raise`; its `index` and `text` tell which one.
            TaggerError: With `raise`, any other failure.
        """
        everything = listed(texts)
        if not everything:
            return []
        size = self._max_batch_size or self._learn(TAGGER_MODEL, TAGGER_OUTPUTS).max_batch_size
        names = self._names()
        results: list[TaggedProduct | TaggerError] = []
        for start, stop in split(len(everything), size):
            results += with_names(self._carry_out(tag_batch(everything[start:stop], start, self._manners)), names)
            if errors == "raise" and (error := first_error(results[start:])):
                raise error
        return results

    def scores(self, texts: Iterable[str]) -> npt.NDArray[np.float32]:
        """Probabilities of all categories and tags.

        Returns:
            float32 [N, C + T]: softmax over the C categories, then a sigmoid for each of the T tags; see `labels`.

        Raises:
            TaggerError: The first failure; an InvalidTextError tells the text.
        """
        everything = listed(texts)
        facts = self._learn(SCORES_MODEL, SCORES_OUTPUTS)
        rows: list[npt.NDArray[np.float32]] = []
        for start, stop in split(len(everything), self._max_batch_size or facts.max_batch_size):
            answers = self._carry_out(score_batch(everything[start:stop], start, self._manners))
            if error := first_error(answers):
                raise error
            rows += [answer for answer in answers if not isinstance(answer, TaggerError)]
        return stack_scores(rows, facts)

    def labels(self) -> tuple[str, ...]:
        """What each column of `scores` means: `category/apparel`, …, `tag/dress`, … as the server names them.

        Raises:
            ProtocolError: The server's model doesn't name them.
            TaggerError: There is no answer.
        """
        facts = self._learn(SCORES_MODEL, SCORES_OUTPUTS)
        return self._carry_out(ask_labels(facts, self._manners))

    def languages(self) -> tuple[str, ...]:
        """The languages in which the server names categories and tags; none with a release that has no names.

        Raises:
            TaggerError: There is no answer.
        """
        return tuple(sorted((self._learn(TAGGER_MODEL, TAGGER_OUTPUTS)).display_names))

    def is_ready(self) -> bool:
        """Whether the server answers and its model is ready. False, not an error, when nobody answers."""
        try:
            return self._transport.ask_ready(AskReady(TAGGER_MODEL, min(self._manners.timeout, 5.0)))
        except TaggerError:
            return False

    def wait_ready(self, timeout: float = 60.0) -> None:
        """Returns as soon as the server is ready.

        Raises:
            TaggerTimeoutError: It wasn't within `timeout` seconds.
        """
        self._carry_out(await_ready(TAGGER_MODEL, timeout, str(self._endpoint), self._manners))

    def close(self) -> None:
        """Closes the connections; those in use close with their answers. A later call opens new ones."""
        self._transport.close()

    def __enter__(self) -> ProductTagger:
        """Nothing to do: the connection is opened when it is needed."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the connection."""
        self.close()

    def _names(self) -> Mapping[str, str]:
        """What labels are called in the client's language; empty, and not asked for, where it has none."""
        if self._lang is None:
            return {}
        return (self._learn(TAGGER_MODEL, TAGGER_OUTPUTS)).display_names.get(self._lang, {})

    def _learn(self, model: str, outputs: tuple[str, ...]) -> ModelFacts:
        if model not in self._facts:
            self._facts[model] = self._carry_out(learn_facts(model, outputs, self._manners))
        return self._facts[model]

    def _carry_out(self, conversation: Conversation[_Result]) -> _Result:
        outcome: Any = None
        while True:
            try:
                step = conversation.send(outcome)
            except StopIteration as end:
                result: _Result = end.value
                return result
            try:
                if isinstance(step, Wait):
                    time.sleep(step.seconds)
                    outcome = None
                elif isinstance(step, Infer):
                    outcome = self._transport.infer(step)
                elif isinstance(step, ReadConfig):
                    outcome = self._transport.read_config(step)
                else:
                    outcome = self._transport.ask_ready(step)
            except TaggerError as error:
                outcome = self._access.without_secrets(error)


def manners(timeout: float, retries: int | RetryPolicy) -> Manners:
    """Checks and joins the two arguments every client takes.

    Raises:
        ValueError: A time-out that isn't above 0.
    """
    if not timeout > 0:
        raise ValueError(f"timeout is {timeout}; it must be above 0 seconds")
    return Manners(timeout, retries if isinstance(retries, RetryPolicy) else RetryPolicy(retries))


def _transport(endpoint: Endpoint, access: Access) -> Transport:
    # Imported on use: a client of one protocol needs only that protocol's library.
    if endpoint.protocol == "grpc":
        from .grpc_transport import GrpcTransport

        return GrpcTransport(endpoint, access)
    from .http_transport import HttpTransport

    return HttpTransport(endpoint, access)
