"""The asynchronous client."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Literal, Protocol, TypeVar, overload

import numpy as np
import numpy.typing as npt

from .client import Client
from .conversation import Conversation, Exchange, Together, Wait
from .errors import TaggerError
from .results import TaggedProduct
from .tagger import Frame

_Result = TypeVar("_Result")


class AsyncTransport(Protocol):
    """Carries exchanges out over one protocol; failures are TaggerErrors."""

    async def carry_out(self, step: Exchange) -> Any: ...  # noqa: D102
    async def close(self) -> None: ...  # noqa: D102


class AsyncProductTagger(Client):
    """Asks a product tagging server for categories and tags, without blocking the event loop.

    Behaves as `ProductTagger`, and has the same arguments. It belongs to the event loop it is first used in. Close it,
    or use it in an `async with` block.
    """

    def _begin(self) -> None:
        self._opened: AsyncTransport | None = None

    async def tag(self, text: str) -> TaggedProduct:
        """As `ProductTagger.tag`."""
        return await self._carry_out(self._talk.tag(text))

    @overload
    async def tag_many(self, texts: Iterable[str], *, errors: Literal["raise"] = "raise") -> list[TaggedProduct]: ...
    @overload
    async def tag_many(
        self, texts: Iterable[str], *, errors: Literal["return"]
    ) -> list[TaggedProduct | TaggerError]: ...

    async def tag_many(
        self, texts: Iterable[str], *, errors: Literal["raise", "return"] = "raise"
    ) -> list[TaggedProduct] | list[TaggedProduct | TaggerError]:
        """As `ProductTagger.tag_many`."""
        return await self._carry_out(self._talk.tag_many(texts, errors))

    async def tag_frame(self, frame: Frame, columns: Mapping[str, str] | None = None) -> Frame:
        """As `ProductTagger.tag_frame`."""
        answers: Frame = await self._carry_out(self._talk.tag_frame(frame, columns or {}))
        return answers

    async def scores(self, texts: Iterable[str]) -> npt.NDArray[np.float32]:
        """As `ProductTagger.scores`: float32 [N, C + T]."""
        return await self._carry_out(self._talk.scores(texts))

    async def labels(self) -> tuple[str, ...]:
        """As `ProductTagger.labels`."""
        return await self._carry_out(self._talk.labels())

    async def batch_size(self) -> int:
        """As `ProductTagger.batch_size`."""
        return await self._carry_out(self._talk.batch_size())

    async def languages(self) -> tuple[str, ...]:
        """As `ProductTagger.languages`."""
        return await self._carry_out(self._talk.languages())

    async def is_ready(self) -> bool:
        """As `ProductTagger.is_ready`."""
        return await self._carry_out(self._talk.is_ready())

    async def wait_ready(self, timeout: float = 60.0) -> None:
        """As `ProductTagger.wait_ready`."""
        await self._carry_out(self._talk.wait_ready(timeout, str(self._endpoint)))

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

    def _transport(self) -> AsyncTransport:
        # Opened on first use: both libraries bind a connection to the event loop that runs at that moment.
        if self._opened is None:
            if self._endpoint.protocol == "grpc":
                from .grpc_transport import AsyncGrpcTransport

                self._opened = AsyncGrpcTransport(self._endpoint, self._access)
            else:
                from .http_async_transport import AsyncHttpTransport

                self._opened = AsyncHttpTransport(self._endpoint, self._access)
        return self._opened

    async def _carry_out(self, conversation: Conversation[_Result]) -> _Result:
        outcome: Any = None
        while True:
            try:
                step = conversation.send(outcome)
            except StopIteration as end:
                result: _Result = end.value
                return result
            if isinstance(step, Together):
                outcome = await self._hold_together(step)
            elif isinstance(step, Wait):
                await asyncio.sleep(step.seconds)
                outcome = None
            else:
                try:
                    outcome = await self._transport().carry_out(step)
                except TaggerError as error:
                    outcome = self._access.without_secrets(error)

    async def _hold_together(self, step: Together) -> list[Any]:
        turns = asyncio.Semaphore(step.at_once)
        enough = False

        async def take_turn(conversation: Conversation[Any]) -> Any:
            nonlocal enough
            async with turns:
                if enough:
                    return None
                result = await self._carry_out(conversation)
                enough = enough or step.enough(result)
                return result

        tasks = [asyncio.ensure_future(take_turn(conversation)) for conversation in step.conversations]
        try:
            return list(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()
