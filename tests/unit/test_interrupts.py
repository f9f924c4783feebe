from __future__ import annotations

import asyncio
import os
import signal

import pytest

from workflows import interrupts
from workflows.interrupts import Interrupted


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_cancels_and_awaits_the_work(number: signal.Signals, code: int) -> None:
    """What the work does to clean up is finished before the end is reported."""
    log: list[str] = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), number)
            await asyncio.sleep(30)
        finally:
            await asyncio.sleep(0.01)
            log.append("cleaned up")

    with pytest.raises(Interrupted) as caught:
        interrupts.run(work(), log.append)
    assert caught.value.code == code
    assert log[0].startswith(number.name)
    assert log[1:] == ["cleaned up"]
    assert signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler)


def test_a_result_and_an_error_pass_through() -> None:
    async def work(fail: bool) -> int:
        await asyncio.sleep(0)
        if fail:
            raise LookupError("gone")
        return 7

    assert interrupts.run(work(fail=False), print) == 7
    with pytest.raises(LookupError):
        interrupts.run(work(fail=True), print)
