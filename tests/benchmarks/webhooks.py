"""Webhooks under load, as figures: how long GitHub waits for its answer.

    python -m tests.benchmarks.webhooks [--seconds 20] [--rate 100]

A real Postgres and `patchwright serve`; payloads are GitHub's own examples, each one made another. The load comes from
this process. Beside the rate, the largest deliveries that GitHub sends. Ends with 1 when an aim is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from tests import postgres
from tests.acceptance.command import Patchwright
from tests.benchmarks.service import CACHE, answers, end
from tests.github import SECRET, examples, headers
from tests.ports import free_ports

AIM_MS = 100.0
LARGE = 24 << 20


@contextlib.contextmanager
def service(home: Path, address: str) -> Iterator[tuple[str, int]]:
    """The URL of an API without workers, and its process."""
    port = free_ports()
    logged = ("sh", "-c", f'exec "$@" >>{home}/log 2>&1', "sh")
    places = {"database_url": address, "github_secret": SECRET.decode()}
    process = Patchwright(home, CACHE).start("serve", "--workers", "0", "--port", str(port), wrap=logged, **places)
    try:
        answers(port)
        yield f"http://127.0.0.1:{port}/webhooks/github", process.pid
    finally:
        end(process)


def bodies() -> list[tuple[str, dict[str, Any]]]:
    """GitHub's payloads as an installation gets them."""
    return [(name, {**body, "installation": {"id": 7}}) for name, body in examples() if name != "ping"]


async def sent(http: httpx.AsyncClient, url: str, name: str, body: bytes) -> float:
    """Milliseconds until the answer."""
    made = headers(name, body)
    began = time.perf_counter()
    answer = await http.post(url, content=body, headers=made)
    answer.raise_for_status()
    return (time.perf_counter() - began) * 1000


async def at_a_rate(url: str, rate: int, seconds: float) -> list[float]:
    """So many deliveries a second, whether or not those before have been answered."""
    found = bodies()
    async with httpx.AsyncClient(timeout=30, limits=httpx.Limits(max_connections=200)) as http:
        began, asked = time.perf_counter(), []
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
            name, body = found[number % len(found)]
            asked.append(asyncio.create_task(sent(http, url, name, json.dumps({**body, "sent": number}).encode())))
        return await asyncio.gather(*asked)


async def large(url: str, count: int) -> list[float]:
    """The largest ones, one after the other."""
    body = json.dumps({"action": "completed", "x": "x" * LARGE}).encode()
    async with httpx.AsyncClient(timeout=60) as http:
        return [await sent(http, url, "workflow_run", body[:-2] + f'{n}"}}'.encode()) for n in range(count)]


def worked(process: int) -> float:
    """Milliseconds of processor time that a process has taken; other load on the machine does not change it."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def row(name: str, values: list[float]) -> float:
    """Print a row; its 99th percentile."""
    worst = statistics.quantiles(values, n=100)[98]
    print(f"  {name:<44} {statistics.median(values):7.1f} ms median  {worst:7.1f} p99  {max(values):7.1f} most")
    return worst


def main() -> int:
    """Measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rate", type=int, default=100)
    chosen = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as home,
        postgres.running() as address,
        service(Path(home), address) as (url, process),
    ):
        asyncio.run(at_a_rate(url, chosen.rate, 2))
        before = worked(process)
        values = asyncio.run(at_a_rate(url, chosen.rate, chosen.seconds))
        print(f"  {'processor time of the API for each':<44} {(worked(process) - before) / len(values):7.1f} ms")
        worst = row(f"{len(values)} deliveries, {chosen.rate} a second", values)
        row("deliveries of 24 MiB", asyncio.run(large(url, 10)))
    if worst >= AIM_MS:
        print(f"missed: p99 {worst:.1f} ms, the aim is under {AIM_MS:.0f}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
