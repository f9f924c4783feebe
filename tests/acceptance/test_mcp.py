"""`patchwright mcp serve` as an editor starts it: the protocol's own client, over the real process's pipes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp_types import CallToolResult, TextContent

from tests.acceptance import leftovers
from tests.acceptance.command import COMMAND, Patchwright
from tests.acceptance.repositories import FAILING, git, repository
from tests.waiting import PATIENCE_S

HANGS = "import time\n\n\ndef test_hangs():\n    time.sleep(600)\n"


@asynccontextmanager
async def assistant(patchwright: Patchwright, *arguments: str | Path) -> AsyncIterator[Client]:
    """A connected client; the server is gone afterwards, with all it began."""
    server = StdioServerParameters(
        command=str(COMMAND), args=["mcp", "serve", *map(str, arguments)], env=patchwright.environment({}),
        cwd=patchwright.user,
    )  # fmt: skip
    async with Client(server, read_timeout_seconds=120) as client:
        yield client
    patchwright.assert_nothing_left(os.getpid())


def words(answer: CallToolResult) -> str:
    """The texts of an answer."""
    return "\n".join(block.text for block in answer.content if isinstance(block, TextContent))


def held(answer: CallToolResult) -> dict[str, Any]:
    """The structured content of an answer that is no error."""
    assert not answer.is_error, words(answer)
    content: dict[str, Any] = answer.structured_content
    assert content is not None
    return content


async def no_longer_running(client: Client, run: str) -> None:
    """The answer to a cancellation is none: a run's state tells when it has ended."""
    while held(await client.call_tool("status", {"run": run}))["state"] == "running":  # noqa: ASYNC110 - the run is elsewhere
        await anyio.sleep(0.05)


async def test_a_diagnosis_ends_in_a_verified_patch_that_is_read_and_checked_again(
    patchwright: Patchwright, tmp_path: Path
) -> None:
    repo = repository(tmp_path / "roots" / "shop")
    told: list[tuple[float, str]] = []

    async def progress(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, message or ""))

    async with assistant(patchwright, "--root", tmp_path / "roots") as client:
        offered = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert {"diagnose", "triage", "status", "runs", "result", "report", "cancel", "verify"} == set(offered)
        assert all(tool.output_schema for tool in offered.values())
        asked = {"repository": "shop", "tests": [FAILING]}
        found = held(await client.call_tool("diagnose", asked, progress_callback=progress))
        assert found["outcome"] == "verified_patch"
        assert found["verified"] is True
        assert found["failing_tests"] == [FAILING]
        assert found["evidence"]
        status = held(await client.call_tool("status", {"run": found["run"]}))
        assert (status["state"], status["outcome"]) == ("finished", "verified_patch")
        patch = held(await client.call_tool("report", {"run": found["run"], "part": "patch"}))["text"]
        assert patch == found["patch"]
        text = held(await client.call_tool("report", {"run": found["run"], "part": "certificate"}))["text"]
        held_up = held(await client.call_tool("verify", {"certificate": text, "repository": str(repo)}))
        assert held_up["holds"] is True
        (row,) = held(await client.call_tool("runs", {}))["runs"]
        assert row["run"] == found["run"]
    steps = [message.partition(":")[0] for _, message in told]
    assert {"reproduce", "verify"} <= set(steps), steps
    assert [number for number, _ in told] == sorted({number for number, _ in told})
    assert git(repo, "status", "--porcelain") == ""
    (tmp_path / "patch.diff").write_text(patch)
    git(repo, "apply", str(tmp_path / "patch.diff"))
    assert "price < best" in (repo / "shop/prices.py").read_text()


async def test_cancelling_a_call_ends_its_run_and_its_sandbox(patchwright: Patchwright, tmp_path: Path) -> None:
    repo = repository(tmp_path / "hangs", {"tests/test_hangs.py": HANGS})
    began = anyio.Event()

    async def progress(progress: float, total: float | None, message: str | None) -> None:
        if (message or "").startswith("reproduce"):
            began.set()

    async with assistant(patchwright, "--root", tmp_path / "hangs") as client, anyio.create_task_group() as group:

        async def ask() -> None:
            await client.call_tool("diagnose", {"repository": str(repo)}, progress_callback=progress)

        group.start_soon(ask)
        await began.wait()
        (row,) = held(await client.call_tool("runs", {}))["runs"]
        assert row["state"] == "running"
        group.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await no_longer_running(client, row["run"])
            assert [found for found in leftovers.processes(tmp_path) if "bwrap" in found] == []


async def test_a_run_in_the_background_is_ended_by_cancel_and_by_the_end_of_the_client(
    patchwright: Patchwright, tmp_path: Path
) -> None:
    repo = repository(tmp_path / "hangs", {"tests/test_hangs.py": HANGS})
    async with assistant(patchwright, "--root", tmp_path / "hangs") as client:
        asked = {"repository": str(repo), "wait": False}
        first, second = [held(await client.call_tool("diagnose", asked))["run"] for _ in range(2)]
        ended = held(await client.call_tool("cancel", {"run": first}))
        assert ended["state"] == "interrupted"
        assert held(await client.call_tool("status", {"run": second}))["state"] == "running"
        again = await client.call_tool("cancel", {"run": first})
        assert again.is_error
        assert "not worked on by this server" in words(again)


async def test_a_triage_of_logs_and_a_repository_gives_a_note_that_cites(
    offering: tuple[Patchwright, Path],
) -> None:
    patchwright, roots = offering
    rows = [f"2026-03-02T10:{n // 60:02d}:{n % 60:02d}Z INFO order {n} placed\n" for n in range(0, 1800, 5)]
    late = [f"2026-03-02T10:{n // 60:02d}:{n % 60:02d}Z ERROR no price of {n}\n" for n in range(1500, 1800, 5)]
    (roots / "shop.log").write_text("".join(sorted([*rows, *late])))
    async with assistant(patchwright, "--root", roots) as client:
        note = held(await client.call_tool("triage", {"logs": {"shop": "shop.log"}, "repository": "shop"}))
    assert (note["service"], note["onset"]) == ("shop", 1_772_447_100)
    assert note["citations"].startswith("All ")
    assert {cite for row in note["summary"] for cite in row["cites"]} <= {each["id"] for each in note["evidence"]}


HOSTILE: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("diagnose", {"repository": "/etc"}, "not below a directory that the user allowed"),
    ("diagnose", {"repository": "../outside"}, "not below a directory that the user allowed"),
    ("diagnose", {"repository": "leads-out"}, "not below a directory that the user allowed"),
    ("diagnose", {"repository": "no\0thing"}, "not below a directory that the user allowed"),
    ("diagnose", {"repository": "https://example.org/a.git"}, "git URLs are not taken"),
    ("diagnose", {"repository": "shop", "rev": "--upload-pack=x"}, "is not a revision"),
    ("diagnose", {"repository": "shop", "patch": "no diff"}, "patch:"),
    ("diagnose", {"repository": "shop", "limit_seconds": -1}, "limit_seconds"),
    ("diagnose", {"repository": "shop", "sandbox": "none"}, "sandbox"),
    ("diagnose", {"repository": "shop", "log_file": "/etc/passwd"}, "not below a directory"),
    ("diagnose", {}, "repository"),
    ("triage", {"logs": {"shop": "/etc/passwd"}}, "not below a directory that the user allowed"),
    ("status", {"run": "../../etc"}, "there is no run"),
    ("report", {"run": "20200101-000000-abcd"}, "there is no run"),
    ("verify", {"certificate": "{}", "repository": "shop"}, "certificate"),
    ("nothing", {}, "nothing"),
)


async def test_hostile_arguments_get_a_clear_error(offering: tuple[Patchwright, Path]) -> None:
    patchwright, roots = offering
    async with assistant(patchwright, "--root", roots) as client:
        for tool, arguments, message in HOSTILE:
            answer = await client.call_tool(tool, arguments)
            assert answer.is_error, (tool, arguments)
            assert message in words(answer), (tool, arguments)
            assert "Traceback" not in words(answer)
    assert not (patchwright.home / "runs").exists()


@pytest.fixture(scope="module")
def offering(tmp_path_factory: pytest.TempPathFactory) -> tuple[Patchwright, Path]:
    """A command that diagnoses nothing, and a root with a repository and a link that leads out of it."""
    folder = tmp_path_factory.mktemp("offering")
    repository(folder / "roots" / "shop")
    (folder / "outside").mkdir()
    (folder / "roots" / "leads-out").symlink_to(folder / "outside")
    return Patchwright(folder / "command", folder / "cache"), folder / "roots"


def test_the_wire_bears_what_is_no_protocol_and_ends_at_a_signal(offering: tuple[Patchwright, Path]) -> None:
    patchwright, roots = offering
    process = subprocess.Popen(
        [str(COMMAND), "mcp", "serve", "--root", str(roots)], env=patchwright.environment({}), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=patchwright.user,
    )  # fmt: skip
    assert process.stdin
    assert process.stdout
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    for row in ("no JSON", "[" * 5000, "x" * (17 << 20), json.dumps({"jsonrpc": "2.0", "id": 1, "method": "nothing"})):
        process.stdin.write(row + "\n")
    process.stdin.write(json.dumps({"jsonrpc": "2.0", "id": 2, "method": "initialize", "params": hello}) + "\n")
    process.stdin.flush()
    answers = {}
    while 2 not in answers:
        answer = json.loads(process.stdout.readline())
        answers[answer.get("id")] = answer
    assert "error" in answers[1]
    assert answers[2]["result"]["serverInfo"]["name"] == "patchwright"
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in err


def test_a_root_that_is_none_and_input_that_is_no_pipe_are_refused(offering: tuple[Patchwright, Path]) -> None:
    patchwright, roots = offering
    missing = patchwright.run("mcp", "serve", "--root", roots / "nowhere")
    assert (missing.code, "no such directory" in missing.err) == (65, True)
    terminal = patchwright.run("mcp", "serve", "--root", roots)
    assert (terminal.code, "must be a pipe" in terminal.err) == (65, True)
