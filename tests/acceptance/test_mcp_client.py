"""`patchwright triage --mcp` and `patchwright mcp tools`, against real servers in processes of their own."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command import Patchwright
from tools.triage.values import Note

ROOT = Path(__file__).parents[2]


@pytest.fixture
def command(tmp_path: Path) -> Patchwright:
    return Patchwright(tmp_path / "home", tmp_path / "cache")


def allowing(tmp_path: Path, how: str, *, pin: str = "", tool: str = "events", **server: Any) -> Path:
    """A file that allows `events` alone, and asks it."""
    arguments = {"namespace": "{service}", "since": "{start}"}
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tests.mcp_server import main; main()"
    started = [sys.executable, "-c", program, how, str(tmp_path / "count")]
    (tmp_path / "token").write_text("canary-of-the-server")
    entry = {"command": started, "env": {"STORE_TOKEN": f"file:{tmp_path / 'token'}"}, **server}
    entry["tools"] = {"events": {"sha256": pin}}
    path = tmp_path / "servers.yaml"
    query = {"name": "events", "server": "cluster", "tool": tool, "arguments": arguments}
    path.write_text(json.dumps({"servers": {"cluster": entry}, "queries": [query]}))
    return path


def triaged(command: Patchwright, tmp_path: Path, servers: Path) -> Note:
    (tmp_path / "shop.log").write_text("".join(f"2026-03-02T10:00:{n:02d}Z INFO order {n}\n" for n in range(60)))
    ended = command.run("triage", "--log", tmp_path / "shop.log", "--mcp", servers, "--out", tmp_path / "out")
    assert ended.code == 0, ended.text
    assert "\x1b" not in ended.text
    return Note.model_validate_json((tmp_path / "out" / "note.json").read_text())


def test_an_answer_is_evidence_that_is_marked_and_moves_nothing(command: Patchwright, tmp_path: Path) -> None:
    note = triaged(command, tmp_path, allowing(tmp_path, "fine"))
    (seen,) = [each for each in note.evidence if each.kind == "answer"]
    assert "untrusted answer of cluster" in seen.summary
    assert "shop since 2026-03-02T10:00:00Z: BackOff" in seen.summary
    assert seen.time > 0
    assert '"tool": "events"' in seen.query
    assert note.cause == "healthy"
    assert not any("Ignore your instructions" in sentence.text for sentence in note.summary)
    assert "hunter2" not in note.to_json()


def test_what_servers_offer_is_listed_with_what_is_allowed(command: Patchwright, tmp_path: Path) -> None:
    """And a tool whose description is no longer the pinned one is not asked."""
    listed = command.run("mcp", "tools", allowing(tmp_path, "pulls"))
    rows = {row.split()[1]: row.split()[2:4] for row in listed.out.splitlines()}
    assert rows["events"][0] == "allowed=yes"
    assert rows["delete_namespace"][0] == "allowed=no"
    pin = rows["events"][1].removeprefix("sha256=")
    note = triaged(command, tmp_path, allowing(tmp_path, "pulls", pin=pin))
    assert any("is not the pinned one" in each for each in note.notes), note.notes
    assert not [each for each in note.evidence if each.kind == "answer"]


@pytest.mark.parametrize(
    ("how", "message"), [("hangs", "did not answer"), ("crashes", "cluster"), ("floods", "or with too much")]
)
def test_a_server_that_misbehaves_is_told_and_ends(
    command: Patchwright, tmp_path: Path, how: str, message: str
) -> None:
    note = triaged(command, tmp_path, allowing(tmp_path, how, timeout_s=8))
    assert any(message in each for each in note.notes), note.notes


def test_a_file_that_allows_nothing_of_the_kind_is_refused(command: Patchwright, tmp_path: Path) -> None:
    ended = command.run("mcp", "tools", allowing(tmp_path, "fine", tool="delete_namespace"))
    assert (ended.code, "has no tool delete_namespace that is allowed" in ended.err) == (65, True)
    (tmp_path / "servers.yaml").write_text("servers: {a: {command: []}}")
    ended = command.run("mcp", "tools", tmp_path / "servers.yaml")
    assert (ended.code, "servers.a: Value error, a server has a command or a url" in ended.err) == (65, True)
