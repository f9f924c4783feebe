"""Waiting for what others do: for the thing itself, for as long as a busy machine may take, and with what was seen
instead where it does not come about. One that passes takes none the longer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE_S = 120.0
EVERY_S = 0.05


def until(true: Callable[[], T | None], seen: Callable[[], object] = str) -> T:
    """What `true` gives once it is anything. Raises AssertionError with what was seen."""
    end = time.monotonic() + PATIENCE_S
    while not (found := true()):
        assert time.monotonic() < end, f"it did not come about within {PATIENCE_S:.0f} s: {seen()}"
        time.sleep(EVERY_S)
    return found


async def until_async(true: Callable[[], T | None], seen: Callable[[], object] = str, *, every_s: float = EVERY_S) -> T:
    """The same, while other tasks go on. every_s: 0 for a look at each turn of the loop."""
    end = time.monotonic() + PATIENCE_S
    while not (found := true()):
        assert time.monotonic() < end, f"it did not come about within {PATIENCE_S:.0f} s: {seen()}"
        await asyncio.sleep(every_s)
    return found


async def turns(count: int = 20) -> None:
    """So many turns of the loop: every task that can go on has done so, however long that took."""
    for _ in range(count):
        await asyncio.sleep(0)
