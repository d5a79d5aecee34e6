"""The asynchronous client."""

from __future__ import annotations

import asyncio
import os
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
from .tagger import manners
from .tensors import Arrays

_Result = TypeVar("_Result")


class AsyncTransport(Protocol):
    """Carries the steps out over one protocol; failures are TaggerErrors."""

    async def infer(self, step: Infer) -> Arrays: ...  # noqa: D102
    async def read_config(self, step: ReadConfig) -> Any: ...  # noqa: D102
    async def ask_ready(self, step: AskReady) -> bool: ...  # noqa: D102
    async def close(self) -> None: ...  # noqa: D102


class AsyncProductTagger:
    """Asks a product tagging server for categories and tags, without blocking the event loop.

    Behaves as `ProductTagger`, but keeps several requests in flight. It belongs to the event loop it is first used
    in. Close it, or use it in an `async with` block.

    Args:
        url: As for ProductTagger; likewise `timeout`, `retries`, `max_batch_size`, `lang`, `token`, `headers`, `ca`.
        concurrency: Requests of one call of `tag_many` or `scores` that are in flight at a time.

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
        concurrency: int = 4,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        ca: str | os.PathLike[str] | None = None,
    ) -> None:
        if concurrency < 1:
            raise ValueError(f"concurrency is {concurrency}; it must be 1 or more")
        self._endpoint = parse_url(os.environ.get(URL_VARIABLE) or DEFAULT_URL if url is None else url)
        self._access = make_access(self._endpoint, headers, token, ca)
        self._manners = manners(timeout, retries)
        self._max_batch_size = checked_batch_size(max_batch_size)
        self._lang = language_code(lang)
        self._concurrency = concurrency
        self._facts: dict[str, ModelFacts] = {}
        self._opened: AsyncTransport | None = None

    async def tag(self, text: str) -> TaggedProduct:
        """As `ProductTagger.tag`."""
        names = await self._names()
        answer = with_names(await self._carry_out(tag_batch([text], 0, self._manners)), names)[0]
        if isinstance(answer, TaggerError):
            raise answer
        return answer

    @overload
    async def tag_many(self, texts: Iterable[str], *, errors: Literal["raise"] = "raise") -> list[TaggedProduct]: ...
    @overload
    async def tag_many(
        self, texts: Iterable[str], *, errors: Literal["return"]
    ) -> list[TaggedProduct | TaggerError]: ...

    async def tag_many(
        self, texts: Iterable[str], *, errors: Literal["raise", "return"] = "raise"
    ) -> list[TaggedProduct] | list[TaggedProduct | TaggerError]:
        """As `ProductTagger.tag_many`, several requests at a time; the order of the results is that of the texts."""
        everything = listed(texts)
        if not everything:
            return []
        size, names = await self.batch_size(), await self._names()
        results = await self._gather(
            [tag_batch(everything[start:stop], start, self._manners) for start, stop in split(len(everything), size)],
            stop_at_error=errors == "raise",
        )
        if errors == "raise" and (error := first_error(results)):
            raise error
        return with_names(results, names)

    async def scores(self, texts: Iterable[str]) -> npt.NDArray[np.float32]:
        """As `ProductTagger.scores`: float32 [N, C + T]."""
        everything = listed(texts)
        facts = await self._learn(SCORES_MODEL, SCORES_OUTPUTS)
        size = self._max_batch_size or facts.max_batch_size
        answers = await self._gather(
            [score_batch(everything[start:stop], start, self._manners) for start, stop in split(len(everything), size)],
            stop_at_error=True,
        )
        if error := first_error(answers):
            raise error
        return stack_scores([answer for answer in answers if not isinstance(answer, TaggerError)], facts)

    async def labels(self) -> tuple[str, ...]:
        """As `ProductTagger.labels`."""
        facts = await self._learn(SCORES_MODEL, SCORES_OUTPUTS)
        return await self._carry_out(ask_labels(facts, self._manners))

    async def batch_size(self) -> int:
        """Most texts in one request: the argument, or what the server's model says.

        Raises:
            ProtocolError: The server's model is not a product tagger.
            TaggerError: There is no answer.
        """
        return self._max_batch_size or (await self._learn(TAGGER_MODEL, TAGGER_OUTPUTS)).max_batch_size

    async def languages(self) -> tuple[str, ...]:
        """As `ProductTagger.languages`."""
        return tuple(sorted((await self._learn(TAGGER_MODEL, TAGGER_OUTPUTS)).display_names))

    async def is_ready(self) -> bool:
        """As `ProductTagger.is_ready`."""
        try:
            return await self._transport().ask_ready(AskReady(TAGGER_MODEL, min(self._manners.timeout, 5.0)))
        except TaggerError:
            return False

    async def wait_ready(self, timeout: float = 60.0) -> None:
        """As `ProductTagger.wait_ready`."""
        await self._carry_out(await_ready(TAGGER_MODEL, timeout, str(self._endpoint), self._manners))

    async def close(self) -> None:
        """Closes the connections."""
        if self._opened is not None:
            await self._opened.close()
            self._opened = None

    async def __aenter__(self) -> AsyncProductTagger:
        """Nothing to do: the connection is opened when it is needed."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the connections."""
        await self.close()

    async def _names(self) -> Mapping[str, str]:
        """What labels are called in the client's language; empty, and not asked for, where it has none."""
        if self._lang is None:
            return {}
        return (await self._learn(TAGGER_MODEL, TAGGER_OUTPUTS)).display_names.get(self._lang, {})

    async def _learn(self, model: str, outputs: tuple[str, ...]) -> ModelFacts:
        if model not in self._facts:
            self._facts[model] = await self._carry_out(learn_facts(model, outputs, self._manners))
        return self._facts[model]

    async def _gather(
        self, conversations: list[Conversation[list[_Result | TaggerError]]], *, stop_at_error: bool
    ) -> list[_Result | TaggerError]:
        """The answers of all, in order; after an error, where it ends the call anyway, no further request is begun."""
        turns = asyncio.Semaphore(self._concurrency)
        failed = False

        async def take_turn(conversation: Conversation[list[_Result | TaggerError]]) -> list[_Result | TaggerError]:
            nonlocal failed
            async with turns:
                if failed and stop_at_error:
                    return []
                answers = await self._carry_out(conversation)
                failed = failed or first_error(answers) is not None
                return answers

        tasks = [asyncio.ensure_future(take_turn(conversation)) for conversation in conversations]
        try:
            return [answer for answers in await asyncio.gather(*tasks) for answer in answers]
        finally:
            for task in tasks:
                task.cancel()

    async def _carry_out(self, conversation: Conversation[_Result]) -> _Result:
        transport = self._transport()
        outcome: Any = None
        while True:
            try:
                step = conversation.send(outcome)
            except StopIteration as end:
                result: _Result = end.value
                return result
            try:
                if isinstance(step, Wait):
                    await asyncio.sleep(step.seconds)
                    outcome = None
                elif isinstance(step, Infer):
                    outcome = await transport.infer(step)
                elif isinstance(step, ReadConfig):
                    outcome = await transport.read_config(step)
                else:
                    outcome = await transport.ask_ready(step)
            except TaggerError as error:
                outcome = self._access.without_secrets(error)

    def _transport(self) -> AsyncTransport:
        # Opened on first use: both libraries bind a connection to the event loop that runs at that moment.
        if self._opened is None:
            self._opened = _open(self._endpoint, self._access)
        return self._opened


def _open(endpoint: Endpoint, access: Access) -> AsyncTransport:
    if endpoint.protocol == "grpc":
        from .grpc_transport import AsyncGrpcTransport

        return AsyncGrpcTransport(endpoint, access)
    from .http_async_transport import AsyncHttpTransport

    return AsyncHttpTransport(endpoint, access)
