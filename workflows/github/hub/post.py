"""Webhooks: signed, sent in order or in disorder, kept in the App's log of deliveries, sent again when asked to."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import json
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import httpx

from workflows.github.hub.things import now
from workflows.github.hub.world import App, World

ALWAYS = frozenset({"installation", "installation_repositories", "ping", "installation_target"})
_ANSWER_S, _KEPT = 10.0, 20_000


@dataclass(frozen=True)
class Delivery:
    """One attempt. code: what was answered, 0 for nothing; redelivery: the guid was delivered before."""

    id: int
    guid: str
    app: int
    event: str
    body: bytes
    action: str | None = None
    installation: int | None = None
    repository: int | None = None
    redelivery: bool = False
    code: int = 0
    status: str = "failed to connect to host"
    took_s: float = 0.0
    at: datetime = field(default_factory=now)


@dataclass
class Disorder:
    """How deliveries go wrong: the shares that come twice and that never come, and how many may overtake each other."""

    twice: float = 0.0
    lost: float = 0.0
    mixed: int = 1
    seed: int = 0


@dataclass
class Post:
    """Sends what the App subscribed to. One task works through `waiting`, so that order is kept."""

    world: World
    http: httpx.AsyncClient
    log: list[Delivery] = field(default_factory=list)
    disorder: Disorder = field(default_factory=Disorder)
    waiting: asyncio.Queue[Delivery] = field(default_factory=asyncio.Queue)
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(700_001))
    dice: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311 - no secret

    def upset(self, disorder: Disorder) -> None:
        """From now on, deliveries go wrong so."""
        self.disorder, self.dice = disorder, random.Random(disorder.seed)  # noqa: S311 - no secret

    def add(self, event: str, payload: dict[str, Any], installation: int | None, repository: int | None = None) -> None:
        """Deliver an event to the App of an installation, where it wants it."""
        known = self.world.installations.get(installation or 0)
        app = self.world.apps.get(known.app) if known else None
        if known is None or app is None or (event not in ALWAYS and (event not in app.events or known.suspended)):
            return
        told = {**payload, "installation": payload.get("installation") or {"id": known.id, "node_id": f"I_{known.id}"}}
        action = payload.get("action")
        made = Delivery(
            next(self.ids), str(uuid.uuid4()), app.id, event, json.dumps(told).encode(), action, known.id, repository
        )
        for _ in range(2 if self.dice.random() < self.disorder.twice else 1):
            self.waiting.put_nowait(made)

    def again(self, known: Delivery) -> None:
        """Send a delivery again, under its guid."""
        self.waiting.put_nowait(replace(known, id=next(self.ids), redelivery=True, at=now()))

    async def work(self) -> None:
        """Send until cancelled."""
        while True:
            batch = [await self.waiting.get()]
            while len(batch) < self.disorder.mixed and not self.waiting.empty():
                batch.append(self.waiting.get_nowait())
            self.dice.shuffle(batch)
            for one in batch:
                lost = not one.redelivery and self.dice.random() < self.disorder.lost
                self.log.append(one if lost else await self._sent(one))
                del self.log[:-_KEPT]
                self.waiting.task_done()

    async def _sent(self, one: Delivery) -> Delivery:
        app = self.world.apps.get(one.app)
        if app is None or not app.hook:
            return one
        began = asyncio.get_running_loop().time()
        try:
            answer = await self.http.post(app.hook, content=one.body, headers=headers(app, one), timeout=_ANSWER_S)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return replace(one, status="timed out" if isinstance(error, httpx.TimeoutException) else one.status)
        took = asyncio.get_running_loop().time() - began
        return replace(one, code=answer.status_code, status=answer.reason_phrase or "OK", took_s=round(took, 2))


def headers(app: App, one: Delivery) -> dict[str, str]:
    """What a delivery comes with."""
    signature = hmac.new(app.secret.encode(), one.body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json", "User-Agent": "GitHub-Hookshot/hub", "X-GitHub-Event": one.event,
        "X-GitHub-Delivery": one.guid, "X-GitHub-Hook-ID": str(one.app), "X-Hub-Signature-256": f"sha256={signature}",
        "X-GitHub-Hook-Installation-Target-ID": str(one.app),
        "X-GitHub-Hook-Installation-Target-Type": "integration",
    }  # fmt: skip
