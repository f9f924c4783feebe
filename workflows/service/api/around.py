"""What stands around every request: its id, limits on its body and on slow clients, headers, a log line, a last resort.

Slow clients: a body must keep arriving (`Allowance`), an answer must keep being taken. Headers come before there is an
application: `wire.py`.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from workflows.service.api.metrics import Metrics
from workflows.service.api.problems import Problem, answer
from workflows.telemetry.tracing import answered, asked

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_RUN = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{32}")
SUBMISSIONS = "/v1/diagnoses"
WEBHOOKS = "/webhooks/github"
ALERTS = "/v1/alerts/"
_AS_IS = {"Accept-Encoding": "identity"}
_HEADERS = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


@dataclass(frozen=True)
class Allowance:
    """What a body may take: bytes of a submission as JSON, as a form, of a webhook, of alerts, and of any other body;
    seconds before the rate counts, bytes per second after; send_s: seconds that a client may take no byte of an answer.
    """

    json_bytes: int = 24 << 20
    form_bytes: int = 280 << 20
    webhook_bytes: int = 25 << 20
    alert_bytes: int = 4 << 20
    small_bytes: int = 64 << 10
    patience_s: float = 20.0
    rate: int = 16 << 10
    send_s: float = 60.0

    def most(self, path: str, content_type: str) -> int:
        """The largest body of a type on a path."""
        if path == WEBHOOKS:
            return self.webhook_bytes
        if path.startswith(ALERTS):
            return self.alert_bytes
        if path != SUBMISSIONS:
            return self.small_bytes
        return self.form_bytes if content_type.lower().startswith("multipart/") else self.json_bytes


@dataclass
class _Exchange:
    """One request on its way. status: of the answer, 0 before it begins."""

    id: str
    began: float = field(default_factory=time.monotonic)
    status: int = 0


class Around:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, *, allowance: Allowance, metrics: Metrics) -> None:
        self._app = app
        self._allowance = allowance
        self._metrics = metrics
        self._log: FilteringBoundLogger = structlog.get_logger("patchwright.api")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; anything but HTTP passes through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        sent = headers.get("x-request-id", "")
        exchange = _Exchange(sent if _ID.fullmatch(sent) else secrets.token_hex(8))
        scope.setdefault("state", {})["request_id"] = exchange.id
        with (
            structlog.contextvars.bound_contextvars(request=exchange.id),
            asked(scope["path"], headers.get("traceparent", "")) as traced,
        ):
            await self._answered(scope, receive, send, exchange)
            answered(traced, _method(scope), _route(scope), exchange.status)

    async def _answered(self, scope: Scope, receive: Receive, send: Send, exchange: _Exchange) -> None:
        headers, outward = Headers(scope=scope), self._outward(exchange, send)
        try:
            await self._app(scope, _Inward(receive, scope["path"], headers, self._allowance), outward)
        except ClientDisconnect:
            exchange.status = exchange.status or 499
        except Exception as error:  # noqa: BLE001 - the one place where a bug becomes an answer
            self._log.error("failed", request=exchange.id, error=type(error).__name__, at=_frames(error))
            if not exchange.status:
                detail = "a bug in the service; its log has more under the id of this request"
                await answer(500, "internal", detail, request=exchange.id)(scope, receive, outward)
        finally:
            self._done(scope, exchange)

    def _outward(self, exchange: _Exchange, send: Send) -> Send:
        async def outward(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = exchange.id
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            try:
                async with asyncio.timeout(self._allowance.send_s):
                    await send(message)
            except TimeoutError:
                raise ClientDisconnect from None  # it takes no byte: as good as gone

        return outward

    def _done(self, scope: Scope, exchange: _Exchange) -> None:
        route = _route(scope)
        seconds = time.monotonic() - exchange.began
        self._metrics.answered(scope["method"], route, exchange.status, seconds)
        self._log.info(
            "answered", request=exchange.id, method=_method(scope), route=route, status=exchange.status,
            ms=round(1000 * seconds, 1), **_about(scope),
        )  # fmt: skip


def _route(scope: Scope) -> str:
    """As declared, never as sent."""
    return str(getattr(scope.get("route"), "path", "unmatched"))


def _method(scope: Scope) -> str:
    return str(scope["method"])[:10]


def _about(scope: Scope) -> dict[str, str]:
    """The run that a request names, or made."""
    run = scope["state"].get("run") or scope.get("path_params", {}).get("run", "")
    return {"run": run} if _RUN.fullmatch(run) else {}


class _Inward:
    """Receives a request's body within its limits; raises Problem."""

    def __init__(self, receive: Receive, path: str, headers: Headers, allowance: Allowance) -> None:
        self._receive = receive
        self._allowance = allowance
        self._most = allowance.most(path, headers.get("content-type", ""))
        self._declared = headers.get("content-length", "")
        self._packed = headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}
        self._began: float | None = None
        self._size = 0
        self._complete = False

    async def __call__(self) -> Message:
        if self._complete:
            return await self._receive()
        if self._packed:
            raise Problem(415, "content-encoding", "send the body as it is, not compressed", headers=_AS_IS)
        self._check(int(self._declared) if self._declared.isdecimal() else 0)
        if self._began is None:
            self._began = time.monotonic()
        left = self._began + self._allowance.patience_s + self._size / self._allowance.rate - time.monotonic()
        try:
            async with asyncio.timeout(left):
                message = await self._receive()
        except TimeoutError:
            raise Problem(408, "too-slow", "the body arrives too slowly", headers={"Connection": "close"}) from None
        self._size += len(message.get("body", b""))
        self._check(self._size)
        self._complete = not message.get("more_body", False)
        return message

    def _check(self, size: int) -> None:
        if size > self._most:
            detail = f"the body is larger than {self._most:,} bytes"
            raise Problem(413, "too-large", detail, headers={"Connection": "close"})


def _frames(error: Exception) -> list[str]:
    """Where it happened. Its message is left out: it may hold what was sent."""
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
