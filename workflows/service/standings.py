"""The queue's figures, asked of the database beside the API: a scrape never waits for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from workflows.service.api.metrics import Metrics
from workflows.service.ports import StoreDown
from workflows.service.store.standing import Standings

EVERY_S = 5.0


@contextlib.asynccontextmanager
async def standing_kept(store: Standings, metrics: Metrics, every_s: float = EVERY_S) -> AsyncIterator[None]:
    """Keep the figures up to date while the context lasts."""
    keeping = asyncio.create_task(_keep(store, metrics, every_s), name="standing")
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


async def _keep(store: Standings, metrics: Metrics, every_s: float) -> None:
    while True:
        try:
            metrics.standing(await store.standing())
        except StoreDown:
            metrics.standing(None)
        await asyncio.sleep(every_s)
