"""A collector of traces on this machine: OTLP over HTTP, as protobuf, read with OpenTelemetry's own messages."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.waiting import until


@dataclass(frozen=True)
class Seen:
    """A span that arrived. Ids in hex; links: span ids."""

    name: str
    trace: str
    id: str
    parent: str
    links: tuple[str, ...]
    attributes: Mapping[str, Any]
    service: str
    failed: bool


class Collector:
    """Keeps what arrives. headers: of the requests."""

    def __init__(self) -> None:
        self.headers: list[Mapping[str, str]] = []
        self.raw: list[bytes] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def spans(self) -> list[Seen]:
        """All spans so far."""
        return [seen for data in list(self.raw) for seen in _read(data)]

    def wait(self, enough: Callable[[list[Seen]], bool]) -> list[Seen]:
        """All spans, as soon as they are enough."""
        until(lambda: enough(self.spans), lambda: sorted({span.name for span in self.spans}))
        return self.spans


def _read(data: bytes) -> list[Seen]:
    request = ExportTraceServiceRequest.FromString(data)
    return [
        Seen(
            name=span.name, trace=span.trace_id.hex(), id=span.span_id.hex(), parent=span.parent_span_id.hex(),
            links=tuple(link.span_id.hex() for link in span.links), attributes=_plain(span.attributes),
            service=str(_plain(resource.resource.attributes)["service.name"]), failed=span.status.code == 2,
        )
        for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans
    ]  # fmt: skip


def _plain(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


def _handler(owner: Collector) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["content-length"]))
            zipped = self.headers.get("content-encoding") == "gzip"
            assert (self.path, self.headers["content-type"]) == ("/v1/traces", "application/x-protobuf")
            owner.headers.append(dict(self.headers))
            owner.raw.append(gzip.decompress(data) if zipped else data)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            """Stay quiet."""

    return Handler
