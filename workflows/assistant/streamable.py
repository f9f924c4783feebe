"""The server over streamable HTTP: who may ask, from where, how much and for how long; the transport is the SDK's.

It listens on this machine, or elsewhere with a token. The SDK checks Host and Origin, so that no page in a browser gets
through to it under a name of its own (DNS rebinding); runs are shared by whoever has the token, as on a pipe.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import uvicorn
from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workflows.exits import USAGE, Refused
from workflows.service.node import Plan, Server, listening_on

PATH = "/mcp"
MOST_BODY = 4 << 20
MOST_SESSIONS, IDLE_S = 32, 600.0
MOST_CONNECTIONS = 128
LEAST_TOKEN = 16
_HERE = ("127.0.0.1", "localhost", "[::1]")
_ANY = ("0.0.0.0", "::")  # noqa: S104 - compared with, not listened on
_OPEN = "others could connect to {host}: name a token (--token file:/PATH or env:NAME)"


@dataclass(frozen=True)
class Listening:
    """Where and for whom. token: "" for everybody on this machine; names: of Host headers that are taken besides;
    body_s: seconds in which a request has arrived.
    """

    host: str
    port: int
    token: str = ""
    names: tuple[str, ...] = ()
    body_s: float = 20.0

    @classmethod
    def of(cls, address: str, *, token: str, names: tuple[str, ...]) -> Listening:
        """From HOST:PORT. Raises Refused for what is none, and where others could connect without a token."""
        host, _, port = address.rpartition(":")
        bare = host.removeprefix("[").removesuffix("]")
        if not bare or (":" in bare and bare == host) or not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise Refused("--http takes HOST:PORT, such as 127.0.0.1:8322", USAGE)
        if token and len(token) < LEAST_TOKEN:
            raise Refused(f"--token: a token has {LEAST_TOKEN} characters or more", USAGE)
        if not token and not Plan(bare, 0, 0, 0).loopback:
            raise Refused(_OPEN.format(host=bare), USAGE)
        return cls(bare, int(port), token, names)


async def serve(server: MCPServer[Any], listening: Listening, say: Callable[[str], None]) -> None:
    """Answer until this is cancelled; what the server began has ended then."""
    with listening_on(Plan(listening.host, listening.port, 0, 0)) as bound:
        port = bound.getsockname()[1]
        app = server.streamable_http_app(
            streamable_http_path=PATH, max_request_body_size=MOST_BODY, max_sessions=MOST_SESSIONS,
            session_idle_timeout=IDLE_S, transport_security=_checked(listening, port),
        )  # fmt: skip
        config = uvicorn.Config(
            Doorkeeper(app, listening.token, listening.body_s), log_config=None, access_log=False, server_header=False,
            lifespan="off", timeout_graceful_shutdown=1, timeout_keep_alive=15, limit_concurrency=MOST_CONNECTIONS,
        )  # fmt: skip
        web = Server(config)
        async with app.router.lifespan_context(app):
            say(f"http://{_shown(listening.host)}:{port}{PATH}")
            await _until_cancelled(web, web.serve([bound]))


def _checked(listening: Listening, port: int) -> TransportSecuritySettings:
    """Which Host and Origin are taken. Behind a proxy the name comes without our port, and pages from https."""
    own = () if listening.host in _ANY else (_shown(listening.host),)
    names = (*(_HERE if Plan(listening.host, 0, 0, 0).loopback else ()), *own)
    hosts = [f"{name}:{port}" for name in names] + [
        each for name in listening.names for each in (name, f"{name}:{port}")
    ]
    origins = [f"http://{host}" for host in hosts] + [f"https://{name}" for name in listening.names]
    return TransportSecuritySettings(allowed_hosts=hosts, allowed_origins=origins)


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


async def _until_cancelled(web: Server, serving: Awaitable[None]) -> None:
    task = asyncio.ensure_future(serving)
    try:
        await asyncio.shield(task)
    finally:
        web.stop()
        await asyncio.gather(task, return_exceptions=True)


@dataclass(frozen=True)
class Doorkeeper:
    """Before anything is read: the token, compared in constant time; then a body, bounded in bytes and seconds."""

    app: ASGIApp
    token: str
    body_s: float

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Of the protocol."""
        if scope["type"] != "http":
            return
        if not self._known(Headers(scope=scope).get("authorization", "")):
            await _refused(401, "a bearer token is needed")(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self.body_s):
                body = await _whole(receive)
        except TimeoutError:
            await _refused(408, "the request did not arrive in time")(scope, receive, send)
            return
        if body is None:
            await _refused(413, f"a request has {MOST_BODY >> 20} MB at most")(scope, receive, send)
            return
        await self.app(scope, _Again(body, receive), send)

    def _known(self, header: str) -> bool:
        kind, _, given = header.partition(" ")
        same = hmac.compare_digest(_digest(given.strip()), _digest(self.token))
        return not self.token or (kind.lower() == "bearer" and same)


@dataclass
class _Again:
    """A body that was read, for the application; later messages tell that the client has gone."""

    body: bytes
    receive: Receive
    given: bool = False

    async def __call__(self) -> Message:
        """Of the protocol."""
        if self.given:
            return await self.receive()
        self.given = True
        return {"type": "http.request", "body": self.body, "more_body": False}


async def _whole(receive: Receive) -> bytes | None:
    """A body, None where it is too long; what a client that has gone had sent."""
    found = bytearray()
    while len(found) <= MOST_BODY:
        message = await receive()
        found += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(found)
    return None


def _refused(status: int, why: str) -> PlainTextResponse:
    extra = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return PlainTextResponse(why, status, {"Connection": "close", **extra})


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
