"""The way in: `POST /v1/alerts/{source}`. A message that proves whom it comes from is kept in one transaction.

The proof is checked over the raw bytes before anything of them is read.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from tools.tool import ToolError
from tools.triage.alerts import Alert
from tools.triage.sources import MAX_BYTES, read_alerts
from workflows.oncall.generic import read_generic
from workflows.oncall.signatures import Keys, proven
from workflows.oncall.store import PostgresIncidents
from workflows.oncall.values import Message
from workflows.service.api.around import ALERTS
from workflows.service.api.problems import Problem
from workflows.text import line

MOST_AT_ONCE = 64 << 20  # bytes of bodies in memory
SMALL = 64 << 10


def receiver(incidents: PostgresIncidents, keys: Mapping[str, Keys]) -> APIRouter:
    """The route."""
    router = APIRouter()
    room = [MOST_AT_ONCE]

    @router.post(ALERTS + "{source}", status_code=202, name="alerts", tags=["incidents"])
    async def alerts(source: str, request: Request) -> JSONResponse:
        """A message about alerts, as its maker sends it. The source proves itself as the operator configured."""
        mine = _checked(source, request, keys)
        size = _declared(request)
        if size > room[0]:
            raise Problem(503, "busy", "too many large messages arrive at once", headers={"Retry-After": "5"})
        room[0] -= size
        try:
            body = await request.body()
            if not proven(source, mine, request.headers, body, time.time()):
                raise Problem(401, "signature", "the message does not prove that it comes from this source")
            message = await _read(source, mine, body)
        finally:
            room[0] += size
        fresh = bool(message.alerts) and await incidents.take(message)
        status = "accepted" if fresh else "known" if message.alerts else "nothing"
        return JSONResponse({"status": status, "alerts": len(message.alerts)}, 202)

    return router


def _checked(source: str, request: Request, keys: Mapping[str, Keys]) -> Keys:
    """What can be refused before a body is read. Raises Problem."""
    mine = keys.get(source)
    if mine is None:
        raise Problem(404, "not-found", "no such source of alerts is configured here")
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise Problem(415, "media-type", "application/json is expected")
    return mine


def _declared(request: Request) -> int:
    size = request.headers.get("content-length", "")
    return min(int(size), MAX_BYTES) if size.isdecimal() and len(size) < 12 else MAX_BYTES


async def _read(source: str, keys: Keys, body: bytes) -> Message:
    """The message. Large ones are read on a thread, where others do not wait for it. Raises Problem."""
    try:
        if len(body) > SMALL:
            found = await asyncio.to_thread(_alerts, source, keys, body)
        else:
            found = _alerts(source, keys, body)
    except ToolError as error:
        raise Problem(400, "malformed", line(str(error), 300)) from None
    dated = bool(found) and all(alert.starts >= 0 for alert in found)
    return Message(digest=hashlib.sha256(source.encode() + b"\0" + body).hexdigest() if dated else "", alerts=found)


def _alerts(source: str, keys: Keys, body: bytes) -> tuple[Alert, ...]:
    return read_generic(keys.rules.mapping, body) if source == "generic" else read_alerts(source, body)
