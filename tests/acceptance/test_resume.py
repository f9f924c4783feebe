"""A killed or interrupted run goes on where it was, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.graph import PROPOSERS
from tests.acceptance import leftovers
from tests.acceptance.command import Patchwright
from tests.acceptance.repositories import RIGHT_SHOP, SHOP, commit, git, repository
from tests.waiting import PATIENCE_S

DONE = re.compile(r"\] (\w+): done in")
STARTED = "prepare: reading"
BEFORE = {
    "prepare": "",
    "reproduce": "prepare",
    "localize": "reproduce",
    "search": "localize",
    "back_out": "localize",
    "given": "localize",
    "verify": "search",
    "minimize": "verify",
    "report": "minimize",
}
SLOW = """\
import time

import pytest


@pytest.mark.parametrize("number", range(6))
def test_slow(number):
    time.sleep(0.1)
"""
LIMITS: dict[str, Any] = {"repeats": 2}
SOON_S = 30.0  # less than a second on a machine that has nothing else to do


def lines(process: subprocess.Popen[str]) -> Iterator[str]:
    """Its progress as it comes, until it ends."""
    received: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        assert process.stderr is not None
        with contextlib.suppress(ValueError):  # whoever waits for the process's end closes it
            for line in process.stderr:
                received.put(line)
        received.put(None)

    threading.Thread(target=read, daemon=True).start()
    while (line := received.get(timeout=120)) is not None:
        yield line


def until_inside(process: subprocess.Popen[str], node: str) -> set[str]:
    """Wait until the process works on `node`; the nodes that were done by then."""
    done: set[str] = set()
    for line in lines(process):
        if match := DONE.search(line):
            done.add(match[1])
        if BEFORE[node] in done or (node == "prepare" and STARTED in line):
            return done
    raise AssertionError(f"it ended before {node}: {sorted(done)}")


def slow_shop(folder: Path) -> Path:
    """A repository whose every step takes long enough to be interrupted, with a good revision for back_out."""
    repo = repository(folder, {**RIGHT_SHOP, "tests/test_slow.py": SLOW})
    git(repo, "tag", "good")
    commit(repo, SHOP, "Make it cheaper")
    return repo


def assert_processes_gone(patchwright: Patchwright) -> None:
    assert leftovers.wait_for_none(patchwright.folder) == []
    assert leftovers.mounts(patchwright.folder) == []


@pytest.mark.parametrize("node", list(BEFORE))
def test_a_run_killed_in_any_node_is_resumed(patchwright: Patchwright, tmp_path: Path, node: str) -> None:
    """kill -9, then resume: the same outcome, no finished node again, and what the dead left is cleared away."""
    repo = slow_shop(tmp_path / "shop")
    before = leftovers.fingerprint(repo)
    process = patchwright.start("diagnose", repo, "--good", "good", **LIMITS)
    done = until_inside(process, node)
    if node not in ("minimize", "report", "back_out", "given"):
        time.sleep(0.15)
    process.kill()
    process.communicate()
    assert_processes_gone(patchwright)
    (run,) = patchwright.runs()
    resumed = patchwright.run("resume", run, "--out", tmp_path / "out", **LIMITS)
    assert resumed.code == 0, resumed.text
    again = DONE.findall(resumed.err)
    # The step before may not have reached the disk when the kill came: only what was in flight is run again.
    assert (done - {BEFORE.get(node, ""), *(PROPOSERS if node in PROPOSERS else ())}).isdisjoint(again), again
    assert re.search("price <=? best", (tmp_path / "out" / "patch.diff").read_text())
    assert leftovers.fingerprint(repo) == before
    assert not list((patchwright.home / "runs" / run).rglob("bisect-*"))
    assert patchwright.run("replay", run).code == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("node", ["localize", "search"])
def test_an_interrupted_run_ends_soon_and_is_resumed(
    patchwright: Patchwright, tmp_path: Path, node: str, number: signal.Signals
) -> None:
    """Ctrl-C reaches the whole process group, SIGTERM the process alone: exit 130 or 143 soon, nothing left."""
    repo = slow_shop(tmp_path / "shop")
    before = leftovers.fingerprint(repo)
    process = patchwright.start("diagnose", repo, **LIMITS)
    until_inside(process, node)
    time.sleep(0.15)
    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
    process.wait(timeout=SOON_S)
    process.communicate()
    assert process.returncode == 128 + number, "it was not the signal that ended it"
    patchwright.assert_nothing_left(process.pid)
    (run,) = patchwright.runs()
    assert "interrupted" in patchwright.run("runs").out
    resumed = patchwright.run("resume", run, **LIMITS)
    assert resumed.code == 0, resumed.text
    assert leftovers.fingerprint(repo) == before


def test_a_run_in_progress_is_not_resumed_twice(patchwright: Patchwright, tmp_path: Path) -> None:
    """A second process is told that the first is at work."""
    process = patchwright.start("diagnose", slow_shop(tmp_path / "shop"), **LIMITS)
    until_inside(process, "reproduce")
    (run,) = patchwright.runs()
    process.send_signal(signal.SIGSTOP)  # so that it does not end meanwhile
    second = subprocess.run(
        [str(process.args[0]), "resume", run],  # type: ignore[index]
        env=patchwright.environment(LIMITS), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert second.returncode in (65, 69, 74), second.stderr
    assert "another process" in second.stderr
    process.send_signal(signal.SIGCONT)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE_S)


def test_an_unknown_run_is_said(patchwright: Patchwright) -> None:
    """resume, replay and show of nothing."""
    for command in ("resume", "replay", "show"):
        ended = patchwright.run(command, "20200101-000000-abcd")
        assert ended.code == 65
        assert "no run" in ended.err
