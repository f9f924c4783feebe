"""What a Docker sandbox costs, against `docker exec` and SWE-ReX's server in a container of the same image.

    python tests/benchmarks/docker_sandbox.py [--rounds 200] [--files 3000] [--megabytes 50]

All in one run and in turns, so that whatever else the machine does slows each alike. Needs a Docker engine
(sh deploy/test-parts.sh); the image is made from this machine's Python, the peer's server runs from this environment's
packages, mounted. Exits with 1 when an aim is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import docker  # noqa: E402

from sandbox.docker.provider import DockerSandboxes  # noqa: E402
from sandbox.protocol import Quota, Workspace  # noqa: E402
from tests.benchmarks.measuring import Run, grow, row, timed  # noqa: E402
from tests.engines import docker_image, docker_sandboxes  # noqa: E402

COMMAND_MS, COLD_MS, WARM_MS = 5.0, 700.0, 60.0
QUOTA = Quota(memory_bytes=512 << 20, processes=64, disk_bytes=256 << 20)
OPENINGS = 15


@contextlib.asynccontextmanager
async def peer(api: Any) -> AsyncIterator[tuple[str, Any]]:
    """A plain container and SWE-ReX's server in it: the container's id and the client."""
    from swerex.runtime.remote import RemoteRuntime

    packages = next(path for path in sys.path if path.endswith("site-packages"))
    command = ["python3", "-m", "swerex.server", "--host", "0.0.0.0", "--port", "8000", "--auth-token", "x"]  # noqa: S104
    body = {
        "Image": docker_image(), "Entrypoint": command, "Env": ["PYTHONPATH=/peer", "HOME=/tmp"],
        "HostConfig": {"Binds": [f"{packages}:/peer:ro"], "AutoRemove": True},
    }  # fmt: skip
    began = time.perf_counter()
    name = api.create_container_from_config(body)["Id"]
    try:
        api.start(name)
        address = api.inspect_container(name)["NetworkSettings"]["IPAddress"]
        client = RemoteRuntime(
            host=f"http://{address}", port=8000, auth_token="x", timeout=60.0, logger=logging.getLogger("peer")
        )  # fmt: skip
        while not (await client.is_alive()).is_alive:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        print(f"  SWE-ReX's container up after {(time.perf_counter() - began) * 1000:.0f} ms")
        yield name, client
    finally:
        api.remove_container(name, force=True)


async def commands(sandboxes: DockerSandboxes, base: Path, rounds: int, api: Any) -> float:
    """A trivial command in each way; our median."""
    from swerex.runtime.abstract import Command

    print(f"a trivial command in a running container, {rounds} times:")
    async with sandboxes.open(Workspace((base,)), quota=QUOTA) as sandbox, peer(api) as (name, client):

        def execute() -> None:
            made = api.exec_create(name, ["true"])
            api.exec_start(made["Id"])

        ways: dict[str, Run] = {
            "resident runner in Docker": lambda: sandbox.exec(["true"]),
            "SWE-ReX execute in Docker": lambda: client.execute(Command(command=["true"])),
            "docker exec (SDK)": lambda: asyncio.to_thread(execute),
            "docker exec (command line)": lambda: asyncio.to_thread(
                subprocess.run, ["docker", "exec", name, "true"], check=True
            ),
        }
        spent: dict[str, list[float]] = {way: [] for way in ways}
        for number in range(rounds):
            for way, run in ways.items():
                if "docker exec" not in way or number % 10 == 0:
                    spent[way].append(await timed(run))
    medians = [row(way, times) for way, times in spent.items()]
    return medians[0]


async def openings(sandboxes: DockerSandboxes, base: Path, name: str, pause: float) -> float:
    """From `open` to the first answer of a command that has seen a file of the tree; the median."""
    answered = []
    for _ in range(OPENINGS):
        await asyncio.sleep(pause)
        began = time.perf_counter()
        async with sandboxes.open(Workspace((base,)), quota=QUOTA) as sandbox:
            seen = await sandbox.exec(["test", "-s", "package0/part0/module0.py"])
            answered.append((time.perf_counter() - began) * 1000)
            assert seen.ok, seen
    return row(name, answered)


async def candidates(sandboxes: DockerSandboxes, base: Path, at_once: int) -> float:
    """Seconds for eight candidates, each half a second of work in a workspace of its own, so many at a time."""
    turn = asyncio.Semaphore(at_once)

    async def one() -> None:
        async with turn, sandboxes.open(Workspace((base,)), quota=QUOTA) as sandbox:
            assert (await sandbox.exec(["python3", "-c", "sum(range(10_000_000))"])).ok

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(8)))
    return time.perf_counter() - began


async def measure(options: argparse.Namespace) -> int:
    """Everything, with a line for each aim."""
    api = docker.from_env(version="auto").api
    cold, warm = docker_sandboxes(), docker_sandboxes(warm=2)
    try:
        with tempfile.TemporaryDirectory(prefix="patchwright-bench-") as scratch:
            base = grow(Path(scratch) / "base", options.files, options.megabytes)
            command = await commands(cold, base, options.rounds, api)
            print(f"a fresh workspace of {options.files} files and {options.megabytes} MB, {OPENINGS} times:")
            first = await openings(cold, base, "cold: open to first answer", 0.0)
            pooled = await openings(warm, base, "from the warm pool: open to first answer", 1.0)
            two, eight = await candidates(cold, base, 2), await candidates(cold, base, 8)
            print(f"eight candidates: {two:.2f} s two at a time, {eight:.2f} s all at once")
    finally:
        await cold.close()
        await warm.close()
        api.close()
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    aims = (
        (command, COMMAND_MS, "a trivial command"),
        (first, COLD_MS, "the first command, cold"),
        (pooled, WARM_MS, "the first command, from the pool"),
        (eight / two * 100, 115.0, "eight at once in percent of two at a time"),
    )
    for found, aim, what in aims:
        print(f"aim: {what} under {aim:g}: {found:.2f}, {'met' if found < aim else 'MISSED'}")
    return int(any(found >= aim for found, aim, _ in aims))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--files", type=int, default=3000)
    parser.add_argument("--megabytes", type=int, default=50)
    return asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
