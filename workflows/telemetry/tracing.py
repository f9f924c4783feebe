"""Traces, as OpenTelemetry has them: spans marked through its API, kept and sent only where OTEL_… variables ask.

Attributes are figures and names of ours. What strangers wrote (prompts, commands, messages of errors) is in none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from workflows.exits import USAGE, Refused

ASKS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_W3C = TraceContextTextMapPropagator()
_SERVER_ERROR = 500
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_PROBES = frozenset({"/livez", "/readyz", "/metrics"})
_TRACER = trace.get_tracer("patchwright")  # of whichever provider the process gets


@contextmanager
def span(
    name: str, *, kind: SpanKind = SpanKind.INTERNAL, parent: Context | None = None, links: Sequence[Link] = (),
    attributes: Mapping[str, AttributeValue] | None = None,
) -> Iterator[Span]:  # fmt: skip
    """A span around a block. An error's type is told, its message is not: it may hold what strangers wrote."""
    with _TRACER.start_as_current_span(
        name, parent, kind, attributes, links, record_exception=False, set_status_on_exception=False
    ) as made:
        try:
            yield made
        except asyncio.CancelledError:
            made.set_attribute("patchwright.cancelled", True)
            raise
        except BaseException as error:
            failed(made, type(error).__qualname__)
            raise


@contextmanager
def lasting(name: str, attributes: Mapping[str, AttributeValue]) -> Iterator[Span]:
    """A span that nothing stands below, so that its block may end in another task than it began in."""
    made = _TRACER.start_span(name, attributes=attributes)
    try:
        yield made
    finally:
        made.end()


def failed(made: Span, kind: str) -> None:
    """Mark a span as one that ended with an error."""
    made.set_attribute("error.type", kind)
    made.set_status(Status(StatusCode.ERROR))


@contextmanager
def asked(path: str, traceparent: str) -> Iterator[Span]:
    """A request's span, below its caller's; probes have none."""
    if path in _PROBES:
        yield trace.INVALID_SPAN
        return
    with span("request", kind=SpanKind.SERVER, parent=joined(traceparent)) as made:
        yield made


def answered(made: Span, method: str, route: str, status: int) -> None:
    """What a request's span says in the end, by the conventions for HTTP servers."""
    method = method if method in _METHODS else "_OTHER"
    made.update_name(f"{method} {route}")
    made.set_attributes({"http.request.method": method, "http.route": route, "http.response.status_code": status})
    if status >= _SERVER_ERROR:
        failed(made, str(status))


def carried() -> str:
    """The current span as a `traceparent`, "" outside of any."""
    carrier: dict[str, str] = {}
    _W3C.inject(carrier)
    return carrier.get("traceparent", "")


def joined(traceparent: str) -> Context:
    """What spans below a `traceparent` have as their parent; one that is malformed is as good as none."""
    return _W3C.extract({"traceparent": traceparent}, Context())


def link(traceparent: str) -> tuple[Link, ...]:
    """A link to another span, where it is one."""
    context = trace.get_current_span(joined(traceparent)).get_span_context()
    return (Link(context),) if context.is_valid else ()


def ids() -> dict[str, str]:
    """Names of the current span for lines of the log; nothing outside of any."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return {}
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


@contextmanager
def sent(variables: Mapping[str, str], version: str) -> Iterator[None]:
    """Send the spans of this process while the context lasts, when the variables name a collector.

    The SDK reads the variables for the rest: headers, sampling, resources, batches, OTEL_SDK_DISABLED.
    Raises Refused where it is not installed.
    """
    if not any(variables.get(name) for name in ASKS) or variables.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":
        yield
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        named = next(name for name in ASKS if variables.get(name))
        raise Refused(f"{named} asks for traces, which need more: pip install 'patchwright[otel]'", USAGE) from error

    ours = {"service.version": version}
    if not variables.get("OTEL_SERVICE_NAME") and "service.name=" not in variables.get("OTEL_RESOURCE_ATTRIBUTES", ""):
        ours["service.name"] = "patchwright"
    provider = TracerProvider(resource=Resource.create(ours), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        provider.shutdown()
