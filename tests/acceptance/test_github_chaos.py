"""The bot while its processes are killed: `python -m tests.github_chaos`, shorter than by hand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_each_failure_is_told_once_while_receiver_bots_publishers_and_worker_are_killed(cache: Path) -> None:
    """Deliveries come twice, late and in any order; the processes die by SIGKILL until what is said is final."""
    command = (sys.executable, "-m", "tests.github_chaos", "--pulls", "2", "--deliveries", "40", "--kills", "5")
    ended = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=500, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "each failure has one case, one diagnosis and one final comment" in ended.stdout
