"""The way in: `POST /webhooks/github`. A signed delivery is kept in one transaction, and worked on by the bot.

The signature is checked over the raw bytes before anything of them is read. What is known about a delivery without it
(its id, the event's name) is anybody's: deliveries are the same when event and body are.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import orjson
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse

from workflows.exits import Refused
from workflows.github.book import Deliveries, Delivery
from workflows.github.events import event_of
from workflows.github.store import PostgresDeliveries
from workflows.service.api.around import WEBHOOKS
from workflows.service.api.problems import Problem
from workflows.service.store import PostgresStore
from workflows.service.store.pool import Database
from workflows.settings import Settings

MOST_BYTES = 25 << 20  # GitHub sends no more
MOST_AT_ONCE = 128 << 20  # of bodies in memory
SMALL = 1 << 20
FEWEST = 16
_GUID = re.compile(r"[0-9A-Za-z-]{8,100}")
_NAME = re.compile(r"[a-z0-9_]{1,60}")
_SIGNATURE = re.compile(r"sha256=([0-9a-f]{64})")


def secrets_of(settings: Settings) -> tuple[bytes, ...]:
    """The secrets that deliveries may be signed with, the newest first; none when webhooks are off. Raises Refused."""
    named = [settings.github_secret.get_secret_value(), settings.github_secret_old.get_secret_value()]
    file = settings.github_secret_file
    if file is not None:
        try:
            named += file.read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError) as error:
            raise Refused(f"PATCHWRIGHT_GITHUB_SECRET_FILE {file}: {getattr(error, 'strerror', error)}") from error
    found = list(dict.fromkeys(one.strip() for one in named if one.strip()))
    if len(found) > 2:
        raise Refused("more than two webhook secrets are named: the one in use and the one before it are meant")
    if file is not None and not found:
        raise Refused(f"PATCHWRIGHT_GITHUB_SECRET_FILE {file} is empty")
    if any(len(one) < FEWEST for one in found):
        raise Refused(f"a webhook secret has at least {FEWEST} characters; make one with `openssl rand -hex 32`")
    return tuple(one.encode() for one in found)


def signed(body: bytes, header: str, secrets: Sequence[bytes]) -> bool:
    """Whether one of the secrets signed it. header: X-Hub-Signature-256."""
    match = _SIGNATURE.fullmatch(header)
    given = match[1] if match else "0" * 64
    right = [hmac.compare_digest(hmac.new(one, body, hashlib.sha256).hexdigest(), given) for one in secrets]
    return match is not None and any(right)


@dataclass
class _Room:
    """Bytes of bodies that may be in memory together: strangers can send them too."""

    left: int = field(default=MOST_AT_ONCE)

    @asynccontextmanager
    async def taken(self, size: int) -> AsyncIterator[None]:
        """Room for one body. Raises Problem."""
        if size > self.left:
            raise Problem(503, "busy", "too many large deliveries arrive at once", headers={"Retry-After": "5"})
        self.left -= size
        try:
            yield
        finally:
            self.left += size


def webhooks(settings: Settings) -> Callable[[FastAPI, PostgresStore], None]:
    """What adds the route to the service. Raises Refused for secrets that are none."""
    secrets = secrets_of(settings)
    return lambda app, store: mount(app, PostgresDeliveries(Database(store.pool)), secrets)


def mount(app: FastAPI, deliveries: Deliveries, secrets: Sequence[bytes]) -> None:
    """Add the route to the service's application. Without a secret it takes nothing."""
    app.include_router(_router(deliveries, secrets, _Room()))


def _router(deliveries: Deliveries, secrets: Sequence[bytes], room: _Room) -> APIRouter:
    router = APIRouter()

    @router.post(WEBHOOKS, include_in_schema=False, name="github_webhook")
    async def webhook(request: Request) -> JSONResponse:
        """A delivery of GitHub."""
        _check_headers(request, secrets)
        async with room.taken(_declared(request)):
            body = await request.body()
            if not signed(body, request.headers.get("x-hub-signature-256", ""), secrets):
                raise Problem(401, "signature", "the delivery is not signed with the webhook's secret")
            name = request.headers["x-github-event"]
            delivery = await _read(name, request.headers["x-github-delivery"], body)
        if name == "ping":
            return JSONResponse({"status": "pong"}, 200)
        fresh = await deliveries.put(delivery)
        return JSONResponse({"status": "accepted" if fresh else "known"}, 202)

    return router


def _check_headers(request: Request, secrets: Sequence[bytes]) -> None:
    """What can be refused before a body is read. Raises Problem."""
    if not secrets:
        raise Problem(
            404, "not-found", "this service takes no webhooks: it was started without PATCHWRIGHT_GITHUB_SECRET"
        )
    headers = request.headers
    if headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise Problem(415, "media-type", "set the webhook's content type to application/json")
    if not _GUID.fullmatch(headers.get("x-github-delivery", "")) or not _NAME.fullmatch(
        headers.get("x-github-event", "")
    ):
        raise Problem(400, "headers", "X-GitHub-Delivery and X-GitHub-Event are missing or malformed")
    if not headers.get("x-hub-signature-256"):
        raise Problem(401, "signature", "the delivery is not signed: give the webhook a secret")


def _declared(request: Request) -> int:
    """The size of the body. One that comes in pieces may have any that is allowed."""
    size = request.headers.get("content-length", "")
    return min(int(size), MOST_BYTES) if size.isdecimal() else MOST_BYTES


async def _read(name: str, guid: str, body: bytes) -> Delivery:
    """The delivery in a signed body. Raises Problem."""
    if len(body) > SMALL:  # parsing takes long enough to be noticed by others
        return await asyncio.to_thread(_parsed, name, guid, body)
    return _parsed(name, guid, body)


def _parsed(name: str, guid: str, body: bytes) -> Delivery:
    try:
        whole = isinstance(orjson.loads(body), dict)
    except orjson.JSONDecodeError:
        whole = False
    if not whole:
        raise Problem(400, "malformed", "the body is no JSON object")
    digest = hashlib.sha256(name.encode() + b"\0" + body).hexdigest()
    return Delivery(digest=digest, guid=guid, name=name, event=event_of(name, body))
