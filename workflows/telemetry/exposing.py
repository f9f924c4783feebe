"""Figures over HTTP for Prometheus, on a port of their own: in a thread, so that a busy process answers too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server

from workflows.exits import IO_FAILED, Refused
from workflows.settings import Settings


@contextmanager
def exposed(registry: CollectorRegistry, settings: Settings) -> Iterator[None]:
    """Answer on the port of the settings, if they name one, for as long as the context lasts. Raises Refused.

    There is no token and no encryption: beyond this machine only where the network is the operator's.
    """
    if not settings.metrics_port:
        yield
        return
    try:
        server, thread = start_http_server(settings.metrics_port, settings.metrics_host, registry)
    except OSError as error:
        where = f"{settings.metrics_host}, port {settings.metrics_port}"
        raise Refused(f"cannot listen on {where} for metrics: {error.strerror or error}", IO_FAILED) from error
    server.handle_error = _quietly  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _quietly(request: object, client: object) -> None:
    """A client that goes away is nothing to tell; the library would print a traceback between the lines of the log."""
