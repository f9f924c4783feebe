"""The service while its machines fail: `python -m tests.chaos`, shorter than by hand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_runs_finish_once_each_while_workers_die_and_the_database_restarts() -> None:
    command = (sys.executable, "-m", "tests.chaos", "--runs", "8", "--seconds", "45")
    ended = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=500, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "8 runs finished once each" in ended.stdout
