"""From what the protocols report to this package's exceptions."""

from __future__ import annotations

import re

from .errors import (
    InvalidTextError,
    ModelNotFoundError,
    ProtocolError,
    ServerError,
    ServerUnavailableError,
    TaggerError,
    TaggerTimeoutError,
)

_GRPC_ERRORS: dict[str, type[TaggerError]] = {
    "INVALID_ARGUMENT": InvalidTextError,
    "NOT_FOUND": ModelNotFoundError,
    "UNAVAILABLE": ServerUnavailableError,
    "RESOURCE_EXHAUSTED": ServerUnavailableError,
    "CANCELLED": ServerUnavailableError,
    "DEADLINE_EXCEEDED": TaggerTimeoutError,
}
_HTTP_ERRORS: dict[str, type[TaggerError]] = {
    "400": InvalidTextError,
    "404": ModelNotFoundError,
    "408": TaggerTimeoutError,
    "429": ServerUnavailableError,
    "502": ServerUnavailableError,
    "503": ServerUnavailableError,
    "504": TaggerTimeoutError,
}

# Triton puts this before the sentence of a model inside an ensemble.
_ENSEMBLE = re.compile(r"^in ensemble '[^']*', ")


def refused(status: str | None, message: str, where: str) -> TaggerError:
    """The exception for an answer that is an error.

    Args:
        status: `StatusCode.X` of gRPC, or the number of HTTP as a string.
        message: The server's sentence.
        where: The server's address.
    """
    code = (status or "").removeprefix("StatusCode.")
    kind = _GRPC_ERRORS.get(code) or _HTTP_ERRORS.get(code) or ServerError
    # Triton reports a request that waited in its queue beyond the request's time-out as UNAVAILABLE.
    if kind is ServerUnavailableError and "timeout expired" in message.lower():
        return TaggerTimeoutError(f"the request waited too long in the queue of the server at {where}: {message}")
    if kind is InvalidTextError:
        return InvalidTextError(_ENSEMBLE.sub("", message))
    if kind is ServerUnavailableError:
        return ServerUnavailableError(f"the server at {where} is not available: {message}")
    if kind is TaggerTimeoutError:
        return TaggerTimeoutError(f"the server at {where} did not answer in time: {message}")
    if kind is ModelNotFoundError:
        return ModelNotFoundError(f"the server at {where} does not serve it: {message}")
    return ServerError(f"the server at {where} failed ({code or 'no status'}): {message}")


def unreachable(error: BaseException, where: str) -> ServerUnavailableError:
    """The exception for a connection that failed or broke."""
    return ServerUnavailableError(f"the server at {where} cannot be reached: {error or type(error).__name__}")


def late(timeout: float, where: str) -> TaggerTimeoutError:
    """The exception for an answer that did not come within the time."""
    return TaggerTimeoutError(f"the server at {where} did not answer within {timeout:.3g} seconds")


def not_http(error: Exception, where: str) -> ProtocolError:
    """The exception for an answer that is not HTTP."""
    return ProtocolError(
        f"what answers at {where} does not speak HTTP ({type(error).__name__}); see whether address and port are right"
    )
