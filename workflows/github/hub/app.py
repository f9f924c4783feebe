"""The hub as an application, and as a server on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.git import GitFailed
from workflows.github.hub import choosing, control, manifests, pages, smart
from workflows.github.hub.answers import Problem, absent, refused
from workflows.github.hub.hub import Hub
from workflows.github.hub.post import Post
from workflows.github.hub.rest import actions, apps, checks, data, issues, pulls, repositories
from workflows.github.hub.route import PREFIX, Api, AppApi, OpenApi, heard, routes
from workflows.github.hub.runner import Runner
from workflows.github.hub.world import World

HOST = "127.0.0.1"
TABLES: tuple[tuple[Api | AppApi | OpenApi, ...], ...] = (
    (OpenApi("POST", "/app-manifests/{code}/conversions", manifests.converted),),
    apps.APIS, pulls.APIS, issues.APIS, checks.APIS, actions.APIS, data.APIS, repositories.APIS,
)  # fmt: skip
Handler = Callable[[Hub, Request], Awaitable[Response]]


class OwnHost:
    """Refuses requests for another host name: pages elsewhere cannot make this machine's browser ask here."""

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app = app
        self._host = host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "http" and Request(scope).headers.get("host") != self._host:
            await PlainTextResponse("This is another host.", 400)(scope, receive, send)
            return
        if "\0" in scope.get("path", ""):
            await PlainTextResponse("No path has a zero byte.", 400)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def create(hub: Hub) -> ASGIApp:
    """The application: interface, git, control, pages."""
    api = [route for table in TABLES for route in routes(hub, table)]
    others = [
        _route(hub, "/_hub/{what}", control.answer, "POST"),
        _route(hub, "/_logs/{key}", _linked, "GET"),
        _route(hub, "/{owner}/{name}.git/{rest:path}", smart.answer, "GET", "POST"),
        _route(hub, PREFIX + "/{rest:path}", _unknown, "GET", "POST", "PATCH", "PUT", "DELETE"),
        _route(hub, "/settings/apps/new", manifests.begun, "POST"),
        _route(hub, "/organizations/{organization}/settings/apps/new", manifests.begun, "POST"),
        _route(hub, "/settings/apps", manifests.agreed, "POST"),
        *(_route(hub, path, handler, method) for method, path, handler in (*choosing.PAGES, *pages.PAGES)),
    ]
    return OwnHost(Starlette(routes=[*api, *others], lifespan=partial(_alive, hub)), urlsplit(hub.world.web).netloc)


def _route(hub: Hub, path: str, handler: Handler, *methods: str) -> Route:
    async def endpoint(request: Request) -> Response:
        try:
            return await handler(hub, request)
        except Problem as problem:
            return refused(problem)
        except GitFailed as error:
            return refused(Problem(422, f"git: {str(error)[:300]}"))

    return Route(path, endpoint, methods=list(methods))


async def _linked(hub: Hub, request: Request) -> Response:
    return actions.linked(hub, request)


async def _unknown(hub: Hub, request: Request) -> Response:
    heard(hub, request, "", 404)
    raise absent()


@asynccontextmanager
async def _alive(hub: Hub, _: Starlette) -> AsyncIterator[None]:
    """Deliveries go out for as long as the application runs; runs that go on then are cancelled."""
    posting = asyncio.ensure_future(hub.post.work())
    try:
        yield
    finally:
        tasks = {posting, *hub.tasks}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def bound(port: int) -> socket.socket:
    """A listening socket of this machine alone; 0: any free port. Raises OSError."""
    # The protocol is named: asyncio sends small answers at once (TCP_NODELAY) only where it knows that it is TCP.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError:
        listening.close()
        raise
    return listening


@asynccontextmanager
async def serving(folder: Path, runner: Runner, listening: socket.socket) -> AsyncIterator[Hub]:
    """The hub, answering, for as long as the block runs. folder: for its repositories."""
    web = f"http://{HOST}:{listening.getsockname()[1]}"
    folder.mkdir(parents=True, exist_ok=True)
    async with httpx.AsyncClient(trust_env=False) as http:
        world = World(folder, web, f"{web}/_logs")
        hub = Hub(world, Post(world, http), runner)
        config = uvicorn.Config(create(hub), log_level="critical", access_log=False, server_header=False)
        server = _Server(config)
        task = asyncio.ensure_future(server.serve(sockets=[listening]))
        try:
            await asyncio.wait({task, asyncio.ensure_future(server.ready.wait())}, return_when=asyncio.FIRST_COMPLETED)
            yield hub
        finally:
            server.should_exit = server.force_exit = True
            await task


class _Server(uvicorn.Server):
    """Says when it listens; signals are the caller's."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn."""
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """See uvicorn."""
        yield
