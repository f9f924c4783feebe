"""Pages on which an owner installs an App, and chooses its repositories."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from workflows.github.hub import installing
from workflows.github.hub.answers import Problem, absent
from workflows.github.hub.hub import Hub
from workflows.github.hub.pages import shown
from workflows.github.hub.things import Place
from workflows.github.hub.world import App, Installation

_MOST_FORM, _MOST_CHOSEN = 100_000, 500


def _app(hub: Hub, request: Request) -> App:
    found = next((one for one in hub.world.apps.values() if one.slug == request.path_params["slug"]), None)
    if found is None:
        raise absent()
    return found


def _installed(hub: Hub, app: App) -> Installation | None:
    return next((i for i in hub.world.installations.values() if i.app == app.id and i.account == app.owner), None)


def _theirs(hub: Hub, app: App) -> list[Place]:
    return [one for one in hub.world.places.values() if one.repository.owner == app.owner]


async def choice(hub: Hub, request: Request) -> Response:
    """GET /apps/{slug}/installations/new: the App, what it may do, and the owner's repositories to choose from."""
    app = _app(hub, request)
    known = _installed(hub, app)
    return shown("install", allowed="", app=app, places=_theirs(hub, app), held=known.repositories if known else set())


async def chosen(hub: Hub, request: Request) -> Response:
    """POST /apps/{slug}/installations: install it in the repositories of the form, in those alone."""
    app = _app(hub, request)
    if request.headers.get("origin") != hub.world.web:
        raise Problem(403, "This form is not ours.")
    size = request.headers.get("content-length", "")
    if not size.isascii() or not size.isdigit() or int(size) > _MOST_FORM:
        raise Problem(413, "Payload too large")
    async with request.form(max_files=0, max_fields=_MOST_CHOSEN) as form:
        wanted = {str(one) for one in form.getlist("repository")}
    places = {one.repository.full_name: one for one in _theirs(hub, app)}
    if not wanted or not wanted <= places.keys():
        raise Problem(422, "Choose one or more of the repositories that are listed.")
    known = _installed(hub, app)
    if known is None:
        made = await installing.install(hub, app=app.id, account=app.owner.login, repositories=sorted(wanted))
        return RedirectResponse(f"/installations/{made['id']}", 303)
    for name, place in places.items():
        if (name in wanted) != (place.repository.id in known.repositories):
            await installing.selection(hub, installation=known.id, repository=name, on=name in wanted)
    return RedirectResponse(f"/installations/{known.id}", 303)


async def installation(hub: Hub, request: Request) -> Response:
    """GET /installations/{number}: where an App is installed."""
    known = hub.world.installations.get(request.path_params["number"])
    if known is None:
        raise absent()
    places = [hub.world.places[one] for one in sorted(known.repositories) if one in hub.world.places]
    return shown("installation", allowed="", app=hub.world.apps[known.app], known=known, places=places)


PAGES: tuple[tuple[str, str, Callable[[Hub, Request], Awaitable[Response]]], ...] = (
    ("GET", "/apps/{slug}", choice),
    ("GET", "/apps/{slug}/installations/new", choice),
    ("POST", "/apps/{slug}/installations", chosen),
    ("GET", "/installations/{number:int}", installation),
)
