"""The gateway's metrics for Prometheus, served together with those of the Triton behind it."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from gateway.records import Record

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_TEXTS = (1, 2, 4, 8, 16, 32, 64)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Counts requests.

    Args:
        waiting: Tells how many texts no engine has yet.
    """

    def __init__(self, waiting: Callable[[], float]) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "tagger_requests", "Requests by route and status.", ["route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "tagger_request_seconds", "Time to an answer by route.", ["route"], buckets=_SECONDS, registry=registry
        )
        self._by_status: dict[tuple[str, int], Counter] = {}
        self._by_route: dict[str, Histogram] = {}
        self._texts = Counter("tagger_texts", "Texts that requests brought.", registry=registry)
        self._joined = Histogram(
            "tagger_joined_texts", "Texts in a request to the engine.", buckets=_TEXTS, registry=registry
        )
        Gauge("tagger_waiting_texts", "Texts that wait for an engine.", registry=registry).set_function(waiting)

    def note(self, record: Record, seconds: float) -> None:
        """Counts an answered request, which took so many seconds."""
        route = record.route or "other"  # never what a caller wrote
        requests = self._by_status.get((route, record.status))
        if requests is None:  # looking a label up costs more than counting
            requests = self._by_status[route, record.status] = self._requests.labels(route, str(record.status))
            self._by_route[route] = self._seconds.labels(route)
        requests.inc()
        self._by_route[route].observe(seconds)
        self._texts.inc(record.texts)

    def sent(self, texts: int) -> None:
        """Counts a request to the engine."""
        self._joined.observe(texts)

    def text(self) -> bytes:
        """All of them as Prometheus reads them."""
        return generate_latest(self._registry)
