"""Who may do what: bearer tokens and their scopes, asked before anything of a request is read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from workflows.service.api.metrics import Metrics
from workflows.service.api.oidc import MOST_TOKEN, Issuer, IssuerAway, TokenRefused
from workflows.service.api.problems import Problem
from workflows.service.api.rates import Rates
from workflows.service.fetch import Hosts, Resolve
from workflows.service.files import Kept
from workflows.service.ports import Store
from workflows.service.values import Principal, Scope
from workflows.settings import Settings

BEARER = HTTPBearer(
    auto_error=False, scheme_name="token",
    description="An API token, or a JWT of the service's identity provider: `Authorization: Bearer TOKEN`.",
)  # fmt: skip
_MOST = 500
_HERE = ("localhost", "127.0.0.1", "::1")
Shown = Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)]


@dataclass(frozen=True)
class Parts:
    """What the routes work with. kept: files of runs; hosts: that may be talked to; resolve: finds their addresses.

    issuer: whose JWTs are taken; heartbeat_s: seconds between signs of life of a stream; watch_s: after which it ends,
    so that the token is asked for again; unpacking: held while an upload is, for the threads are needed for more.
    """

    store: Store
    settings: Settings
    kept: Kept
    anonymous: Principal | None
    hosts: Hosts
    resolve: Resolve
    metrics: Metrics
    rates: Rates
    heartbeat_s: float = 15.0
    watch_s: float = 900.0
    issuer: Issuer | None = None
    unpacking: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))


async def parts_of(request: Request) -> Parts:
    """The application's parts. Asynchronous: FastAPI calls what is not on another thread, which costs each request."""
    parts = request.app.state.parts
    assert isinstance(parts, Parts)  # noqa: S101 - `create_app` put it there
    return parts


WithParts = Annotated[Parts, Depends(parts_of)]


async def who(request: Request, parts: WithParts, shown: Shown) -> Principal:
    """Who asks. Raises Problem 401."""
    if shown is None and "authorization" not in request.headers and parts.anonymous is not None:
        return _local(request, parts.anonymous)
    secret = shown.credentials if shown else ""
    if not secret or len(secret) > MOST_TOKEN or not secret.isascii() or not secret.isprintable():
        raise _unknown("send a token: `Authorization: Bearer TOKEN`")
    if parts.issuer is not None and secret.count(".") == 2:
        return await _identified(parts.issuer, secret)
    if len(secret) > _MOST:
        raise _unknown("send a token: `Authorization: Bearer TOKEN`")
    found = await parts.store.principal(secret)
    if found is None:
        raise _unknown("the token is unknown, expired or revoked", ', error="invalid_token"')
    return found


async def _identified(issuer: Issuer, token: str) -> Principal:
    """Whom a JWT speaks for. Raises Problem 401, 503."""
    try:
        return await issuer.principal(token)
    except TokenRefused as error:
        raise _unknown(f"the token is refused: {error}", ', error="invalid_token"') from None
    except IssuerAway:
        detail = "the service cannot reach the identity provider that would vouch for this token; try again"
        raise Problem(503, "unavailable", detail, headers={"Retry-After": "5"}) from None


def _local(request: Request, anonymous: Principal) -> Principal:
    """Without tokens a page in somebody's browser could ask too: only what names this machine is answered."""
    origin = request.headers.get("origin")
    asked = [f"http://{request.headers.get('host', '')}", *([origin] if origin else [])]
    if any(_host(url) not in _HERE for url in asked) or request.headers.get("sec-fetch-site") == "cross-site":
        raise Problem(403, "forbidden", "without a token only requests from this machine to this machine are answered")
    return anonymous


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _unknown(detail: str, more: str = "") -> Problem:
    challenge = f'Bearer realm="patchwright"{more}'
    return Problem(401, "unauthorized", detail, headers={"WWW-Authenticate": challenge})


@dataclass(frozen=True)
class Needs:
    """Lets those through whose token has the scope, as often as they may ask. Raises Problem 401, 403, 429."""

    scope: Scope

    async def __call__(self, asker: Annotated[Principal, Depends(who)], parts: WithParts) -> Principal:
        """Who asks, when they may."""
        wait_s = await parts.rates.wait_s(asker.tenant)
        if wait_s:
            detail = f"more than {parts.rates.per_minute} requests of this tenant in a minute"
            raise Problem(429, "too-many-requests", detail, headers={"Retry-After": str(wait_s)})
        if self.scope not in asker.scopes:
            challenge = f'Bearer realm="patchwright", error="insufficient_scope", scope="{self.scope}"'
            detail = f"this needs a token with the scope {self.scope}"
            raise Problem(403, "forbidden", detail, headers={"WWW-Authenticate": challenge})
        return asker


Submitter = Annotated[Principal, Depends(Needs("submit"))]
Approver = Annotated[Principal, Depends(Needs("approve"))]
Reader = Annotated[Principal, Depends(Needs("read"))]
Admin = Annotated[Principal, Depends(Needs("admin"))]


async def may_still(request: Request, parts: WithParts, shown: Shown) -> Callable[[Principal], Awaitable[bool]]:
    """Asks whether the token that was shown still speaks for somebody, with all that they might do then."""

    async def holds(asker: Principal) -> bool:
        try:
            now = await who(request, parts, shown)
        except Problem:
            return False
        return now.tenant == asker.tenant and now.scopes >= asker.scopes

    return holds


MayStill = Annotated[Callable[[Principal], Awaitable[bool]], Depends(may_still)]
