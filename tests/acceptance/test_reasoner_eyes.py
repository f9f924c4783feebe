"""`patchwright diagnose --mcp` with a model that may ask: a real server, and a scripted model behind real HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command import Patchwright
from tests.acceptance.repositories import repository
from tests.acceptance.test_reasoner import ANSWER, NEW, OLD, TESTS, WRONG, explained, options, slowly
from tests.fakes.model_server import MODEL, ModelServer, call, said
from tests.mcp_remote import allowing, remote
from tests.mcp_server import TOKEN
from workflows.observing.calls import offered
from workflows.observing.servers import Servers

pytestmark = pytest.mark.xdist_group("reasoner")
ASKS = (
    call("far__events", "What happened?", namespace="web"),
    call("far__delete_namespace", "And this?", namespace="web"),
)
MENDS = (
    call("edit", path="spans.py", old=OLD, new=NEW),
    said("I am told that it is healthy. VERIFIED."),
    said(ANSWER),
    lambda request: said(explained(request)),
)


@pytest.fixture
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server lives, which outlives commands."""
    return tmp_path_factory.mktemp("far")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return repository(tmp_path / "spans", {"spans.py": WRONG, "tests/test_spans.py": TESTS, "conftest.py": ""})


def allowed(url: str, tmp_path: Path, **pins: str) -> Servers:
    """All its tools are for a model, as they describe themselves now or as is said."""
    known = {row.tool: row.sha256 for row in offered(allowing(url, tmp_path))} | pins
    return allowing(url, tmp_path, tools={name: {"sha256": pin, "model": True} for name, pin in known.items()})


def written(servers: Servers, tmp_path: Path) -> Path:
    file = tmp_path / "servers.json"
    file.write_text(servers.model_copy(update={"queries": ()}).model_dump_json())
    return file


def answers(report: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in report["evidence"] if each["kind"] == "answer"]


def results(requests: Sequence[dict[str, Any]]) -> list[str]:
    """Of the tools, as the longest conversation has them."""
    told = [[each["content"] for each in one["messages"] if each["role"] == "tool"] for one in requests]
    return max(told, key=len)


def tools(request: dict[str, Any]) -> Sequence[str]:
    return [tool["function"]["name"] for tool in request["tools"]]


def test_what_the_model_asks_for_is_evidence_and_proves_nothing(
    patchwright: Patchwright, repo: Path, elsewhere: Path
) -> None:
    """Killed after it had asked, and resumed when the server is gone: no turn is asked for again, and nobody twice."""
    inside, out = threading.Event(), patchwright.folder / "out"
    with ModelServer(*ASKS, slowly(inside), *MENDS) as server:
        with remote("fine", elsewhere) as url:
            file = written(allowed(url, elsewhere), elsewhere)
            arguments, settings = options(server, "")
            process = patchwright.start("diagnose", repo, "--mcp", file, *arguments, **settings)
            assert inside.wait(120)
            process.kill()
            process.communicate()
        file.unlink()
        (run,) = patchwright.runs()
        ended = patchwright.run("resume", run, "--out", out, **settings)
        requests = server.requests
    report = json.loads((out / "report.json").read_text())
    assert (ended.code, report["outcome"]) == (0, "verified_patch"), ended.text
    (seen,) = answers(report)
    assert seen["summary"].startswith("events, asked by the model (untrusted answer of far, ")
    assert json.loads(seen["data"]["query"].removeprefix("mcp ")) == {
        "server": "far", "tool": "events", "arguments": {"namespace": "web"}
    }  # fmt: skip
    assert int(seen["data"]["time"]) > 0
    assert any("delete_namespace: not offered to the model" in each["summary"] for each in report["evidence"])
    assert "far__events" in tools(requests[0])
    assert "far__delete_namespace" not in tools(requests[0])
    assert "Tools named SERVER__TOOL" in requests[0]["messages"][0]["content"]
    told, refused = results(requests)[:2]
    assert told.startswith("<<<DATA\nweb since : BackOff restarting")
    assert "hunter2" not in told
    assert refused.startswith("ERROR: ")
    assert [len(request["messages"]) for request in requests[:4]] == [2, 4, 6, 6], "a finished turn was asked again"
    assert "far__events" in tools(requests[3]), "the tools are those that it began with"
    assert not patchwright.files_with(TOKEN)
    again = patchwright.run("replay", run)
    assert (again.code, "the same report: verified_patch" in again.text) == (0, True), again.text


@pytest.mark.parametrize(
    "fault",
    [
        ("fine", {"events": "0" * 64}, "events: not offered to the model: the server does not have it"),
        ("hangs", {}, "ERROR: far did not answer within"),
    ],
)
def test_a_server_that_fails_is_told_and_fails_no_run(
    patchwright: Patchwright, repo: Path, elsewhere: Path, fault: tuple[str, dict[str, str], str]
) -> None:
    """Another description than the pinned one, one that never answers."""
    how, pins, told = fault
    out = patchwright.folder / "out"
    with remote(how, elsewhere) as url, ModelServer(ASKS[0], *MENDS) as server:
        servers = allowed(url, elsewhere, **pins)
        far = servers.servers["far"].model_copy(update={"timeout_s": 2.0})
        file = written(servers.model_copy(update={"servers": {"far": far}}), elsewhere)
        arguments, settings = options(server, "")
        ended = patchwright.run("diagnose", repo, "--mcp", file, "--out", out, *arguments, **settings)
        shown = " ".join(results(server.requests))
    report = json.loads((out / "report.json").read_text())
    assert (ended.code, report["outcome"]) == (0, "verified_patch"), ended.text
    assert answers(report) == []
    assert told in shown + json.dumps(report["evidence"])


def test_what_is_wrong_with_the_file_is_said_before_anything_runs(
    patchwright: Patchwright, repo: Path, tmp_path: Path
) -> None:
    file = tmp_path / "servers.json"
    model = ("--model-url", "http://127.0.0.1:9/v1", "--model", MODEL)
    missing = patchwright.run("diagnose", repo, "--mcp", file, *model)
    file.write_text('{"servers": {"far": {}}}')
    wrong = patchwright.run("diagnose", repo, "--mcp", file, *model)
    alone = patchwright.run("diagnose", repo, "--mcp", file)
    assert [each.code for each in (missing, wrong, alone)] == [65, 65, 65], missing.text + wrong.text + alone.text
    assert "--mcp is for a model to ask" in alone.text
    assert not (patchwright.folder / "data" / "runs").exists()
