"""Asks a product tagging server for categories and tags, over gRPC and HTTP, blocking and asynchronous."""

from .async_tagger import AsyncProductTagger
from .errors import (
    AuthenticationError,
    BulkError,
    CredentialsError,
    InvalidTextError,
    InvalidUrlError,
    ModelNotFoundError,
    NoTextError,
    PayloadTooLargeError,
    ProtocolError,
    RateLimitedError,
    ServerError,
    ServerUnavailableError,
    TaggerError,
    TaggerTimeoutError,
)
from .results import Tag, TaggedProduct
from .retries import RetryPolicy
from .tagger import ProductTagger

__all__ = [
    "AsyncProductTagger",
    "AuthenticationError",
    "BulkError",
    "CredentialsError",
    "InvalidTextError",
    "InvalidUrlError",
    "ModelNotFoundError",
    "NoTextError",
    "PayloadTooLargeError",
    "ProductTagger",
    "ProtocolError",
    "RateLimitedError",
    "RetryPolicy",
    "ServerError",
    "ServerUnavailableError",
    "Tag",
    "TaggedProduct",
    "TaggerError",
    "TaggerTimeoutError",
]
