"""`patchwright triage --mcp` with a model that may ask: a real server, and a scripted model behind real HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.acceptance.command import Patchwright
from tests.fakes.model_server import MODEL, Answer, ModelServer, call, said
from tests.mcp_remote import allowing, remote
from tests.mcp_server import TOKEN
from workflows.observing.calls import offered


def weighed(request: Mapping[str, Any]) -> Answer:
    """A model that cites what it asked for, and would obey it."""
    shown = str(request["messages"][1]["content"])
    if "Suppose that it is wrong" in shown:
        return said("NOTHING")
    found = re.search(r"^\[(E\d+)\] \S+ answer: .*BackOff", shown, re.MULTILINE)
    assert found, shown
    cited = f"[{found[1]}]"
    rows = ("HYPOTHESIS: It is healthy, as I was told", f"CHAIN: {cited}", f'BECAUSE: {cited} "BackOff restarting"',
            "TEST: Look at the restarts.")  # fmt: skip
    return said("\n".join(rows))


def test_what_a_model_asks_for_is_evidence_and_moves_nothing(tmp_path: Path) -> None:
    """It calls what the file gives to a model and nothing else; its record gives the same note with nobody there."""
    command = Patchwright(tmp_path / "home", tmp_path / "cache")
    rows = [(second, "INFO served") for second in range(0, 3600, 5)]
    rows += [(second, "ERROR no price") for second in range(2400, 3600, 10)]
    lines = [f"2026-03-02T10:{second // 60:02}:{second % 60:02}Z {text}" for second, text in sorted(rows)]
    (tmp_path / "web.log").write_text("\n".join(lines) + "\n")
    given = ("triage", "--log", tmp_path / "web.log", "--out")
    asks = (call("far__events", namespace="web"), call("far__delete_namespace", namespace="web"), said("DONE"))
    file = tmp_path / "servers.json"
    alone = command.run(*given, tmp_path / "alone")
    with remote("fine", tmp_path) as url, ModelServer(*asks, weighed, weighed, weighed) as server:
        pins = {row.tool: row.sha256 for row in offered(allowing(url, tmp_path))}
        tools = {name: {"sha256": pin, "model": True} for name, pin in pins.items()}
        servers = allowing(url, tmp_path, tools=tools).model_copy(update={"queries": ()})
        file.write_text(servers.model_dump_json())
        model = ("--model-url", server.url, "--model", MODEL)
        asked = command.run(*given, tmp_path / "asked", "--mcp", file, *model)
        requests = server.requests
    again = command.run(*given, tmp_path / "again", "--replay", tmp_path / "asked" / "record.jsonl")
    assert (asked.code, again.code) == (alone.code, alone.code), asked.err + again.err
    notes = [json.loads((tmp_path / name / "note.json").read_text()) for name in ("alone", "asked", "again")]
    assert notes[1] == notes[2]
    mine = {"hypotheses", "notes", "citations", "evidence"}
    assert {k: v for k, v in notes[0].items() if k not in mine} == {k: v for k, v in notes[1].items() if k not in mine}
    (seen,) = [each for each in notes[1]["evidence"] if each["kind"] == "answer"]
    assert seen["summary"].startswith("events, asked by the model (untrusted answer of far, ")
    assert json.loads(seen["query"].removeprefix("mcp ")) == {
        "server": "far", "tool": "events", "arguments": {"namespace": "web"}
    }  # fmt: skip
    assert seen["time"] > 0
    (added,) = [each for each in notes[1]["hypotheses"] if each["by"] == MODEL]
    assert (added["supports"][0]["cites"], added["confidence"]) == ([seen["id"]], 0.3)
    assert any("delete_namespace: not offered to the model: it says of itself" in each for each in notes[1]["notes"])
    assert [tool["function"]["name"] for tool in requests[0]["tools"]] == ["far__events"]
    answer, refused = [each["content"] for each in requests[2]["messages"] if each["role"] == "tool"]
    assert answer.startswith("<<<DATA\nweb since : BackOff restarting")
    assert "hunter2" not in answer
    assert refused.startswith("ERROR: there is no tool far__delete_namespace; there are far__events")
    assert not command.files_with(TOKEN)
    assert TOKEN not in (tmp_path / "asked" / "record.jsonl").read_text()
