"""The App: itself, its installations and their tokens, its log of deliveries."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from workflows.github.hub.answers import Problem, absent, body_of, paged
from workflows.github.hub.hub import Hub
from workflows.github.hub.post import Delivery, headers
from workflows.github.hub.route import AppApi
from workflows.github.hub.shapes import apps, repositories
from workflows.github.hub.shapes.people import Json, stamp
from workflows.github.hub.things import now
from workflows.github.hub.world import LEVELS, App, Installation, Token

LIFE = timedelta(hours=1)


async def app(hub: Hub, _: Request, known: App) -> Response:
    """GET /app."""
    return JSONResponse(apps.app(hub.world, known))


async def installations(hub: Hub, request: Request, known: App) -> Response:
    """GET /app/installations."""
    own = [one for one in hub.world.installations.values() if one.app == known.id]
    return paged(request, own, lambda one: apps.installation(hub.world, one))


async def installation(hub: Hub, request: Request, known: App) -> Response:
    """GET /app/installations/{id}."""
    return JSONResponse(apps.installation(hub.world, _installation(hub, request, known)))


async def of_repository(hub: Hub, request: Request, known: App) -> Response:
    """GET /repos/{owner}/{name}/installation."""
    place = hub.world.named(request.path_params["owner"], request.path_params["name"])
    found = hub.world.installed(place.repository.id) if place else None
    if found is None or found.app != known.id:
        raise absent()
    return JSONResponse(apps.installation(hub.world, found))


async def token(hub: Hub, request: Request, known: App) -> Response:
    """POST /app/installations/{id}/access_tokens: never more than the installation has."""
    found, body = _installation(hub, request, known), await body_of(request)
    if found.suspended:
        raise Problem(403, "This installation has been suspended")
    permissions = _permissions(found, body.get("permissions"))
    held = _repositories(hub, found, body)
    ends = now() + LIFE
    secret = f"ghs_{secrets.token_hex(18)}"
    writes = "write" if "write" in permissions.values() else "read"
    label = f"installation {found.id} ({writes}: {', '.join(sorted(permissions))})"
    hub.world.tokens[secret] = Token(
        label, found.id, held, permissions, ends, request.headers.get("user-agent", "")[:100]
    )
    told: Json = {"token": secret, "expires_at": stamp(ends), "permissions": permissions}
    if held != frozenset(found.repositories):
        named = [repositories.usual(hub.world, hub.world.places[one].repository) for one in sorted(held)]
        return JSONResponse({**told, "repository_selection": "selected", "repositories": named}, 201)
    return JSONResponse({**told, "repository_selection": "selected"}, 201)


def _permissions(found: Installation, wanted: Any) -> dict[str, str]:
    if wanted is None:
        return dict(found.permissions)
    if not isinstance(wanted, dict) or not wanted or any(level not in LEVELS[1:] for level in wanted.values()):
        raise Problem(422, "Invalid request.")
    for name, level in wanted.items():
        if LEVELS.index(found.permissions.get(name, "none")) < LEVELS.index(level):
            raise Problem(422, "The permissions requested are not granted to this installation.")
    return {**wanted, "metadata": wanted.get("metadata", "read")}


def _repositories(hub: Hub, found: Installation, body: dict[str, Any]) -> frozenset[int]:
    ids, named = body.get("repository_ids", []), body.get("repositories", [])
    if not all(isinstance(one, list) for one in (ids, named)) or any(not isinstance(one, int) for one in ids):
        raise Problem(422, "Invalid request.")
    if "repository_ids" in body:
        held = frozenset(ids)
    elif "repositories" in body:
        names = {str(name).lower() for name in named}
        held = frozenset(one for one in found.repositories if hub.world.places[one].repository.name.lower() in names)
        if len(held) < len(names):
            held = frozenset({-1})
    else:
        return frozenset(found.repositories)
    if not held or not held <= found.repositories:
        raise Problem(
            422, "There is at least one repository that does not exist or is not accessible to the parent installation."
        )
    return held


def _installation(hub: Hub, request: Request, known: App) -> Installation:
    found = hub.world.installations.get(request.path_params["installation"])
    if found is None or found.app != known.id:
        raise absent()
    return found


async def deliveries(hub: Hub, request: Request, known: App) -> Response:
    """GET /app/hook/deliveries: the newest first, with a cursor."""
    asked = request.query_params
    cursor, wanted = asked.get("cursor", ""), asked.get("per_page", "30")
    size = min(max(int(wanted), 1), 100) if wanted.isascii() and wanted.isdigit() else 30
    own = sorted((one for one in hub.post.log if one.app == known.id), key=lambda one: one.id, reverse=True)
    if cursor.isascii() and cursor.isdigit():
        own = [one for one in own if one.id <= int(cursor)]
    links = {}
    if len(own) > size:
        links["Link"] = f'<{request.url.include_query_params(cursor=own[size].id)}>; rel="next"'
    return JSONResponse([_brief(one) for one in own[:size]], headers=links)


async def delivery(hub: Hub, request: Request, known: App) -> Response:
    """GET /app/hook/deliveries/{id}."""
    one = _delivery(hub, request, known)
    sent = {name: value for name, value in headers(known, one).items() if not name.startswith("X-Hub-Signature")}
    whole = {
        **_brief(one), "url": known.hook, "request": {"headers": sent, "payload": None},
        "response": {"headers": {}, "payload": None},
    }  # fmt: skip
    return JSONResponse(whole)


async def redelivered(hub: Hub, request: Request, known: App) -> Response:
    """POST /app/hook/deliveries/{id}/attempts."""
    hub.post.again(_delivery(hub, request, known))
    return JSONResponse({}, 202)


def _delivery(hub: Hub, request: Request, known: App) -> Delivery:
    wanted = request.path_params["delivery"]
    for one in hub.post.log:
        if one.id == wanted and one.app == known.id:
            return one
    raise absent()


def _brief(one: Delivery) -> Json:
    return {
        "id": one.id, "guid": one.guid, "delivered_at": stamp(one.at), "redelivery": one.redelivery,
        "duration": one.took_s, "status": one.status, "status_code": one.code, "event": one.event,
        "action": one.action, "installation_id": one.installation, "repository_id": one.repository,
        "throttled_at": None,
    }  # fmt: skip


APIS: tuple[AppApi, ...] = (
    AppApi("GET", "/app", app),
    AppApi("GET", "/app/installations", installations),
    AppApi("GET", "/app/installations/{installation:int}", installation),
    AppApi("POST", "/app/installations/{installation:int}/access_tokens", token),
    AppApi("GET", "/repos/{owner}/{name}/installation", of_repository),
    AppApi("GET", "/app/hook/deliveries", deliveries),
    AppApi("GET", "/app/hook/deliveries/{delivery:int}", delivery),
    AppApi("POST", "/app/hook/deliveries/{delivery:int}/attempts", redelivered),
)
