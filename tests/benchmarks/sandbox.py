"""What isolation costs: a trivial command, and a fresh workspace of a large repository.

    python tests/benchmarks/sandbox.py [--rounds 300] [--files 3000] [--megabytes 50]

All in one run and in turns, so that whatever else the machine does slows each alike: the resident runner in
bubblewrap, a plain subprocess without any sandbox, and the peer SWE-ReX (its local `execute`, which isolates nothing).
The workspace: from `open` to the first answer of a command inside that has seen a file, against a copy of the tree.
Exits with 1 when an aim is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from sandbox.bubblewrap import BubblewrapSandboxes  # noqa: E402
from sandbox.protocol import Workspace  # noqa: E402
from tests.benchmarks.measuring import Run, grow, row, timed  # noqa: E402

COMMAND_MS, WORKSPACE_MS = 5.0, 60.0
OPENINGS = 40


async def plain() -> None:
    """A command as asyncio starts it."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec("true", stdout=pipe, stderr=pipe)
    await process.communicate()


async def commands(base: Path, rounds: int) -> float:
    """A trivial command in each way; our median."""
    from swerex.runtime.abstract import Command
    from swerex.runtime.local import LocalRuntime

    peer = LocalRuntime(logger=logging.getLogger("peer"))
    async with BubblewrapSandboxes().open(Workspace((base,))) as sandbox:
        ways: dict[str, Run] = {
            "resident runner in bubblewrap": lambda: sandbox.exec(["true"]),
            "asyncio subprocess, no sandbox": plain,
            "subprocess.run, no sandbox": lambda: asyncio.to_thread(subprocess.run, ["true"], capture_output=True),
            "SWE-ReX local execute, no sandbox": lambda: peer.execute(Command(command=["true"])),
        }
        spent: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, run in ways.items():
                spent[name].append(await timed(run))
    print(f"a trivial command, {rounds} times:")
    medians = [row(name, times) for name, times in spent.items()]
    return medians[0]


async def workspaces(base: Path, copies: Path) -> float:
    """A fresh workspace in each way; our median."""
    sandboxes = BubblewrapSandboxes()

    async def ours() -> None:
        async with sandboxes.open(Workspace((base,))) as sandbox:
            seen = await sandbox.exec(["test", "-s", "package0/part0/module0.py"])
            answered.append((time.perf_counter() - began) * 1000)
            assert seen.ok, seen

    answered: list[float] = []
    closed: list[float] = []
    for _ in range(OPENINGS):
        began = time.perf_counter()
        await ours()
        closed.append((time.perf_counter() - began) * 1000)
    copied = [
        await timed(lambda to=copies / str(number): asyncio.to_thread(shutil.copytree, base, to))  # type: ignore[misc]
        for number in range(3)
    ]
    print(f"a fresh workspace, {OPENINGS} times:")
    median = row("bubblewrap: open to first answer", answered)
    row("bubblewrap: open, first answer, closed", closed)
    row("a copy of the tree", copied)
    return median


async def measure(options: argparse.Namespace) -> int:
    """Both, with a line for each aim."""
    with tempfile.TemporaryDirectory(prefix="patchwright-bench-") as scratch:
        base = grow(Path(scratch) / "base", options.files, options.megabytes)
        command = await commands(base, options.rounds)
        workspace = await workspaces(base, Path(scratch) / "copies")
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    aims = ((command, COMMAND_MS, "a trivial command"), (workspace, WORKSPACE_MS, "a fresh workspace"))
    for found, aim, what in aims:
        print(f"aim: {what} under {aim:g} ms: {found:.2f} ms, {'met' if found < aim else 'MISSED'}")
    return int(any(found >= aim for found, aim, _ in aims))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--files", type=int, default=3000)
    parser.add_argument("--megabytes", type=int, default=50)
    return asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
