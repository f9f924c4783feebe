"""`patchwright diagnose --ask` at a terminal: the run stops, asks, goes on with what was typed, and can be replayed."""

from __future__ import annotations

import os
import pty
import subprocess
import time
from pathlib import Path

from tests.acceptance.command import COMMAND, Patchwright
from tests.acceptance.repositories import FAILING, repository


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
    code = process.wait(10)
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
