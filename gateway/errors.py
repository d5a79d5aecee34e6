"""What stops a request or the gateway itself, as sentences."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from steps import ProductTaggerError


class GatewayError(ProductTaggerError):
    """The gateway can't run; the message says what is wrong, where, and what to do."""


class Problem(Exception):
    """Why a request is refused, as RFC 9457 tells it.

    Args:
        status: Of HTTP.
        detail: A sentence for the caller.
        retry_after: Seconds after which to ask again; None where asking again does not help.
        headers: Further ones of the answer, their names in lower case.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.retry_after = retry_after
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["retry-after"] = str(max(1, round(retry_after)))

    @property
    def title(self) -> str:
        """The status in words."""
        return HTTPStatus(self.status).phrase


class BackendLost(Problem):
    """The engine ended, or broke the connection, before it had answered; asking another one is safe."""

    def __init__(self) -> None:
        super().__init__(503, "The engine can't be reached: it is being started, or has ended. Ask again later.", 5.0)


class BadText(Exception):
    """A text that can't be tagged; the message says why, for its sender."""


class CallerLeft(Exception):
    """The connection ended before the request was read."""
