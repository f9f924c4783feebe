"""The route that shows a run live: server-sent events, from any node, from where the client was.

A stream that ends without one of the last kinds (finished, failed, cancelled, timed_out) was cut off: reconnect with
`Last-Event-ID`. After the last event the answer is 204, on which browsers stop asking. The token is looked at again
with every sign of life: one that was revoked or has expired ends its streams too.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi.sse import EventSourceResponse, format_sse_event

from workflows.service.api.access import MayStill, Parts, Reader, WithParts
from workflows.service.api.runs import RunId, found
from workflows.service.ports import StoreDown
from workflows.service.values import Event, Run

router = APIRouter(prefix="/v1/diagnoses", tags=["diagnoses"])
RETRY_MS = 2000
_MOST = 2**53
ONE = {
    "type": "object",
    "required": ["data"],
    "properties": {
        "id": {"type": "string", "description": "the event's number"},
        "event": {"type": "string", "description": "its kind"},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/Event"},
        },
        "retry": {"type": "integer", "description": "milliseconds before reconnecting"},
    },
}
STREAM = {
    200: {
        "description": "The events; `id` is the sequence number, `event` the kind, `data` an Event as JSON.",
        "content": {"text/event-stream": {"schema": ONE}},
    },
    204: {"description": "It has ended and the client knows the last event."},
}


@router.get("/{run}/events", response_class=Response, responses=STREAM)  # type: ignore[arg-type]
async def events(
    run: RunId,
    asker: Reader,
    parts: WithParts,
    may: MayStill,
    last: Annotated[
        int, Header(alias="Last-Event-ID", ge=0, le=_MOST, description="The last event that the client has.")
    ] = 0,
) -> Response:
    """What happens to a run, live, beginning after `Last-Event-ID`."""
    known = await found(parts, asker, run)
    if known.ended and last >= known.last_seq:
        return Response(status_code=204)
    stream = _stream(parts, known, min(last, known.last_seq), lambda: may(asker))
    return EventSourceResponse(stream, headers={"X-Accel-Buffering": "no"})


async def _stream(parts: Parts, run: Run, after: int, may: Callable[[], Awaitable[bool]]) -> AsyncIterator[bytes]:
    """Events as they come, a comment when there was none for a while; ends after the last one, when the token does not
    hold any more, or after `watch_s`.
    """
    until = time.monotonic() + parts.watch_s
    asked = time.monotonic()
    yield format_sse_event(retry=RETRY_MS)
    with parts.metrics.watching():
        try:
            async with parts.store.watch(run.id) as watch:
                while time.monotonic() < until:
                    if time.monotonic() > asked + parts.heartbeat_s:
                        if not await may():
                            yield format_sse_event(comment="the token does not hold any more: reconnect with another")
                            return
                        asked = time.monotonic()
                    new = await parts.store.events(run.tenant, run.id, after=after)
                    if new:  # in one piece: each goes through all layers of the server
                        yield b"".join(map(_written, new))
                        after = new[-1].seq
                        if new[-1].last:
                            return
                    if not new and not await watch.wait(parts.heartbeat_s):
                        yield format_sse_event(comment="still here")
        except StoreDown:
            yield format_sse_event(comment="the database is away: reconnect")


def _written(event: Event) -> bytes:
    return format_sse_event(id=str(event.seq), event=event.kind, data_str=event.to_json())
