"""What the publisher's process answers the bot: questions that only read, each with a token that only reads.

On this machine alone, to those who know the word of the day. What goes over are the bot's own values, bytes of logs and
files, and git's traffic; a token never does.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import httpx
import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from workflows.github.broker import meeting
from workflows.github.broker.asks import ASKS, MISSED, STREAMS, given, packed, told
from workflows.github.broker.gitway import Gitway
from workflows.github.client.access import Access
from workflows.github.forge import Absent, ForgeError, Missed, Reads, Refused
from workflows.service.node import Plan, Server, listening_on

HOST = "127.0.0.1"
MOST_ASKED = 1 << 20
_BLOCK = 1 << 18
_log = structlog.get_logger("patchwright.publish")
Answering = Callable[[Request], Awaitable[Response]]


def broker(reads: Reads, missed: Missed, gitway: Gitway, word: str) -> Starlette:
    """The application. word: what those say who may ask."""

    async def question(request: Request) -> Response:
        """One of the questions of `Reads`."""
        name = request.path_params["name"]
        if name in STREAMS:
            return await _streamed(reads, name, await _body(request))
        if name not in ASKS:
            raise Absent("there is no such question")
        arguments = given(name, await _body(request))
        return _json(ASKS[name].said(await getattr(reads, name)(**arguments)))

    async def lost(request: Request) -> Response:
        """Deliveries that did not arrive."""
        since = datetime.fromtimestamp(min(request.path_params["since"], time.time()), UTC)
        return _json(MISSED.said(tuple([one async for one in missed.failed(since)])))

    async def again(request: Request) -> Response:
        """Have one of them sent again."""
        await missed.redeliver(request.path_params["delivery"])
        return _json(packed(None))

    routes = (
        ("POST", "/reads/{name}", question), ("GET", "/missed/{since:int}", lost),
        ("POST", "/missed/{delivery:int}/again", again),
        ("GET", "/git/{installation:int}/{repository:int}/{owner}/{name}.git/{rest:path}", gitway.answer),
        ("POST", "/git/{installation:int}/{repository:int}/{owner}/{name}.git/{rest:path}", gitway.answer),
    )  # fmt: skip
    return Starlette(routes=[Route(path, _guarded(one, word), methods=[how]) for how, path, one in routes])


def _guarded(answer: Answering, word: str) -> Answering:
    async def endpoint(request: Request) -> Response:
        if not hmac.compare_digest(_said(request.headers.get("authorization", "")), word.encode()):
            return Response("say the word", 401)
        try:
            return await answer(request)
        except ForgeError as error:
            return _json(told(error), 502)
        except ClientDisconnect:
            return Response(status_code=400)

    return endpoint


def _said(header: str) -> bytes:
    """The word of a request: bare, or as git says a password."""
    how, _, value = header.partition(" ")
    if how == "Bearer":
        return value.encode("utf-8", "replace")
    try:
        return base64.b64decode(value if how == "Basic" else "", validate=True).partition(b":")[2]
    except ValueError:
        return b""


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_ASKED:
            raise Refused("the question is too long")
    return bytes(body)


async def _streamed(reads: Reads, name: str, body: bytes) -> Response:
    """A file as bytes (204: there is none), a log block by block from its temporary file."""
    arguments = given(name, body)
    if name == "file":
        data = await reads.file(**arguments)
        return Response(data, 200, media_type="application/octet-stream") if data is not None else Response(None, 204)
    opened = AsyncExitStack()
    file: BinaryIO = await opened.enter_async_context(getattr(reads, name)(**arguments))
    try:
        size = file.seek(0, 2)
        file.seek(0)
    except BaseException:
        await opened.aclose()
        raise
    headers = {"Content-Length": str(size)}
    closing = BackgroundTask(opened.aclose)
    return StreamingResponse(
        _blocks(file), 200, headers, media_type="application/octet-stream", background=closing
    )  # fmt: skip


async def _blocks(file: BinaryIO) -> AsyncIterator[bytes]:
    while block := await asyncio.to_thread(file.read, _BLOCK):
        yield block


def _json(body: bytes, status: int = 200) -> Response:
    return Response(body, status, media_type="application/json")


@asynccontextmanager
async def lending(home: Path, reads: Reads, missed: Missed, access: Access) -> AsyncIterator[None]:
    """Answer the bots of this home for as long as the block runs, as soon as no other publisher does."""
    async with httpx.AsyncClient(headers={"User-Agent": "patchwright-publish"}) as http:
        server = asyncio.create_task(_serve(home, reads, missed, Gitway(access, http)))
        server.add_done_callback(_ended)
        try:
            yield
        finally:
            server.cancel()
            await asyncio.gather(server, return_exceptions=True)


async def _serve(home: Path, reads: Reads, missed: Missed, gitway: Gitway) -> None:
    async with meeting.only_one(home):
        word = meeting.word()
        with listening_on(Plan(HOST, 0, 0, 0)) as listening:
            server = Server(_configured(broker(reads, missed, gitway, word)))
            at = f"http://{HOST}:{listening.getsockname()[1]}"
            meeting.leave(home, meeting.Meeting(at, word))
            _log.info("answers the bot", at=at)
            await _until_cancelled(server, server.serve([listening]))


def _configured(app: Starlette) -> uvicorn.Config:
    return uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, lifespan="off", http="httptools",
        timeout_graceful_shutdown=1,
    )  # fmt: skip


async def _until_cancelled(server: uvicorn.Server, serving: Awaitable[None]) -> None:
    """A server that is cancelled ends its answers, or breaks them off after a second."""
    task = asyncio.ensure_future(serving)
    try:
        await asyncio.shield(task)
    finally:
        server.should_exit = True
        await asyncio.gather(task, return_exceptions=True)


def _ended(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("the bot is answered no more", exc_info=error)
