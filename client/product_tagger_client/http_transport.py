"""The steps of a conversation, carried out over HTTP by the standard library."""

from __future__ import annotations

import http.client
import os
import time
from collections.abc import Mapping
from typing import Any

from .access import Access
from .conversation import AskReady, Infer, ReadConfig
from .endpoint import Endpoint
from .errors import TaggerError
from .failures import late, not_http, unreachable
from .http_connection import Connection, ConnectionPool
from .http_messages import (
    Request,
    Response,
    config_request,
    infer_request,
    read_arrays,
    read_config,
    read_ready,
    ready_requests,
)
from .tensors import Arrays


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

    def infer(self, step: Infer) -> Arrays:
        """Sends texts and returns the outputs by name."""
        response = self._ask(infer_request(step, self._endpoint.path), step.timeout)
        return read_arrays(response, step, self._where)

    def read_config(self, step: ReadConfig) -> Mapping[str, Any]:
        """Returns the model's configuration."""
        return read_config(self._ask(config_request(step, self._endpoint.path), step.timeout), self._where)

    def ask_ready(self, step: AskReady) -> bool:
        """Whether server and model are ready."""
        end = time.monotonic() + step.timeout
        return all(
            read_ready(self._ask(request, end - time.monotonic()), self._where)
            for request in ready_requests(step, self._endpoint.path)
        )

    def close(self) -> None:
        """Closes the connections; those in use close with their answers. A later call opens new ones."""
        pool, self._pool = self._pool, ConnectionPool(self._endpoint, self._tls)
        if pool.process == os.getpid():
            pool.close()

    def _ask(self, request: Request, timeout: float) -> Response:
        deadline = time.monotonic() + timeout
        if self._pool.process != os.getpid():
            # The connections are another process's: an answer to it must not be read here.
            self._pool = ConnectionPool(self._endpoint, self._tls)
        pool = self._pool
        connection, used = pool.take()
        try:
            try:
                response = self._exchange(connection, request, deadline)
            except (ConnectionError, http.client.RemoteDisconnected):
                if not used:
                    raise
                # The server closed it just then, as it may with an idle connection.
                connection = pool.fresh()
                response = self._exchange(connection, request, deadline)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._failure(error, timeout) from None
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
        if isinstance(error, TimeoutError):
            return late(timeout, self._where)
        if isinstance(error, (OSError, http.client.IncompleteRead)):
            return unreachable(error, self._where)
        return not_http(error, self._where)
