"""Lets calls over gRPC pass whose caller may ask, and notes them as requests over HTTP are."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gateway.access_log import AccessLog
from gateway.admission import KeyRing
from gateway.errors import Problem
from gateway.metrics import Metrics
from gateway.records import Record, request_id


class GrpcAccess:
    """What HTTP's layers do around a request.

    Args:
        keys: Of the callers. Without keys the port is this machine's own, and a browser can't speak gRPC.
        log: One line for each call.
        metrics: Counts them.
    """

    def __init__(self, keys: KeyRing, log: AccessLog, metrics: Metrics) -> None:
        self._keys = keys
        self._log = log
        self._metrics = metrics

    @contextmanager
    def call(self, context: Any, route: str) -> Iterator[Record]:
        """Admits one call while the block runs; its metadata say who asks, and get the request's id.

        Args:
            context: A grpc.aio.ServicerContext.
            route: What is asked.

        Raises:
            Problem: 401, 429; what the block raises.
        """
        given = {name: value for name, value in context.invocation_metadata() or () if isinstance(value, str)}
        record = Record(request_id(given.get("x-request-id", "")), route=route)
        context.set_trailing_metadata((("x-request-id", record.id),))
        began = time.perf_counter()
        try:
            if self._keys.is_needed():
                with self._keys.admitted(given.get("authorization")) as key:
                    record.key = key.name
                    yield record
            else:
                yield record
            record.status = 200
        except Problem as problem:
            record.status = problem.status
            raise
        finally:
            seconds = time.perf_counter() - began
            self._log.note(record, "gRPC", seconds)
            self._metrics.note(record, seconds)
