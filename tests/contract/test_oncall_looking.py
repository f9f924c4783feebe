"""A look into an incident without a repository: files, an operator's commands, and what of them is not there."""

from __future__ import annotations

import datetime as dt
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tools.triage.topology import Topology
from workflows.oncall.configuration import Configuration
from workflows.oncall.looking import NothingToLookAt, cause_of, look
from workflows.oncall.values import Incident
from workflows.settings import Settings

BEGAN = 1_772_445_600  # 2026-03-02T10:00:00Z


def _lines(service: str) -> str:
    """Half an hour of requests; in the last five minutes the disk is full."""
    rows = []
    for second in range(0, 1800, 2):
        at = f"{dt.datetime.fromtimestamp(BEGAN + second, dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
        rows.append(f"{at} INFO {service} answered in {second % 7} ms")
        if second >= 1500:
            rows.append(f"{at} ERROR {service} cannot write the journal: No space left on device")
    return "\n".join(rows) + "\n"


def _incident(*services: str) -> Incident:
    return Incident(
        id="inc-1", seq=1, tenant="default", state="open", title="x", severity="", services=services, titles=("x",),
        messages=1, alerts=1, firing=1, flaps=0, since=BEGAN + 1600, until=BEGAN + 1600, storm=False, manual=False,
        merged="", opened=datetime.now(UTC), closed=None, revision=1, wanted=1, looks=0, attempts=1, note=None,
        cause="", problem="",
    )  # fmt: skip


async def test_files_and_commands_are_read_and_what_fails_is_said(tmp_path: Path) -> None:
    """The cause comes from what there is; it has an id, the same when it comes again."""
    (tmp_path / "orders.log").write_text(_lines("orders"))
    (tmp_path / "audit.log").write_text(_lines("audit"))
    configuration = Configuration.model_validate({
        "folder": tmp_path,
        "services": {
            "orders": {
                "logs": ["orders.log", "gone-*.log"], "deploys": "gone.jsonl", "repository": "nowhere",
                "commands": [["cat", str(tmp_path / "audit.log")], ["no-such-program"], ["false"]],
            }
        },
    })  # fmt: skip
    settings = Settings(home=tmp_path / "home", cache=tmp_path / "cache")
    note = await look(settings, configuration, Topology(), _incident("orders"), ())
    assert (note.cause, note.service) == ("infrastructure", "orders")
    assert "No space left" in note.to_json()
    said = " ".join(note.notes)
    for part in ("`no-such-program` cannot be started", "`false` ended with 1", "the repository cannot be cloned"):
        assert part in said
    assert "deploys: " in said
    assert cause_of(note)
    assert cause_of(note) == cause_of(await look(settings, configuration, Topology(), _incident("orders"), ()))


async def test_without_a_log_there_is_no_note(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", cache=tmp_path / "cache")
    for services in ({}, {"orders": {"logs": ["gone.log"]}}, {"orders": {"commands": [["true"]]}}):
        configuration = Configuration.model_validate({"folder": tmp_path, "services": services})
        with pytest.raises(NothingToLookAt):
            await look(settings, configuration, Topology(), _incident("orders"), ())
