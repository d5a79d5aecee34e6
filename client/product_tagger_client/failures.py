"""From what the protocols report to this package's exceptions."""

from __future__ import annotations

import email.utils
import math
import re
import ssl
import time

from .errors import (
    AuthenticationError,
    InvalidTextError,
    ModelNotFoundError,
    PayloadTooLargeError,
    ProtocolError,
    RateLimitedError,
    ServerError,
    ServerUnavailableError,
    TaggerError,
    TaggerTimeoutError,
)

_GRPC_ERRORS: dict[str, type[TaggerError]] = {
    "INVALID_ARGUMENT": InvalidTextError,
    "NOT_FOUND": ModelNotFoundError,
    "UNAUTHENTICATED": AuthenticationError,
    "PERMISSION_DENIED": AuthenticationError,
    "UNAVAILABLE": ServerUnavailableError,
    "RESOURCE_EXHAUSTED": RateLimitedError,
    "CANCELLED": ServerUnavailableError,
    "DEADLINE_EXCEEDED": TaggerTimeoutError,
    "UNIMPLEMENTED": ProtocolError,
}
_HTTP_ERRORS: dict[str, type[TaggerError]] = {
    "400": InvalidTextError,
    "401": AuthenticationError,
    "403": AuthenticationError,
    "404": ModelNotFoundError,
    "408": TaggerTimeoutError,
    "413": PayloadTooLargeError,
    "422": InvalidTextError,
    "429": RateLimitedError,
    "502": ServerUnavailableError,
    "503": ServerUnavailableError,
    "504": TaggerTimeoutError,
}
_LONGEST_RETRY_AFTER = 86_400.0

# Triton puts this before the sentence of a model inside an ensemble.
_ENSEMBLE = re.compile(r"^in ensemble '[^']*', ")


def refused(status: str, message: str, where: str, retry_after: str | None = None) -> TaggerError:
    """The exception for an answer that is an error.

    Args:
        status: The name of gRPC's status, or the number of HTTP's as a string.
        message: The server's sentence.
        where: The server's address.
        retry_after: What the server says of when to ask again, as the header Retry-After has it.
    """
    kind = _GRPC_ERRORS.get(status) or _HTTP_ERRORS.get(status) or ServerError
    lower = message.lower()
    # A message over gRPC's limit has the status of a quota that is used up.
    if kind is RateLimitedError and "message larger than max" in lower:
        kind = PayloadTooLargeError
    # Triton reports a request that waited in its queue beyond the request's time-out as UNAVAILABLE.
    if kind is ServerUnavailableError and "timeout expired" in lower:
        return TaggerTimeoutError(f"the request waited too long in the queue of the server at {where}: {message}")
    # A model of which no version is loaded is being loaded, or unloaded by a server that ends.
    if kind is ModelNotFoundError and "no available versions" in lower:
        kind = ServerUnavailableError
    if kind is InvalidTextError:
        return InvalidTextError(_ENSEMBLE.sub("", message))
    if issubclass(kind, ServerUnavailableError):
        what = "asks for fewer requests" if kind is RateLimitedError else "is not available"
        return kind(f"the server at {where} {what}: {message}", retry_seconds(retry_after))
    if kind is ServerError:
        return ServerError(f"the server at {where} failed ({status}): {message}")
    return kind(f"{_SENTENCES[kind].format(where=where)}: {message}")


_SENTENCES: dict[type[TaggerError], str] = {
    AuthenticationError: "the server at {where} refuses access; see whether token (or TAGGER_TOKEN) is a key it knows",
    ModelNotFoundError: "the server at {where} does not serve it",
    PayloadTooLargeError: "the server at {where} takes no request as large as this one",
    ProtocolError: "what answers at {where} is not a product tagger",
    TaggerTimeoutError: "the server at {where} did not answer in time",
}


def retry_seconds(told: str | None) -> float | None:
    """Seconds from a Retry-After: a number, or a date; None where there is none that can be read."""
    if told is None:
        return None
    try:
        seconds = float(told)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(told).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return None
    return None if math.isnan(seconds) else min(max(seconds, 0.0), _LONGEST_RETRY_AFTER)


def unreachable(error: BaseException, where: str) -> TaggerError:
    """The exception for a connection that failed or broke."""
    if isinstance(error, ssl.SSLError):
        return no_tls(str(error), where)
    return ServerUnavailableError(f"the server at {where} cannot be reached: {error or type(error).__name__}")


def no_tls(message: str, where: str) -> TaggerError:
    """The exception for a connection whose encryption could not be agreed upon."""
    lower = message.lower().replace("_", " ")
    if "certificate verify failed" in lower:
        return AuthenticationError(
            f"the certificate of the server at {where} is not one to trust; its authority's may be given as ca: "
            f"{message}"
        )
    if "wrong version number" in lower:
        plain = where.replace("s://", "://", 1)
        return ProtocolError(f"what answers at {where} does not speak TLS; a port without it is {plain}: {message}")
    return ServerUnavailableError(f"no encrypted connection to the server at {where}: {message}")


def not_http(error: Exception, where: str) -> ProtocolError:
    """The exception for an answer that is not HTTP."""
    return ProtocolError(
        f"what answers at {where} does not speak HTTP ({type(error).__name__}); "
        "a server's gRPC port is written grpc://, one with TLS https://"
    )


def not_grpc(where: str) -> ProtocolError:
    """The exception for a port that speaks HTTP instead."""
    return ProtocolError(f"what answers at {where} speaks HTTP, not gRPC; write http:// for it, or give the gRPC port")


def late(timeout: float, where: str) -> TaggerTimeoutError:
    """The exception for an answer that did not come within the time."""
    seconds = round(timeout, 2) or timeout
    return TaggerTimeoutError(f"the server at {where} did not answer within {seconds:.3g} seconds")
