"""The steps of a conversation, carried out over HTTP by the standard library."""

from __future__ import annotations

import http.client
import os
import time
from typing import Any

from .access import Access
from .conversation import Exchange
from .endpoint import Endpoint
from .errors import TaggerError
from .failures import late, not_http, unreachable
from .http_connection import Connection, ConnectionPool
from .http_messages import Request, Response, outcome_of, requests_of


class HttpTransport:
    """Blocking; one of it may be used by many threads at once, and after a fork by both processes.

    Its connections belong to nobody: a request takes an idle one, or opens one, and leaves it to the next.
    """

    def __init__(self, endpoint: Endpoint, access: Access) -> None:
        self._endpoint = endpoint
        self._where = str(endpoint)
        self._headers = access.headers
        self._tls = access.tls() if endpoint.secure else None
        self._pool = ConnectionPool(endpoint, self._tls)

    def carry_out(self, step: Exchange) -> Any:
        """Has one step answered."""
        deadline = time.monotonic() + step.timeout
        outcome: Any = None
        for request in requests_of(step, self._endpoint.path):
            try:
                response = self._ask(request, deadline)
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise self._failure(error, step.timeout) from None
            outcome = outcome_of(step, response, self._where)
            if outcome is False:
                break
        return outcome

    def close(self) -> None:
        """Closes the connections; those in use close with their answers. A later call opens new ones."""
        pool, self._pool = self._pool, ConnectionPool(self._endpoint, self._tls)
        if pool.process == os.getpid():
            pool.close()

    def _ask(self, request: Request, deadline: float) -> Response:
        if self._pool.process != os.getpid():
            # The connections are another process's: an answer to it must not be read here.
            self._pool = ConnectionPool(self._endpoint, self._tls)
        pool = self._pool
        connection, used = pool.take()
        try:
            response = self._exchange(connection, request, deadline)
        except (ConnectionError, http.client.RemoteDisconnected):
            if not used:
                raise
            # The server closed it just then, as it may with an idle connection.
            connection = pool.fresh()
            response = self._exchange(connection, request, deadline)
        pool.give_back(connection)
        return response

    def _exchange(self, connection: Connection, request: Request, deadline: float) -> Response:
        try:
            return connection.exchange(request, self._headers, deadline)
        except BaseException:
            # It may still carry the late answer.
            connection.close()
            raise

    def _failure(self, error: Exception, timeout: float) -> TaggerError:
        # With a number it is the system's: nobody has acknowledged anything for some time.
        if isinstance(error, TimeoutError) and error.errno is None:
            return late(timeout, self._where)
        if isinstance(error, (OSError, http.client.IncompleteRead)):
            return unreachable(error, self._where)
        return not_http(error, self._where)
