"""Everything that can go wrong between a text and its tags, as one tree of exceptions."""

from __future__ import annotations


class TaggerError(Exception):
    """Whatever this package raises on purpose; catch it to catch all of it."""


class InvalidUrlError(TaggerError, ValueError):
    """The address given to the client is not one it can use."""


class CredentialsError(TaggerError, ValueError):
    """The token, the headers or the certificates given to the client cannot be used, or must not be."""


class AuthenticationError(TaggerError, PermissionError):
    """The server does not let this client in, or its certificate does not prove who it is."""


class InvalidTextError(TaggerError, ValueError):
    """The server (or the client, where the text cannot be sent at all) refused one text.

    Attributes:
        text: The refused text; None while it isn't known which text of a batch is meant, and for what is no text.
        index: Its place, counted from 0, among the texts of the call; None while it isn't known.
    """

    def __init__(self, message: str, text: str | None = None, index: int | None = None) -> None:
        super().__init__(message)
        self.text = text
        self.index = index


class NoTextError(InvalidTextError, TypeError):
    """What was given as a text is none: a missing value, a number, bytes."""


class PayloadTooLargeError(InvalidTextError):
    """The server takes no request as large as the one with this text."""


class ServerUnavailableError(TaggerError, ConnectionError):
    """Nobody answers at the address, the server is shutting down, or its queue is full. Worth another try.

    Attributes:
        retry_after: Seconds after which the server wants to be asked again; None where it does not say.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RateLimitedError(ServerUnavailableError):
    """This client has asked more than it may. Worth another try, after `retry_after`."""


class TaggerTimeoutError(TaggerError, TimeoutError):
    """The time the caller gave is over, here or in the server's queue. Not tried again."""


class ModelNotFoundError(TaggerError, LookupError):
    """The server runs, but it does not serve the model."""


class ServerError(TaggerError):
    """The server failed while it computed the answer."""


class ProtocolError(TaggerError):
    """The server answered something else than a product tagger answers."""


class BulkError(TaggerError):
    """A run over a file cannot begin or go on; the message says what was kept and what to do."""
