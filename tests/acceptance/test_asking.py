"""`patchwright diagnose --ask` at a terminal: the run stops, asks, goes on with what was typed, and can be replayed."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from agent.asking import More
from agent.diagnose import Asked
from agent.domain import Limits, Request
from tests.acceptance.command import COMMAND, Patchwright
from tests.acceptance.repositories import FAILING, RIGHT_SHOP, SHOP, commit, git, repository
from tests.waiting import PATIENCE_S
from workflows.settings import Settings
from workflows.wiring import diagnose_run, keep_answer, new_run


async def test_what_a_person_tells_is_diagnosed_where_nothing_is_left_of_the_checkout(
    patchwright: Patchwright, tmp_path: Path
) -> None:
    """Green at the named revision; another one is told, then the tests there, each time with the directory gone."""
    repo = repository(tmp_path / "shop", RIGHT_SHOP)
    green = git(repo, "rev-parse", "HEAD")
    red = commit(repo, SHOP, "Break it")
    settings = Settings(home=patchwright.home, cache=patchwright.cache)
    limits = Limits(repeats=2, workers=1)
    request = Request(source=str(repo), rev=green, tests=(FAILING,), ask=True, limits=limits)
    run = new_run(settings, request, log=None, issue=None, patches=())
    for more in (More(rev=red, tests=(f"{FAILING}_of_all",)), More(tests=(FAILING,))):
        with pytest.raises(Asked) as asked:
            await diagnose_run(settings, run, lambda _: None)
        assert asked.value.question.subject == "information"
        keep_answer(run, asked.value.question, "message", more)
        shutil.rmtree(run.folder / "checkout")
    report = await diagnose_run(settings, run, lambda _: None)
    assert (report.outcome, report.repository["commit"]) == ("verified_patch", red)


def _typed(patchwright: Patchwright, typed: str, *arguments: str | Path) -> tuple[int, str]:
    """Exit code and screen of a command at a terminal of its own, where this was typed beforehand."""
    master, slave = pty.openpty()
    os.write(master, typed.encode())
    process = subprocess.Popen(
        [str(COMMAND), *map(str, arguments)], env=patchwright.environment({}), cwd=patchwright.user, stdin=slave,
        stdout=slave, stderr=slave, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    screen, end = b"", time.monotonic() + 150
    while time.monotonic() < end:
        try:
            screen += os.read(master, 1 << 16)
        except OSError:  # its last reader is gone
            break
    os.close(master)
    code = process.wait(PATIENCE_S)
    patchwright.assert_nothing_left(process.pid)
    return code, screen.decode("utf-8", "replace")


def test_what_is_typed_is_what_the_run_goes_on_with(patchwright: Patchwright, tmp_path: Path) -> None:
    """The named test does not exist; the one that was meant is typed, and its failure is mended."""
    repo = repository(tmp_path / "shop")
    code, screen = _typed(
        patchwright, f"{FAILING}\n\n\nthe cheapest of several is wrong\n", "diagnose", repo, "--ask", "--test",
        "tests/test_prices.py::test_nothing",
    )  # fmt: skip
    assert code == 0, screen
    assert "The run asks" in screen
    assert "VERIFIED PATCH" in screen
    (run,) = (patchwright.home / "runs").iterdir()
    assert patchwright.run("replay", run.name).code == 0
