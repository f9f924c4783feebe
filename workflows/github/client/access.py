"""Tokens of installations: one for each repository and set of permissions, kept while they are good."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from workflows.github.client.answers import Unproved
from workflows.github.client.credentials import AppKey
from workflows.github.client.shapes import Scoped, shaped
from workflows.github.client.wire import Answer, Call, Wire
from workflows.github.forge import Forbidden, Unreadable
from workflows.github.values import Place

_SPARE_S = 300.0
_MOST_KEPT = 500
READ: Mapping[str, str] = {
    "actions": "read", "checks": "read", "contents": "read", "issues": "read", "metadata": "read",
    "pull_requests": "read",
}  # fmt: skip


@dataclass(frozen=True, repr=False)
class Kept:
    """A token and when it ends, in seconds since the epoch. Never shown."""

    token: str
    ends: float


class Access:
    """Requests in the name of the App and of its installations.

    writes: whether it may ever ask for a permission that writes; without, such a call ends in Forbidden here.
    """

    def __init__(self, wire: Wire, key: AppKey, *, writes: bool) -> None:
        self.wire = wire
        self.writes = writes
        self._key = key
        self._tokens: dict[tuple[int, int, tuple[tuple[str, str], ...]], Kept] = {}
        self._locks: dict[int, asyncio.Lock] = {}

    @property
    def app(self) -> int:
        """The App's id."""
        return self._key.app

    async def as_app(self, call: Call) -> Answer:
        """Ask with the App's JWT; once more by the forge's clock, where ours was the trouble."""
        try:
            return await self.wire.ask(self._signed(call))
        except Unproved:
            if self.wire.clock.ahead_s == 0.0:
                raise
            return await self.wire.ask(self._signed(call))

    async def ask(self, place: Place, call: Call, permissions: Mapping[str, str] = READ) -> Answer:
        """Ask with a token for this repository alone; once more with a new one, where it ended early."""
        token = await self.token(place, permissions)
        try:
            return await self.wire.ask(replace(call, token=token, who=place.installation))
        except Unproved:
            self.forget(token)
            again = await self.token(place, permissions)
            return await self.wire.ask(replace(call, token=again, who=place.installation))

    async def token(self, place: Place, permissions: Mapping[str, str] = READ) -> str:
        """A token that is good for five minutes at least. Raises ForgeError."""
        if not self.writes and "write" in permissions.values():
            raise Forbidden("this process may only read")
        key = (place.installation, place.id, tuple(sorted(permissions.items())))
        async with self._locks.setdefault(place.installation, asyncio.Lock()):
            known = self._tokens.get(key)
            if known is None or known.ends - self.wire.clock.now() < _SPARE_S:
                known = await self._mint(place, permissions)
                while len(self._tokens) >= _MOST_KEPT:
                    self._tokens.pop(next(iter(self._tokens)))
                self._tokens[key] = known
        return known.token

    def forget(self, token: str) -> None:
        """A token that is not good any more."""
        self._tokens = {key: kept for key, kept in self._tokens.items() if kept.token != token}

    async def _mint(self, place: Place, permissions: Mapping[str, str]) -> Kept:
        body: dict[str, Any] = {"repository_ids": [place.id], "permissions": dict(permissions)}
        path = f"/app/installations/{place.installation}/access_tokens"
        made = shaped(Scoped, (await self.as_app(Call("POST", path, "", body=body))).json())
        wider = [name for name, level in made.permissions.items() if level != "read" and permissions.get(name) != level]
        if wider and not self.writes:
            raise Unreadable("GitHub gave a token that may do more than was asked for")
        return Kept(made.token.get_secret_value(), _seconds(made.expires_at))

    def _signed(self, call: Call) -> Call:
        return replace(call, token=self._key.token(self.wire.clock.now()))


def _seconds(at: datetime) -> float:
    return at.timestamp()
