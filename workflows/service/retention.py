"""Runs that ended long ago, or for which there is no room, are removed: files, then checkpoints, events and rows."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import structlog

from sandbox.environment_cache import remove_tree
from workflows.service.files import Kept, Place
from workflows.settings import Settings

DAY_S = 86_400.0
MOST = 50
GB = 1e9
Key = tuple[str, str]  # tenant, run


class Lapsing(Protocol):
    """What of the store is needed here. Any call may raise StoreDown."""

    async def lapsed(self, age_s: float, most: int) -> tuple[tuple[str, str], ...]:
        """Runs that ended longer ago, as (tenant, id), for the caller to remove."""

    async def kept_runs(self) -> tuple[tuple[str, str, bool], ...]:
        """All runs that have ended, as (tenant, id, whether within the hour), the newest first."""

    async def excess(self, runs: Sequence[str]) -> tuple[Key, ...]:
        """Those of these runs that the caller may remove; the others are somebody's, or have something to tell yet."""

    async def forget(self, runs: Sequence[str]) -> None:
        """Remove their rows."""

    async def forget_audit(self, age_s: float) -> int:
        """Remove old lines of the audit; how many went."""


@dataclass
class Keeper:
    """kept: where files of runs are, beside their directories on this machine.

    Interrupted between files and rows, the next one goes on ten minutes later: rows go last.
    """

    store: Lapsing
    settings: Settings
    kept: Kept
    _sizes: dict[str, int] = field(default_factory=dict)  # what ended long ago stays as it is

    async def look(self) -> int:
        """Remove what is past its time or has no room now; how many runs went. Raises StoreDown, OSError."""
        old, gone = 0, 0
        age = self.settings.keep_days * DAY_S
        while self.settings.keep_days and (runs := await self.store.lapsed(age, MOST)):
            old += await self._removed(runs)
        while self.settings.keep_audit_days and await self.store.forget_audit(self.settings.keep_audit_days * DAY_S):
            pass
        if self.settings.keep_gb or self.settings.keep_tenant_gb:
            gone = await self._removed_for_room()
        if old or gone:
            structlog.get_logger().info("runs were removed", old=old, for_room=gone)
        return old + gone

    async def _removed(self, runs: Sequence[Key]) -> int:
        for tenant, run in runs:
            await self.kept.remove(Place(tenant, run))
            await asyncio.to_thread(_remove, self.settings.home / "runs" / run)
        await self.store.forget(tuple(run for _, run in runs))
        return len(runs)

    async def _removed_for_room(self) -> int:
        known = await self.store.kept_runs()
        self._sizes = {run: self._sizes[run] for _, run, young in known if run in self._sizes and not young}
        for tenant, run, _ in known:
            if run not in self._sizes:
                self._sizes[run] = await self.kept.blobs.size(Place(tenant, run))
        over = too_many(
            ((tenant, run, self._sizes[run]) for tenant, run, _ in known),
            whole=self.settings.keep_gb * GB, each=self.settings.keep_tenant_gb * GB,
        )  # fmt: skip
        gone = 0
        for at in range(0, len(over), MOST):
            gone += await self._removed(await self.store.excess(over[at : at + MOST]))
        return gone


def too_many(runs: Iterable[tuple[str, str, int]], *, whole: float, each: float) -> list[str]:
    """Runs that have no room beside newer ones, the oldest first.

    runs: (tenant, id, bytes), the newest first; whole, each: bytes of all and of one tenant, 0: any number. Where one
    has no room, none that is older than it has: what a tenant sees ends at some day, without holes.
    """
    over: list[str] = []
    used: Counter[str] = Counter()
    total = 0
    for tenant, run, size in runs:
        used[tenant] += size
        if each and used[tenant] > each:
            over.append(run)
            continue
        total += size
        if whole and total > whole:
            over.append(run)
    return over[::-1]


def _remove(folder: Path) -> None:
    if folder.is_dir():
        remove_tree(folder)
