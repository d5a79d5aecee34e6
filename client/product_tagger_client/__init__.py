"""Asks a product tagging server for categories and tags, over gRPC and HTTP, blocking and asynchronous."""

from .async_tagger import AsyncProductTagger
from .errors import (
    BulkError,
    InvalidTextError,
    InvalidUrlError,
    ModelNotFoundError,
    ProtocolError,
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
    "BulkError",
    "InvalidTextError",
    "InvalidUrlError",
    "ModelNotFoundError",
    "ProductTagger",
    "ProtocolError",
    "RetryPolicy",
    "ServerError",
    "ServerUnavailableError",
    "Tag",
    "TaggedProduct",
    "TaggerError",
    "TaggerTimeoutError",
]
