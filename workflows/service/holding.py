"""Work on something that belongs to a process while it gives signs of life."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from workflows.service.ports import StoreDown


async def held(work: Coroutine[Any, Any, None], hold: Callable[[], Awaitable[bool]], lease_s: float) -> bool:
    """Do the work while `hold`, asked three times in a lease, says that it is still ours; False when it was not.

    Raises what the work raises. A database that is away for a moment takes nothing from anybody.
    """
    working = asyncio.create_task(work)
    holding = asyncio.create_task(_hold(working, hold, lease_s / 3))
    try:
        await asyncio.wait({working})
        if not working.cancelled():
            working.result()
        return not working.cancelled()
    finally:
        for task in (working, holding):
            task.cancel()
        await asyncio.gather(working, holding, return_exceptions=True)


async def _hold(working: asyncio.Task[None], hold: Callable[[], Awaitable[bool]], every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        with contextlib.suppress(StoreDown):
            if not await hold():
                working.cancel()
                return
