"""A loader that cron starts and a portal under mod_wsgi: `patchwright triage` and `logs` on what they write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command import Patchwright
from tests.incidents.bench import Ran
from tests.incidents.nights import NIGHTS

BY_NAME = {night.name: night for night in NIGHTS}


@pytest.fixture
def command(tmp_path: Path) -> Patchwright:
    return Patchwright(tmp_path / "home", tmp_path / "cache")


def _note(command: Patchwright, ran: Ran, *more: str | Path) -> dict[str, Any]:
    logs = [part for path in sorted(ran.logs.glob("*.log")) for part in ("--log", path)]
    ended = command.run("triage", *logs, "--repo", ran.repo, *more, "--out", command.folder / "note")
    assert ended.code == 2, ended.err
    read: dict[str, Any] = json.loads((command.folder / "note" / "note.json").read_text())
    assert read["citations"].startswith("All ")
    return read


def test_traces_that_threads_tore_apart_and_rollouts_in_events(command: Patchwright, tmp_path: Path) -> None:
    """The commit of a merged branch, by `kubectl get events -o json`; which share of requests fails, and where."""
    ran = BY_NAME["monthly"].play(tmp_path / "ran")
    note = _note(command, ran, "--deploys", ran.deploys)
    assert note["suspects"][0]["commit"] == ran.culprit
    assert "It fails in bill, portal/pages.py:37: `KeyError: 'month'`." in [each["text"] for each in note["summary"]]
    said = " ".join(each["text"] for each in note["blast"])
    assert "portal-access: 23 % of requests" in said
    assert "Hit: `GET /bill` 52 %" in said


def test_days_before_months_are_settled_by_the_other_logs(command: Patchwright, tmp_path: Path) -> None:
    """The loader writes 04/03/2026: alone it can be either, beside Apache's logs it is March."""
    ran = BY_NAME["indexes"].play(tmp_path / "ran")
    note = _note(command, ran)
    assert note["suspects"][0]["commit"] == ran.culprit
    assert "the day is first" in " ".join(note["notes"])
    alone = command.run("logs", ran.logs / "night.log")
    assert "nothing in the log decides it" in alone.out
    assert "2026-04-03" in alone.out
    asked = command.run("logs", ran.logs / "night.log", "--dates", "day-first")
    assert "2026-03-04" in asked.out
    assert "nothing in the log" not in asked.out
