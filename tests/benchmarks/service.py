"""The service under load, as figures: submissions, watchers, take-over, and what it adds to each step of a run.

    python -m tests.benchmarks.service [--seconds 20] [--only submit,watch,takeover,steps]

A real Postgres, `patchwright serve` with its workers, and in the same run a bare FastAPI handler under the same server
settings as the reference (`service_bare.py`). The load comes from a process of its own (`service_load.py`).
Ends with 1 when an aim is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.domain import Limits, Report, Request
from tests import postgres
from tests.acceptance.command import Patchwright
from tests.acceptance.repositories import SHOP, repository
from tests.ports import free_ports
from workflows.service.store import PostgresStore, open_store
from workflows.service.store.attempts import Claim
from workflows.service.values import SCOPES, Event, Principal, Run, Submission
from workflows.settings import Settings, load
from workflows.wiring import diagnose_run, new_run

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "test-environments"
TENANT, RATE, WATCHERS, EVENTS_S, EXECUTING, QUEUED, STALL_S = "bench", 50, 500, 2, 4, 1000, 10.0
ADA = Principal(tenant=TENANT, token="bench", scopes=frozenset(SCOPES))
SLOW = "import time\n\n\ndef test_slow():\n    time.sleep(4.0)\n"
SHORT = Limits(repeats=2, rounds=1, workers=1, wall_s=120, test_s=60, suite_s=60)
LONG = Limits(repeats=2, rounds=9, workers=1, wall_s=3000, test_s=60, suite_s=60, candidates=1_000_000)
# No template mends this, so the search goes on; its test takes processor time, as tests do.
ENDLESS = {
    **SHOP,
    "shop/prices.py": str(SHOP["shop/prices.py"])
    + "\n\ndef code(a, b, c):\n    total = 0\n    for n in range(a):\n        total = total * b + n % c + a - b\n"
    + "        if total > a * b and total % c < b or n > c:\n            total = total - a * c + b\n    return total\n",
    "tests/test_code.py": "from shop.prices import code\n\n\ndef test_code():\n"
    "    assert [code(60000, 3, n) for n in range(5, 8)] == ['x', 'y', 'z']\n",
}


@dataclass
class Bench:
    """All processes of one benchmark."""

    patchwright: Patchwright
    address: str
    seconds: float
    missed: list[str] = field(default_factory=list)

    def figure(self, name: str, value: float, unit: str, aim: float | None = None, note: str = "") -> None:
        """Print a figure, and note when it misses its aim."""
        wanted = f"  aim {aim:,.0f}" if aim is not None else ""
        print(f"  {name:<58} {value:9.1f} {unit:<3}{wanted}  {note}", flush=True)
        if aim is not None and not value < aim:
            self.missed.append(name)

    @contextlib.contextmanager
    def command(self, *arguments: str, **settings: object) -> Iterator[subprocess.Popen[str]]:
        """A patchwright process that logs into the benchmark's directory."""
        places = {"database_url": self.address, "queue_limit": 100_000, "private_hosts": "true", **settings}
        logged = ("sh", "-c", f'exec "$@" >>{self.patchwright.folder}/log 2>&1', "sh")
        places["git_hosts"] = "localhost"
        process = self.patchwright.start(*arguments, wrap=logged, **places)
        try:
            yield process
        finally:
            end(process)

    @contextlib.contextmanager
    def api(self, workers: int = 0, concurrency: int = 1) -> Iterator[str]:
        """The URL of an API."""
        port = free_ports()
        arguments = ("serve", "--workers", str(workers), "--concurrency", str(concurrency), "--port", str(port))
        with self.command(*arguments):
            answers(port)
            yield f"http://127.0.0.1:{port}"

    @contextlib.contextmanager
    def bare(self, events: float) -> Iterator[str]:
        """The URL of the reference."""
        port = free_ports()
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.service_bare", str(port), str(events)], cwd=ROOT
        )
        try:
            answers(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            end(process)


def end(process: subprocess.Popen[Any]) -> None:
    """Ask it to end, and see to it."""
    process.terminate()
    try:
        process.communicate(timeout=40)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def answers(port: int) -> None:
    """Wait until something listens."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise SystemExit(f"nothing listens on port {port}")


async def generated(kind: str, url: str, token: str, *more: object) -> dict[str, Any]:
    """The figures of a load."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.benchmarks.service_load", kind, url, token, *map(str, more), cwd=ROOT,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    figures: dict[str, Any] = json.loads(out)
    return figures


async def until(store: PostgresStore, run: Run, node: str, kind: str = "progress") -> float:
    """Wait for an event; when it was, in seconds of the epoch."""
    async with store.watch(run.id) as watch:
        while True:
            events = await every(store, run)
            for event in events:
                if event.kind == kind and event.node == node:
                    return event.at.timestamp()
            if any(event.last for event in events):
                raise SystemExit(f"run {run.id} ended before it came to {node or kind}: {events[-1]}")
            await watch.wait(1.0)


async def every(store: PostgresStore, run: Run) -> list[Event]:
    """All events of a run."""
    found = list[Event]()
    while part := await store.events(TENANT, run.id, after=len(found)):
        found += part
    return found


async def queued(store: PostgresStore, repo: Path, limits: Limits) -> Run:
    wanted = Submission(request=Request(source=str(repo), limits=limits, sandbox="bubblewrap"))
    return (await store.submit(ADA, wanted, key=None, fingerprint="f"))[0]


async def steps(bench: Bench, store: PostgresStore) -> None:
    """What the service adds to each finished step: time outside of the steps themselves, less that of a local run."""
    repo = repository(bench.patchwright.folder / "steps", SHOP)
    with bench.command("worker"):
        served = [await outside_served(bench, store, repo) for _ in range(6)][1:]
    local = [await outside_local(bench, repo) for _ in range(6)][1:]
    count = served[0][1]
    print(f"one run of {count} steps, median of five")
    bench.figure("outside of its steps, served", statistics.median(ms for ms, _ in served), "ms")
    bench.figure("outside of its steps, on the command line", statistics.median(ms for ms, _ in local), "ms")
    added = statistics.median(ms for ms, _ in served) - statistics.median(ms for ms, _ in local)
    bench.figure("what the service adds to each step", added / count, "ms", 25)


async def outside_served(bench: Bench, store: PostgresStore, repo: Path) -> tuple[float, int]:
    """Milliseconds, and the number of finished steps."""
    run = await queued(store, repo, SHORT)
    began = await until(store, run, "", "started")
    ended = await until(store, run, "", "finished")
    steps = sum(event.text.startswith("finished:") for event in await every(store, run))
    return 1000 * (ended - began - inside(bench.patchwright.home / "runs" / run.id)), steps


def inside(folder: Path) -> float:
    """Seconds within steps, as the report tells."""
    report = Report.model_validate_json((folder / "report.json").read_text())
    return sum(report.cost.nodes.values())


async def outside_local(bench: Bench, repo: Path) -> tuple[float, int]:
    """The same for a run without the service."""
    settings = load().model_copy(update={"home": bench.patchwright.folder / "local", "cache": CACHE})
    request = Request(source=str(repo), limits=SHORT, sandbox="bubblewrap")
    run = new_run(settings, request, log=None, issue=None, patches=())
    finished = list[str]()
    began = time.perf_counter()
    report = await diagnose_run(
        settings, run, lambda p: finished.append(p.node) if p.text.startswith("finished:") else None
    )
    return 1000 * (time.perf_counter() - began - sum(report.cost.nodes.values())), len(finished)


async def takeover(bench: Bench, store: PostgresStore) -> None:
    """From the death of a worker to the next attempt at its run."""
    repo = repository(bench.patchwright.folder / "takeover", {**SHOP, "tests/test_slow.py": SLOW})
    with contextlib.ExitStack() as opened:
        run = await queued(store, repo, SHORT)
        first = opened.enter_context(bench.command("worker", stall_seconds=STALL_S))
        await until(store, run, "reproduce")
        opened.enter_context(bench.command("worker", stall_seconds=STALL_S))
        await asyncio.sleep(6.0)  # the second one is ready
        first.kill()
        killed = time.time()
        resumed = await until(store, run, "", "resumed")
        print(f"a worker killed (-9), stall time {STALL_S:.0f} s")
        bench.figure("until its run goes on elsewhere", resumed - killed, "s", STALL_S + 5)
        await until(store, run, "", "finished")


async def loaded(bench: Bench, store: PostgresStore, token: str, only: set[str]) -> None:
    """Submissions and watchers while runs execute."""
    repo = repository(bench.patchwright.folder / "endless", ENDLESS)
    with bench.api(workers=2, concurrency=EXECUTING // 2) as url:
        runs = [await queued(store, repo, LONG) for _ in range(EXECUTING)]
        for run in runs:
            await until(store, run, "search")
        print(f"{EXECUTING} runs execute, on {os.cpu_count()} cores")
        if "submit" in only:
            await submissions(bench, url, token)
        if "watch" in only:
            await watchers(bench, store, url, token, runs)
        states = [known.state for run in runs if (known := await store.run(TENANT, run.id))]
        if states != ["running"] * EXECUTING:
            bench.missed.append(f"runs did not execute to the end: {states}")


async def submissions(bench: Bench, url: str, token: str) -> None:
    """The bare handler, the service, and the service again with a queue."""
    load = ("--rate", RATE, "--seconds", bench.seconds)
    with bench.bare(1) as reference:
        told(bench, "bare handler", await generated("submit", reference, token, *load))
    told(bench, "submissions", await generated("submit", url, token, *load), 50)
    await generated("submit", url, token, "--rate", 40, "--seconds", QUEUED / 40)
    told(bench, f"submissions, more than {QUEUED:,} queued", await generated("submit", url, token, *load), 50)


def told(bench: Bench, name: str, figures: dict[str, Any], aim: float | None = None) -> None:
    latency, own = figures["latency"], figures["own"]
    bench.figure(f"{name}, {RATE}/s: p50", latency["p50"], "ms")
    note = f"worst {latency['worst']:.0f}; the load itself p99 {own['p99']:.1f}; {figures['statuses']}"
    bench.figure(f"{name}, {RATE}/s: p99", latency["p99"], "ms", aim, note)
    if set(figures["statuses"]) != {"202"}:
        bench.missed.append(f"{name}: answers {figures['statuses']}")


async def watchers(bench: Bench, store: PostgresStore, url: str, token: str, runs: list[Run]) -> None:
    """Watchers of all runs, which get events as their workers write them, and of the bare handler at the same rate."""
    load = ("--watchers", WATCHERS, "--seconds", bench.seconds)
    writing = [asyncio.create_task(written(store, run.id)) for run in runs]
    try:
        figures = await generated("watch", url, token, *[run.id for run in runs], *load)
    finally:
        for task in writing:
            task.cancel()
        await asyncio.gather(*writing, return_exceptions=True)
    watched(bench, f"{WATCHERS} watchers, {EVENTS_S} events/s for each", figures, 250)
    with bench.bare(EVENTS_S) as reference:
        watched(bench, "as many of a bare handler", await generated("watch", reference, token, "r", *load))


async def written(store: PostgresStore, run: str) -> None:
    """Progress of a run at a fixed rate, beside what its worker writes."""
    known = await store.run(TENANT, run)
    assert known is not None
    claim = Claim(known, lost=0, late=False)
    for number in itertools.count():
        await store.progress(claim, [("progress", "search", f"tried {number}")])
        await asyncio.sleep(1 / EVENTS_S)


def watched(bench: Bench, name: str, figures: dict[str, Any], aim: float | None = None) -> None:
    lag, own = figures["lag"], figures["own"]
    bench.figure(f"{name}: lag p50", lag["p50"], "ms")
    note = f"{lag['count']:,} arrivals, worst {lag['worst']:.0f}; the load itself p99 {own['p99']:.1f}"
    bench.figure(f"{name}: lag p99", lag["p99"], "ms", aim, note)
    if figures["closed"] or figures["silent"]:
        bench.missed.append(f"{name}: {figures['closed']} closed, {figures['silent']} silent")


async def run(bench: Bench, only: set[str]) -> None:
    """Everything that was asked for."""
    async with open_store(bench.address, Settings(), poll_s=0.5) as store:
        _, token = await store.issue(TENANT, "bench", frozenset(SCOPES))
        if "steps" in only:
            await steps(bench, store)
        if "takeover" in only:
            await takeover(bench, store)
        if only & {"submit", "watch"}:
            await loaded(bench, store, token, only)


def main() -> int:
    """Run and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each load")
    parser.add_argument("--only", default="steps,takeover,submit,watch")
    given = parser.parse_args()
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="patchwright-bench-") as work, postgres.server() as database:
        bench = Bench(Patchwright(Path(work), CACHE), database.address, given.seconds)
        try:
            asyncio.run(run(bench, set(given.only.split(","))))
        except SystemExit:
            print((Path(work) / "log").read_text()[-3000:], file=sys.stderr)
            raise
    print("\n".join(f"missed: {name}" for name in bench.missed) or "all aims met")
    return 1 if bench.missed else 0


if __name__ == "__main__":
    sys.exit(main())
