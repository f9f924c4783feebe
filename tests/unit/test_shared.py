"""One question for all who ask the same at the same moment, and nobody hears what was true before they asked."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from tests.waiting import turns
from workflows.service.store.shared import Shared
from workflows.service.sweeping import sweep


async def test_many_askers_are_one_question_and_none_misses_what_came_during_it() -> None:
    shared, gate, true, asked = Shared[int](), asyncio.Event(), 1, 0

    async def question() -> int:
        nonlocal asked
        asked += 1
        found = true
        await gate.wait()
        return found

    early = [asyncio.create_task(shared.ask("k", question)) for _ in range(20)]
    await turns()
    true = 2  # after the question was put, before it is answered
    late = [asyncio.create_task(shared.ask("k", question)) for _ in range(20)]
    await turns()
    gate.set()
    assert await asyncio.gather(*early) == [1] * 20
    assert await asyncio.gather(*late) == [2] * 20
    assert asked == 2


async def test_an_error_is_everybodys_and_not_the_next_ones() -> None:
    shared = Shared[int]()

    async def fails() -> int:
        raise OSError("away")

    async def works() -> int:
        return 1

    failed = await asyncio.gather(*(shared.ask("k", fails) for _ in range(3)), return_exceptions=True)
    assert [type(error) for error in failed] == [OSError] * 3
    assert await shared.ask("k", works) == 1


async def test_one_asker_that_goes_away_takes_nothing_from_the_others() -> None:
    shared, gate = Shared[int](), asyncio.Event()

    async def question() -> int:
        await gate.wait()
        return 1

    gone, stays = (asyncio.create_task(shared.ask("k", question)) for _ in range(2))
    await turns()
    gone.cancel()
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert await stays == 1


def test_uploads_are_removed_when_no_run_needs_them(tmp_path: Path) -> None:
    """Those of live runs and those that may still become one stay."""
    for name in ("needed", "ended", ".part-killed", "young"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub" / "file").write_text("x")
    old = time.time() - 7200
    for name in ("needed", "ended", ".part-killed"):
        os.utime(tmp_path / name, (old, old))
    assert sweep(tmp_path, {"needed"}) == 2
    assert {path.name for path in tmp_path.iterdir()} == {"needed", "young"}
    assert sweep(tmp_path / "nowhere", ()) == 0
