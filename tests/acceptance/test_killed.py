"""Runs on the real Docker engine that are killed at random points leave nothing; `tests.killed` kills more."""

from __future__ import annotations

from pathlib import Path

from tests.killed import killed


def test_killed_runs_and_builds_leave_nothing_after_the_next_reaper(tmp_path: Path) -> None:
    assert killed(tmp_path, 6, seed=3) == []
