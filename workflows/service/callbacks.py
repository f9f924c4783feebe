"""Callbacks: whoever submitted a run with a URL is told of its end, and when it asks, at least once, signed.

Messages and signatures are those of Standard Webhooks (https://github.com/standard-webhooks/standard-webhooks), so that
its libraries verify them. The schedule stands in the database: any worker sends what is due.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import os
import random
import secrets
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import httpx
import structlog

from workflows.service.bodies import view
from workflows.service.fetch import Hosts, Resolve, Resolver, UrlRefused, check_callback
from workflows.service.ports import StoreDown
from workflows.service.store.lifecycle import Leased
from workflows.service.values import Approval, CallbackState, Run
from workflows.settings import Settings, split

PAUSES_S = (5, 300, 1_800, 7_200, 18_000, 36_000, 36_000)  # after each try; then it is given up, a day later
SEND_S = 15.0
LEASE_S = 60.0
POLL_S = 2.0
KEY_S = 60.0
SHARE = 2  # callbacks of one tenant on their way at the same time
SENDERS = 4
GONE = 410
KEY_FILE = "callback.key"
END = "ended"
ANSWERED = "it was answered before it could be told"


class Outbox(Protocol):
    """What of the store is needed here."""

    async def lease(self, lease_s: float, share: int) -> Leased | None:
        """A callback to send now."""

    async def settle(
        self, leased: Leased, state: CallbackState, *, status: int | None, problem: str = "", pause_s: float = 0.0
    ) -> None:
        """Keep how a try went."""

    async def run(self, tenant: str, run: str) -> Run | None:
        """The run it is about."""

    async def approvals(self, tenant: str, run: str) -> tuple[Approval, ...]:
        """What it asked."""


def secret_of(key: bytes, tenant: str) -> str:
    """What a tenant's callbacks are signed with: of one tenant nothing follows about another."""
    derived = hmac.digest(key, b"callbacks of " + tenant.encode(), hashlib.sha256)
    return f"whsec_{base64.b64encode(derived).decode()}"


def key_of(settings: Settings) -> bytes:
    """The service's own key, made when it is first needed. All nodes share it. Raises OSError."""
    path = settings.callback_key_file or settings.home / KEY_FILE
    with contextlib.suppress(FileNotFoundError):
        return _read(path)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    mine = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(32))
    try:
        with contextlib.suppress(FileExistsError):  # another node was first
            os.link(mine, path)
    finally:
        mine.unlink()
    return _read(path)


def _read(path: Path) -> bytes:
    key = path.read_bytes().strip()
    if len(key) < 32:
        raise OSError(f"{path}: the key of callbacks must have 32 characters or more")
    return key


def signed(secret: str, message: str, at: int, body: bytes) -> dict[str, str]:
    """The headers of a message. at: seconds since 1970."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mark = hmac.digest(key, f"{message}.{at}.".encode() + body, hashlib.sha256)
    return {
        "webhook-id": message, "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{base64.b64encode(mark).decode()}",
        "content-type": "application/json", "user-agent": "patchwright",
    }  # fmt: skip


def message_of(run: Run, asked: Approval | None = None) -> bytes:
    """What is told: the run as its tenant sees it, with what it asks where it waits for an answer."""
    data = view(run).model_dump(mode="json")
    told = {"type": "diagnosis.ended", "timestamp": _zoned(run.finished), "data": data}
    if asked:
        data["approval"] = asked.model_dump(mode="json", exclude={"detail"})
        told = {"type": "diagnosis.waiting", "timestamp": _zoned(asked.asked), "data": data}
    return json.dumps(told, separators=(",", ":")).encode()


def _zoned(at: datetime | None) -> str:
    return (at or datetime.now(UTC)).astimezone(UTC).isoformat()


@dataclass(frozen=True)
class Tried:
    """How a try went. status: of the answer, None when there was none."""

    status: int | None
    problem: str = ""


@dataclass(frozen=True)
class Sender:
    """Sends what is due. pauses_s: seconds after each try that failed; when they are over it is given up; tried: told
    how each try went.
    """

    outbox: Outbox
    key: bytes
    hosts: Hosts
    resolve: Resolve
    pauses_s: tuple[float, ...] = PAUSES_S
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    tried: Callable[[CallbackState], object] = str

    async def one(self) -> bool:
        """Send one, if any is due. Raises StoreDown."""
        leased = await self.outbox.lease(LEASE_S, SHARE)
        if leased is None:
            return False
        tried = await self._try(leased)
        state = self._state(leased, tried)
        pause = self.pauses_s[leased.tries - 1] * random.uniform(1.0, 1.2) if state == "due" else 0.0  # noqa: S311
        await self.outbox.settle(leased, state, status=tried.status, problem=tried.problem, pause_s=pause)
        self.tried(state)
        log = structlog.get_logger().bind(run=leased.run, message=leased.id, tries=leased.tries, status=tried.status)
        log.info("a callback was tried", state=state, problem=tried.problem)
        return True

    async def _try(self, leased: Leased) -> Tried:
        run = await self.outbox.run(leased.tenant, leased.run)
        if run is None:
            return Tried(None, "its run is gone")
        if leased.about == END:
            return await self._sent(leased, message_of(run))
        asked = [one for one in await self.outbox.approvals(leased.tenant, leased.run) if one.id == leased.about]
        if not asked or asked[0].decision:
            return Tried(None, ANSWERED)
        return await self._sent(leased, message_of(run, asked[0]))

    def _state(self, leased: Leased, tried: Tried) -> CallbackState:
        if not tried.problem:
            return "delivered"
        if tried.problem == ANSWERED:
            return "given_up"
        return "given_up" if tried.status == GONE or leased.tries > len(self.pauses_s) else "due"

    async def _sent(self, leased: Leased, body: bytes) -> Tried:
        headers = signed(secret_of(self.key, leased.tenant), leased.id, int(time.time()), body)
        try:
            async with asyncio.timeout(SEND_S):
                addresses = await check_callback(leased.url, self.hosts, self.resolve)
                status = await self._posted(leased.url, addresses[0], body, headers)
        except UrlRefused as error:
            return Tried(None, str(error))
        except TimeoutError:
            return Tried(None, f"no answer within {SEND_S:.0f} s")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return Tried(None, f"no answer: {type(error).__name__}")
        return Tried(status, "" if httpx.codes.is_success(status) else f"answered with {status}")

    async def _posted(self, url: str, address: str, body: bytes, headers: dict[str, str]) -> int:
        """Send to this very address: the name could lead elsewhere by now. Redirects are not followed."""
        parts = urlsplit(url)
        literal = f"[{address}]" if ":" in address else address
        place = f"{literal}:{parts.port}" if parts.port else literal
        client = httpx.AsyncClient(verify=self.tls, trust_env=False, follow_redirects=False, timeout=SEND_S)
        extensions = {"sni_hostname": parts.hostname or ""}
        target = parts._replace(netloc=place).geturl()
        named = {"host": parts.netloc, **headers}
        async with client, client.stream("POST", target, content=body, headers=named, extensions=extensions) as answer:
            return answer.status_code


async def send(outbox: Outbox, settings: Settings, tried: Callable[[CallbackState], object] = str) -> None:
    """Send callbacks until cancelled. tried: told how each try went."""
    key = await _key(settings)
    hosts = Hosts(split(settings.git_hosts), settings.private_hosts)
    sender = Sender(outbox, key, hosts, Resolver(), tried=tried)
    async with asyncio.TaskGroup() as group:
        for _ in range(SENDERS):
            group.create_task(_sending(sender))


async def _key(settings: Settings) -> bytes:
    while True:
        try:
            return await asyncio.to_thread(key_of, settings)
        except OSError as error:
            structlog.get_logger().error("no callback is sent without the key that signs them", why=str(error))
        await asyncio.sleep(KEY_S)


async def _sending(sender: Sender) -> None:
    while True:
        try:
            while await sender.one():
                pass
        except StoreDown as error:
            structlog.get_logger().warning("no callback is sent while the database is away", why=str(error))
        await asyncio.sleep(POLL_S * random.uniform(0.8, 1.2))  # noqa: S311 - not all at the same moment
