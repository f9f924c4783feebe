"""Running a coroutine that Ctrl-C and SIGTERM cancel cleanly: awaited to its end, so that it leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from workflows.exits import SIGNALLED

T = TypeVar("T")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):
    """A signal ended the work; everything inside it was cancelled and has ended."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.code = SIGNALLED + number


def run(work: Coroutine[Any, Any, T], notice: Callable[[str], None]) -> T:
    """The result of `work`. The first signal cancels it and is told to `notice`; a second one ends the process.

    Raises Interrupted when a signal ended it, and what `work` raises.
    """
    return asyncio.run(_guarded(work, notice))


async def _guarded(work: Coroutine[Any, Any, T], notice: Callable[[str], None]) -> T:
    task = asyncio.ensure_future(work)
    received: list[int] = []

    def stop(number: int) -> None:
        if received:
            os._exit(SIGNALLED + number)  # sandboxes die with their parent
        received.append(number)
        notice(f"{signal.Signals(number).name}: stopping (again to stop at once)")
        task.cancel()

    loop = asyncio.get_running_loop()
    watched = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]  # nohup stays nohup
    for number in watched:
        loop.add_signal_handler(number, stop, number)
    try:
        return await task
    except asyncio.CancelledError:
        if received:
            raise Interrupted(received[0]) from None
        raise
    finally:
        for number in watched:
            loop.remove_signal_handler(number)
