"""What is counted about requests; one registry per application."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from workflows.service.values import Standing

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)


class Metrics:
    """Counters of the API. Labels are routes as declared, never paths as sent: their number is bounded."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call] # a series more for each counter, which nobody asks for
        self.registry = registry = CollectorRegistry()
        self._requests = Counter(
            "patchwright_http_requests", "requests answered", ("method", "route", "status"), registry=registry
        )
        self._seconds = Histogram(
            "patchwright_http_seconds", "time to the last byte, streams of events left out", ("method", "route"),
            buckets=_BUCKETS, registry=registry,
        )  # fmt: skip
        self._watchers = Gauge("patchwright_http_watchers", "open streams of events", registry=registry)
        self._submitted = Counter("patchwright_submissions", "diagnoses submitted", ("answer",), registry=registry)
        self._waiting = Gauge("patchwright_queue_waiting", "runs that wait, of all tenants", registry=registry)
        self._running = Gauge("patchwright_queue_running", "runs that workers have, of all tenants", registry=registry)
        self._asking = Gauge("patchwright_queue_asking", "runs that wait for a person", registry=registry)
        self._oldest = Gauge("patchwright_queue_oldest_seconds", "how long the oldest one waits", registry=registry)
        self._database = Gauge("patchwright_database_up", "whether the database answers", registry=registry)
        ProcessCollector(registry=registry)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request came to its end."""
        known = method if method in _METHODS else "other"
        self._requests.labels(known, route, str(status)).inc()
        if not route.endswith("/events"):
            self._seconds.labels(known, route).observe(seconds)

    def submitted(self, answer: str) -> None:
        """A submission was taken ("queued"), known already ("repeated") or turned away ("full")."""
        self._submitted.labels(answer).inc()

    def standing(self, found: Standing | None) -> None:
        """How the queue stands; None: the database does not tell, and the last figures stay."""
        self._database.set(found is not None)
        if found is not None:
            self._waiting.set(found.waiting)
            self._running.set(found.running)
            self._asking.set(found.asking)
            self._oldest.set(found.oldest_s)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """A stream of events is open."""
        self._watchers.inc()
        try:
            yield
        finally:
            self._watchers.dec()

    def text(self) -> bytes:
        """All of the registry as Prometheus reads it."""
        return generate_latest(self.registry)
