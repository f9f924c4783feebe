"""One endpoint of the interface: from a request to a handler that knows the caller, the repository and the body."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from sandbox.git import GitFailed
from workflows.github.hub.answers import Problem, absent, body_of, refused, tagged
from workflows.github.hub.faults import Fault, secondary
from workflows.github.hub.gate import Caller, admit, caller
from workflows.github.hub.hub import Heard, Hub
from workflows.github.hub.things import Account, Place
from workflows.github.hub.world import App, World

PREFIX = "/api/v3"
BY_NAME, BY_ID = "/repos/{owner}/{name}", "/repositories/{id:int}"
READ: Mapping[str, str] = {"metadata": "read"}
_MOST_AUDIT = 50_000


@dataclass(frozen=True)
class Ask:
    """A request to a handler."""

    hub: Hub
    request: Request
    who: Caller
    place: Place
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def world(self) -> World:
        """All there is."""
        return self.hub.world

    @property
    def app(self) -> App | None:
        """The App that acts."""
        token = self.who.token
        return self.world.apps[self.world.installations[token.installation].app] if token else None

    @property
    def account(self) -> Account:
        """The account that acts."""
        return self.app.account if self.app else self.world.account("ghost")

    def number(self, name: str) -> int:
        """A number of the path."""
        return int(self.request.path_params[name])

    def text(self, name: str) -> str:
        """A text of the path."""
        return str(self.request.path_params[name])


Handler = Callable[[Ask], Awaitable[Response]]


@dataclass(frozen=True)
class Api:
    """method and path, below the repository's; needs: one of these permissions; content: counts as written content."""

    method: str
    path: str
    handler: Handler
    needs: Mapping[str, str] = field(default_factory=lambda: READ)
    content: bool = False


@dataclass(frozen=True)
class AppApi:
    """An endpoint that takes the App's own JWT."""

    method: str
    path: str
    handler: Callable[[Hub, Request, App], Awaitable[Response]]


@dataclass(frozen=True)
class OpenApi:
    """An endpoint for whoever knows what its path holds."""

    method: str
    path: str
    handler: Callable[[Hub, Request], Awaitable[Response]]


class BrokenOff(Response):
    """An answer that was promised and never comes: its head says more bytes than there are."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - as ASGI has it
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"10")]})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})


def routes(hub: Hub, apis: tuple[Api | AppApi | OpenApi, ...]) -> list[Route]:
    """Each one by the repository's name and by its id."""
    return [
        Route(PREFIX + base + api.path, _endpoint(hub, api), methods=[api.method])
        for api in apis
        for base in ((BY_NAME, BY_ID) if isinstance(api, Api) else ("",))
    ]


def _endpoint(hub: Hub, api: Api | AppApi | OpenApi) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        known = Caller()
        lost = False
        try:
            known = caller(hub.world, request.headers.get("authorization", ""))
            lost = await _troubled(hub, request, known)
            if known.token or known.app:
                hub.limits.take(known.installation, content=isinstance(api, Api) and api.content)
            response = tagged(request, await _answered(hub, api, request, known))
        except Problem as problem:
            response = refused(problem)
        except GitFailed as error:
            response = refused(Problem(422, f"git: {str(error)[:300]}"))
        heard(hub, request, known.name, response.status_code)
        if known.token or known.app:
            response.headers.update(hub.limits.headers(known.installation))
        return BrokenOff() if lost else response

    return endpoint


def heard(hub: Hub, request: Request, who: str, status: int) -> None:
    """Keep for the audit who asked what."""
    process = request.headers.get("user-agent", "")[:100]
    hub.audit.append(Heard(request.method, request.url.path, who, status, process))
    del hub.audit[:-_MOST_AUDIT]


async def _answered(hub: Hub, api: Api | AppApi | OpenApi, request: Request, known: Caller) -> Response:
    if isinstance(api, OpenApi):
        return await api.handler(hub, request)
    if isinstance(api, AppApi):
        if known.app is None:
            raise Problem(401, "A JSON web token could not be decoded")
        return await api.handler(hub, request, known.app)
    place = _place(hub, request)
    if isinstance(place, Response):
        return place
    admit(known, place, api.needs)
    body = await body_of(request) if request.method in ("POST", "PATCH", "PUT", "DELETE") else {}
    return await api.handler(Ask(hub, request, known, place, body))


def _place(hub: Hub, request: Request) -> Place | Response:
    """The repository, or the way to where it is now. Raises Problem."""
    parts = request.path_params
    if "id" in parts:
        found = hub.world.places.get(parts["id"])
        if found is None:
            raise absent()
        return found
    place = hub.world.named(parts["owner"], parts["name"])
    if place is not None:
        return place
    moved = hub.world.moved(parts["owner"], parts["name"])
    if moved is None:
        raise absent()
    rest = request.url.path.removeprefix(f"{PREFIX}/repos/{parts['owner']}/{parts['name']}")
    url = f"{hub.world.api}/repositories/{moved.repository.id}{rest}"
    if request.url.query:
        url += f"?{request.url.query}"
    told = {"message": "Moved Permanently", "url": url, "documentation_url": "https://docs.github.com/rest"}
    return JSONResponse(told, 301 if request.method == "GET" else 307, {"Location": url})


async def _troubled(hub: Hub, request: Request, known: Caller) -> bool:
    """Whether the answer shall get lost. Raises Problem, waits."""
    lost = False
    for fault in [one for one in hub.faults if one.due(request.method, request.url.path)]:
        lost = await _happens(hub, fault, known) or lost
    return lost


async def _happens(hub: Hub, fault: Fault, known: Caller) -> bool:
    if fault.sort == "status":
        raise Problem(fault.status, fault.message)
    if fault.sort == "secondary":
        raise secondary(fault.seconds)
    if fault.sort == "primary":
        hub.limits.spend(known.installation, fault.seconds)
    if fault.sort == "delay":
        await asyncio.sleep(min(fault.seconds, 60.0))
    return fault.sort == "lost"
