"""An App from a manifest, in GitHub's three steps: a page hands it over, a person agrees, a code becomes the App.

What is wrong with a manifest is said on the page, as GitHub does. A code counts once and for an hour.
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from workflows.github.hub.answers import Problem, absent
from workflows.github.hub.hub import Hub
from workflows.github.hub.installing import registered
from workflows.github.hub.pages import shown
from workflows.github.hub.shapes import apps
from workflows.github.hub.things import now
from workflows.github.hub.world import DEFAULT_EVENTS, LEVELS, Pending

LIFE = timedelta(hours=1)
KNOWN_EVENTS = frozenset({*DEFAULT_EVENTS, "check_suite"})
_MOST_FORM, _MOST_NAME, _MOST_PENDING = 100_000, 34, 100
_STATE = re.compile(r"[\w.~-]{0,200}")


@dataclass(frozen=True)
class Manifest:
    """An App as it is wanted. back: where the browser goes afterwards."""

    name: str
    hook: str
    back: str
    permissions: dict[str, str]
    events: tuple[str, ...]


def manifest_of(text: str) -> Manifest:
    """Raises Problem, which says what is wrong."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        raise Problem(422, "The manifest is no JSON") from None
    if not isinstance(told, dict):
        raise Problem(422, "The manifest is no object")
    hook = told.get("hook_attributes")
    made = Manifest(
        name=_text(told, "name"), back=_address(told, "redirect_url"), permissions=_permissions(told),
        hook=_address(hook, "url") if isinstance(hook, dict) else "", events=_events(told),
    )  # fmt: skip
    _address(told, "url")
    if len(made.name) > _MOST_NAME:
        raise Problem(422, f"name is too long (maximum is {_MOST_NAME} characters)")
    return made


def _text(told: dict[str, Any], name: str) -> str:
    value = told.get(name)
    if not isinstance(value, str) or not value.strip():
        raise Problem(422, f"{name} is missing")
    return value


def _address(told: dict[str, Any], name: str) -> str:
    value = _text(told, name)
    try:
        parts = urlsplit(value)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and value.isprintable() and " " not in value
    except ValueError:
        fits = False
    if not fits:
        raise Problem(422, f"{name} must be a valid URL")
    return value


def _permissions(told: dict[str, Any]) -> dict[str, str]:
    given = told.get("default_permissions", {})
    if not isinstance(given, dict) or any(level not in LEVELS[1:] for level in given.values()):
        raise Problem(422, "default_permissions are not permissions with read, write or admin")
    return {str(name): str(level) for name, level in given.items()}


def _events(told: dict[str, Any]) -> tuple[str, ...]:
    given = told.get("default_events", [])
    wrong = given if not isinstance(given, list) else [one for one in given if one not in KNOWN_EVENTS]
    if wrong or not isinstance(given, list):
        raise Problem(422, f"default_events unsupported: {str(wrong)[:200]}")
    return tuple(given)


async def begun(hub: Hub, request: Request) -> Response:
    """POST …/settings/apps/new: the manifest of another page's form; nothing is made of it yet."""
    told = await _form(request)
    wanted = manifest_of(told.get("manifest", ""))
    state = request.query_params.get("state", "")
    if not _STATE.fullmatch(state):
        raise Problem(422, "state is no word")
    back = urlsplit(wanted.back)
    owner = request.path_params.get("organization", "")
    while len(hub.world.wanted) >= _MOST_PENDING:
        hub.world.wanted.pop(next(iter(hub.world.wanted)))
    key = secrets.token_urlsafe(18)
    hub.world.wanted[key] = (wanted, state, owner)
    return shown("app", allowed=f"{back.scheme}://{back.netloc}", app=wanted, owner=owner or "you", key=key)


async def agreed(hub: Hub, request: Request) -> Response:
    """POST /settings/apps: a person agrees on the page; the browser goes back with a code."""
    if request.headers.get("origin") != hub.world.web:
        raise Problem(403, "This form is not ours.")
    found = hub.world.wanted.pop((await _form(request)).get("key", ""), None)
    if found is None:
        raise absent()
    wanted, state, owner = found
    slug = re.sub(r"[^a-z0-9]+", "-", wanted.name.lower()).strip("-") or "app"
    if any(one.slug == slug for one in hub.world.apps.values()):
        raise Problem(422, "Name is already taken")
    made, private = registered(
        hub, slug, name=wanted.name, hook=wanted.hook, owner=owner or "ada", permissions=wanted.permissions,
        events=wanted.events,
    )  # fmt: skip
    code = secrets.token_hex(20)
    hub.world.codes[code] = Pending(made.id, private, now() + LIFE)
    joint = "&" if urlsplit(wanted.back).query else "?"
    return RedirectResponse(f"{wanted.back}{joint}{urlencode({'code': code, 'state': state})}", 302)


async def converted(hub: Hub, request: Request) -> Response:
    """POST /app-manifests/{code}/conversions: the App with its key and secrets, told this once."""
    found = hub.world.codes.pop(request.path_params["code"], None)
    if found is None or found.ends < now():
        raise absent()
    made = hub.world.apps[found.app]
    told = {
        **apps.app(hub.world, made), "client_secret": secrets.token_hex(20), "webhook_secret": made.secret,
        "pem": found.pem,
    }  # fmt: skip
    return JSONResponse(told, 201)


async def _form(request: Request) -> dict[str, str]:
    size = request.headers.get("content-length", "")
    if not size.isascii() or not size.isdigit() or int(size) > _MOST_FORM:
        raise Problem(413, "Payload too large")
    async with request.form(max_files=0, max_fields=10) as form:
        return {key: value for key, value in form.items() if isinstance(value, str)}
