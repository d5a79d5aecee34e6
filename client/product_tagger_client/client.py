"""What the blocking and the asynchronous client have in common: their settings."""

from __future__ import annotations

import os
from collections.abc import Mapping

from .access import make_access
from .conversation import Manners
from .display import language_code
from .endpoint import DEFAULT_URL, URL_VARIABLE, parse_url
from .payload import checked_batch_size
from .retries import RetryPolicy
from .talk import Talk


class Client:
    """A client of a product tagging server.

    Args:
        url: `grpc://host:port`, `grpcs://…`, `http://host:port` or `https://…`; None: that of TAGGER_URL, else
            `grpc://127.0.0.1:8001`.
        timeout: Seconds one request may take, its connection, its retries and the waits between them included. The
            server is told, and does not compute what nobody waits for any more.
        retries: A number of further tries after the first, or a whole RetryPolicy; None: as many as the time allows.
        max_batch_size: Most texts in one request; None: as many as the server's model says it takes.
        lang: Language of the display names, such as `zh`; None gives ids. What has no name in it is called by its id.
        concurrency: Requests of one call of `tag_many` or `scores` that are in flight at a time. Of more, the last may
            wait longer at a slow server than its `serving.request_timeout_ms`.
        token: A key of the server's, sent as `Authorization: Bearer …`; None: that of TAGGER_TOKEN, if it is set.
        headers: Further headers, over gRPC metadata, of every request.
        ca: A file of certificates (PEM) by which to trust the server, in place of those that the system trusts.

    Raises:
        InvalidUrlError: The address cannot be used.
        CredentialsError: Token, headers or certificates cannot, or the token would go unencrypted to another machine.
        ValueError: A number is out of its range.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        timeout: float = 30.0,
        retries: int | RetryPolicy | None = None,
        max_batch_size: int | None = None,
        lang: str | None = None,
        concurrency: int = 4,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        ca: str | os.PathLike[str] | None = None,
    ) -> None:
        if concurrency < 1:
            raise ValueError(f"concurrency is {concurrency}; it must be 1 or more")
        if not timeout > 0:
            raise ValueError(f"timeout is {timeout}; it must be above 0 seconds")
        policy = retries if isinstance(retries, RetryPolicy) else RetryPolicy(retries)
        self._endpoint = parse_url(os.environ.get(URL_VARIABLE) or DEFAULT_URL if url is None else url)
        self._access = make_access(self._endpoint, headers, token, ca)
        batch_size = checked_batch_size(max_batch_size)
        self._talk = Talk(Manners(timeout, policy), batch_size, language_code(lang), concurrency)
        self._begin()

    def _begin(self) -> None:
        """Makes what carries the talk out."""
        raise NotImplementedError
