"""The blocking client."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Literal, Protocol, TypeVar, overload

import numpy as np
import numpy.typing as npt

from .client import Client
from .conversation import Conversation, Exchange, Together, Wait
from .errors import TaggerError
from .results import TaggedProduct

Frame = TypeVar("Frame")
_Result = TypeVar("_Result")


class Transport(Protocol):
    """Carries exchanges out over one protocol; failures are TaggerErrors."""

    def carry_out(self, step: Exchange) -> Any: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


class ProductTagger(Client):
    """Asks a product tagging server for categories and tags.

    One object may be used by several threads. Close it, or use it in a `with` block. `Client` tells its arguments.
    """

    def _begin(self) -> None:
        # Imported on use: a client of one protocol needs only that protocol's library.
        self._transport: Transport
        if self._endpoint.protocol == "grpc":
            from .grpc_transport import GrpcTransport

            self._transport = GrpcTransport(self._endpoint, self._access)
        else:
            from .http_transport import HttpTransport

            self._transport = HttpTransport(self._endpoint, self._access)

    def tag(self, text: str) -> TaggedProduct:
        """Category and tags of one product.

        Raises:
            InvalidTextError: The server refuses the text (empty, too large), or it is no text.
            TaggerError: There is no answer; its subclasses say why.
        """
        return self._carry_out(self._talk.tag(text))

    @overload
    def tag_many(self, texts: Iterable[str], *, errors: Literal["raise"] = "raise") -> list[TaggedProduct]: ...
    @overload
    def tag_many(self, texts: Iterable[str], *, errors: Literal["return"]) -> list[TaggedProduct | TaggerError]: ...

    def tag_many(
        self, texts: Iterable[str], *, errors: Literal["raise", "return"] = "raise"
    ) -> list[TaggedProduct] | list[TaggedProduct | TaggerError]:
        """Category and tags of many products, `concurrency` requests at a time.

        A request that the server refuses for a text in it is split until that text is found; the others are answered.

        Args:
            texts: Any number, also none.
            errors: `raise` a failure, or `return` each failure at the place of the text it belongs to.

        Returns:
            As many results as texts, in the same order.

        Raises:
            InvalidTextError: With `raise`; its `index` and `text` tell which one.
            TaggerError: With `raise`, any other failure.
        """
        return self._carry_out(self._talk.tag_many(texts, errors))

    def tag_frame(self, frame: Frame, columns: Mapping[str, str] | None = None) -> Frame:
        """Category and tags of the products of a data frame, of pandas or polars.

        Args:
            frame: With columns title, description and attributes, or some of them.
            columns: `title`, `description` or `attributes` → the frame's own column name.

        Returns:
            As many rows, in the same order and with pandas of the same index: `category`, `category_score`, `tags`,
            `tag_scores`, `truncated`, and `error`, which says why a row has no answer. With a language,
            `category_display_name` and `tag_display_names` too.

        Raises:
            TypeError: It is no data frame.
            ValueError: It lacks a column.
            TaggerError: There is no answer to any row.
        """
        answers: Frame = self._carry_out(self._talk.tag_frame(frame, columns or {}))
        return answers

    def scores(self, texts: Iterable[str]) -> npt.NDArray[np.float32]:
        """Probabilities of all categories and tags.

        Returns:
            float32 [N, C + T]: softmax over the C categories, then a sigmoid for each of the T tags; see `labels`.

        Raises:
            TaggerError: A failure; an InvalidTextError tells the text.
        """
        return self._carry_out(self._talk.scores(texts))

    def labels(self) -> tuple[str, ...]:
        """What each column of `scores` means: `category/apparel`, …, `tag/dress`, … as the server names them.

        Raises:
            ProtocolError: The server's model doesn't name them.
            TaggerError: There is no answer.
        """
        return self._carry_out(self._talk.labels())

    def languages(self) -> tuple[str, ...]:
        """The languages in which the server names categories and tags; none with a release that has no names.

        Raises:
            TaggerError: There is no answer.
        """
        return self._carry_out(self._talk.languages())

    def batch_size(self) -> int:
        """Most texts in one request: the argument, or what the server's model says.

        Raises:
            ProtocolError: The server's model is not a product tagger.
            TaggerError: There is no answer.
        """
        return self._carry_out(self._talk.batch_size())

    def is_ready(self) -> bool:
        """Whether the server answers and its model is ready. False, not an error, when nobody answers."""
        return self._carry_out(self._talk.is_ready())

    def wait_ready(self, timeout: float = 60.0) -> None:
        """Returns as soon as the server is ready.

        Raises:
            TaggerTimeoutError: It wasn't within `timeout` seconds.
            AuthenticationError: It does not let this client in.
        """
        self._carry_out(self._talk.wait_ready(timeout, str(self._endpoint)))

    def close(self) -> None:
        """Closes the connections; those in use close with their answers. A later call opens new ones."""
        self._transport.close()

    def __enter__(self) -> ProductTagger:
        """Nothing to do: the connection is opened when it is needed."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the connections."""
        self.close()

    def _carry_out(self, conversation: Conversation[_Result]) -> _Result:
        outcome: Any = None
        while True:
            try:
                step = conversation.send(outcome)
            except StopIteration as end:
                result: _Result = end.value
                return result
            if isinstance(step, Together):
                outcome = self._hold_together(step)
            elif isinstance(step, Wait):
                time.sleep(step.seconds)
                outcome = None
            else:
                try:
                    outcome = self._transport.carry_out(step)
                except TaggerError as error:
                    outcome = self._access.without_secrets(error)

    def _hold_together(self, step: Together) -> list[Any]:
        enough = False

        def take_turn(conversation: Conversation[Any]) -> Any:
            nonlocal enough
            if enough:
                return None
            result = self._carry_out(conversation)
            enough = enough or step.enough(result)
            return result

        threads = min(step.at_once, len(step.conversations))
        if threads <= 1:
            return [take_turn(conversation) for conversation in step.conversations]
        executor = ThreadPoolExecutor(threads, "tag-many")
        try:
            return list(executor.map(take_turn, step.conversations))
        finally:
            # Interrupted, it does not wait for requests under way.
            executor.shutdown(wait=False, cancel_futures=True)
