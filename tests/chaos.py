"""The service under chaos: while runs are watched, workers are killed, paused and drained and the database restarts.

    python -m tests.chaos [--runs 60] [--seconds 600] [--seed 1]

Two API nodes and three workers, as processes, on one real Postgres. Ends with 1 unless every run finished exactly once,
with a report, no finished step repeated but the interrupted one, and no event missing or out of order for any watcher.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from tests import postgres
from tests.acceptance import leftovers
from tests.acceptance.command import Patchwright
from tests.acceptance.repositories import SHOP, repository
from tests.ports import free_ports
from workflows.client import Client
from workflows.packing import pack
from workflows.service.bodies import RunView, Wanted, WantedLimits
from workflows.service.values import Event

CACHE = Path(__file__).parents[1] / ".cache" / "test-environments"
SLOW = "import time\n\n\ndef test_slow():\n    time.sleep(0.3)\n"
LIMITS = WantedLimits(repeats=2, rounds=1, workers=1)
STALL_S, DRAIN_S = 4, 3
APIS, WORKERS = 2, 3
COMING = 0.8  # the share of the time in which runs are submitted
PATIENCE_S = 240.0


@dataclass
class Machines:
    """All processes of a service. paused: workers that were stopped, and when they go on."""

    patchwright: Patchwright
    database: postgres.Server
    chance: random.Random
    urls: list[str] = field(default_factory=list)
    apis: list[subprocess.Popen[str]] = field(default_factory=list)
    workers: list[subprocess.Popen[str]] = field(default_factory=list)
    paused: dict[subprocess.Popen[str], float] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)

    def start(self) -> None:
        for port in _ports(APIS):
            arguments = ("serve", "--workers", "0", "--no-tokens", "--port", str(port))
            self.apis.append(self._process(*arguments))
            self.urls.append(f"http://127.0.0.1:{port}")
        self.refill()

    def refill(self) -> None:
        """As many workers as there should be; those that died are replaced."""
        while sum(process.poll() is None for process in self.workers) < WORKERS:
            self.workers.append(self._process("worker"))

    def _process(self, *arguments: str) -> subprocess.Popen[str]:
        places = {"database_url": self.database.address, "stall_seconds": STALL_S, "drain_seconds": DRAIN_S}
        return self.patchwright.start(
            *arguments, wrap=("sh", "-c", f'exec "$@" >>{self.patchwright.folder}/log 2>&1', "sh"), **places
        )

    def disturb(self) -> None:
        """One thing that happens to machines."""
        self.wake()
        what = self.chance.choice((self._kill, self._pause, self._drain, self._restart))
        what()
        self.done[what.__name__.strip("_")] += 1
        self.refill()

    def wake(self, *, all_of_them: bool = False) -> None:
        """Let paused workers go on whose time has come."""
        for process, until in list(self.paused.items()):
            if all_of_them or time.monotonic() > until:
                process.send_signal(signal.SIGCONT)
                del self.paused[process]

    def _kill(self) -> None:
        self._one(lambda process: process.kill())

    def _drain(self) -> None:
        self._one(lambda process: process.terminate())

    def _pause(self) -> None:
        def pause(process: subprocess.Popen[str]) -> None:
            process.send_signal(signal.SIGSTOP)
            self.paused[process] = time.monotonic() + self.chance.uniform(2, 3 * STALL_S)

        self._one(pause)

    def _one(self, act: Callable[[subprocess.Popen[str]], None]) -> None:
        living = [process for process in self.workers if process.poll() is None and process not in self.paused]
        if living:
            act(self.chance.choice(living))

    def _restart(self) -> None:
        self.database.stop()
        time.sleep(self.chance.uniform(0, 2))
        self.database.start()

    def close(self) -> None:
        self.wake(all_of_them=True)
        processes = [*self.workers, *self.apis]
        for process in processes:
            if process.poll() is None:
                process.terminate()
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=30)
            if process.poll() is None:
                process.kill()
                process.communicate()


def _ports(count: int) -> list[int]:
    return [free_ports() for _ in range(count)]


def submitted(url: str, archive: bytes, key: str) -> RunView:
    """Submit a run, again with the same key as long as nobody answers."""
    with Client.to(url, patience_s=PATIENCE_S) as client:
        return client.submit(Wanted(tests=("tests",), limits=LIMITS), BytesIO(archive), key=key)


def watched(url: str, run: str) -> list[Event]:
    """What a watcher sees of a run, up to its end."""
    with Client.to(url, patience_s=PATIENCE_S) as client:
        return list(client.events(run))


def faults(machines: Machines, run: str, seen: list[Event]) -> Iterator[str]:
    """What is wrong about a run and what was seen of it."""
    with Client.to(machines.urls[-1], patience_s=PATIENCE_S) as client:
        known, kept = client.run(run), list(client.events(run))
        outcome = client.report(run).outcome if known.state == "finished" else known.problem
    if (known.state, outcome) != ("finished", "verified_patch"):
        yield f"it is {known.state}: {outcome}"
    if [event.seq for event in kept] != list(range(1, len(kept) + 1)):
        yield "its events have gaps"
    if seen != kept:
        yield f"a watcher saw {len(seen)} of {len(kept)} events, or others"
    if sum(event.last for event in kept) != 1 or not kept[-1].last:
        yield "it did not end exactly once"
    finished = Counter(event.node for event in kept if event.text.startswith("finished:"))
    twice = {node: times for node, times in finished.items() if times > 1}
    if len(twice) > known.attempts - 1:
        yield f"in {known.attempts} attempts it finished {twice} again"


def lived(urls: tuple[str, str], archive: bytes, key: str, wait_s: float) -> tuple[RunView, list[Event]]:
    """A run of somebody who comes after `wait_s`: submitted at one node, watched at another."""
    time.sleep(wait_s)
    run = submitted(urls[0], archive, key)
    return run, watched(urls[1], run.id)


async def chaos(machines: Machines, archive: bytes, runs: int, seconds: float) -> list[str]:
    """Submit over the time, watch, disturb, and judge; what was wrong."""
    loop, chance = asyncio.get_running_loop(), machines.chance
    watches = [
        asyncio.create_task(asyncio.to_thread(
            lived, (chance.choice(machines.urls), chance.choice(machines.urls)), archive, f"run-{number}",
            chance.uniform(0, seconds * COMING),
        ))
        for number in range(runs)
    ]  # fmt: skip
    end = loop.time() + seconds
    while loop.time() < end and not all(watch.done() for watch in watches):
        await asyncio.sleep(chance.uniform(3, 6))
        await asyncio.to_thread(machines.disturb)
        ended = sum(watch.done() for watch in watches)
        print(f"  {end - loop.time():4.0f} s left, {ended} of {runs} ended, {dict(machines.done)}", flush=True)
    machines.wake(all_of_them=True)
    machines.refill()
    seen = await asyncio.wait_for(asyncio.gather(*watches), PATIENCE_S + 10 * runs)
    return [f"{run.id}: {why}" for run, events in seen for why in faults(machines, run.id, events)]


def main() -> int:
    """Run it and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="patchwright-chaos-") as work, postgres.server() as database:
        folder = Path(work)
        archive = BytesIO()
        pack(repository(folder / "shop", {**SHOP, "tests/test_slow.py": SLOW}), archive)
        machines = Machines(Patchwright(folder, CACHE), database, random.Random(wanted.seed))  # noqa: S311 - no secrets
        try:
            machines.start()
            found = asyncio.run(_threaded(machines, archive.getvalue(), wanted.runs, wanted.seconds))
        finally:
            machines.close()
        left = leftovers.wait_for_none(folder)
        if "Traceback" in (log := (folder / "log").read_text(errors="replace")):
            found.append(f"a traceback in the log: {log[log.index('Traceback') :][:3000]}")
    found += [f"left running: {process}" for process in left]
    print("\n".join(found) or f"{wanted.runs} runs finished once each, through {dict(machines.done)}")
    return 1 if found else 0


async def _threaded(machines: Machines, archive: bytes, runs: int, seconds: float) -> list[str]:
    """A thread for every watcher."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(runs + 4))
    return await chaos(machines, archive, runs, seconds)


if __name__ == "__main__":
    sys.exit(main())
