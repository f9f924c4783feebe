"""Runs that ended long ago are removed: their files, then their checkpoints, events and rows."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Protocol

import structlog

from sandbox.environment_cache import remove_tree
from workflows.service.files import Kept, Place
from workflows.settings import Settings

DAY_S = 86_400.0
MOST = 50


class Lapsing(Protocol):
    """What of the store is needed here. Any call may raise StoreDown."""

    async def lapsed(self, age_s: float, most: int) -> tuple[tuple[str, str], ...]:
        """Runs that ended longer ago, as (tenant, id), for the caller to remove."""

    async def forget(self, runs: tuple[str, ...]) -> None:
        """Remove their rows."""

    async def forget_audit(self, age_s: float) -> int:
        """Remove old lines of the audit; how many went."""


async def lapse(store: Lapsing, settings: Settings, kept: Kept) -> int:
    """Remove what is older than the settings keep; how many runs went. Raises StoreDown, OSError.

    kept: where files of runs are, beside their directories on this machine.

    Interrupted between files and rows, the next one goes on ten minutes later: rows go last.
    """
    gone = 0
    while settings.keep_days and (runs := await store.lapsed(settings.keep_days * DAY_S, MOST)):
        for tenant, run in runs:
            await kept.remove(Place(tenant, run))
            await asyncio.to_thread(_remove, settings.home / "runs" / run)
        await store.forget(tuple(run for _, run in runs))
        gone += len(runs)
    while settings.keep_audit_days and await store.forget_audit(settings.keep_audit_days * DAY_S):
        pass
    if gone:
        structlog.get_logger().info("runs that ended long ago were removed", runs=gone)
    return gone


def _remove(folder: Path) -> None:
    if folder.is_dir():
        remove_tree(folder)
