"""A storm of alerts against two API nodes on one Postgres: 10,000 different alerts, each a request of its own.

What counts: every one is answered with 202, one incident is left, one look at it is due, and the API answers others
meanwhile. Ends with 1 when that is not so. `python -m tests.benchmarks.alerts [ALERTS] [AT ONCE]`.
"""

from __future__ import annotations

import asyncio
import json
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests import postgres
from tests.acceptance.command import Patchwright
from tests.oncall import proof, sources
from tests.unit.test_triage_alerts import PROMETHEUS

SERVICES = 40


def fired(number: int) -> bytes:
    """One alert of Alertmanager. They are of many services that nothing connects."""
    labels = {"alertname": f"Alert{number}", "service": f"service-{number % SERVICES}"}
    each = {**PROMETHEUS["alerts"][0], "labels": labels, "fingerprint": f"f{number}"}  # type: ignore[index]
    return json.dumps({**PROMETHEUS, "commonLabels": {}, "alerts": [each]}).encode()


@contextmanager
def nodes(folder: Path, address: str, many: int) -> Iterator[list[str]]:
    (folder / "oncall.toml").write_text(sources(folder))
    command, urls, started = Patchwright(folder, folder / "cache"), [], []
    try:
        for _ in range(many):
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            serve = ("serve", "--port", str(port), "--workers", "0", "--no-tokens")
            logged = ("sh", "-c", f'exec "$@" >>{folder}/log 2>&1', "sh")
            started.append(command.start(*serve, wrap=logged, database_url=address, oncall=folder / "oncall.toml"))
            urls.append(f"http://127.0.0.1:{port}")
            _until_ready(urls[-1])
        yield urls
    finally:
        for process in started:
            process.terminate()
            process.communicate(timeout=60)


def _until_ready(url: str) -> None:
    while True:
        try:
            if httpx.get(f"{url}/readyz", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)


async def storm(urls: list[str], alerts: int, at_once: int) -> dict[str, Any]:
    """Post all of them; statuses, seconds of each, and what others who ask the API meanwhile waited."""
    waiting, took, others = list(range(alerts)), [], []
    statuses: dict[int, int] = {}
    broken: list[str] = []
    over = asyncio.Event()

    async def post(client: httpx.AsyncClient, url: str) -> None:
        while waiting:
            body = fired(waiting.pop())
            began = time.perf_counter()
            status = await sent(client, f"{url}/v1/alerts/alertmanager", body)
            took.append(time.perf_counter() - began)
            statuses[status] = statuses.get(status, 0) + 1

    async def sent(client: httpx.AsyncClient, url: str, body: bytes) -> int:
        """A connection that breaks is followed by another try, as makers of alerts do."""
        while True:
            try:
                return (await client.post(url, content=body, headers=proof("alertmanager", body))).status_code
            except httpx.TransportError as error:
                broken.append(type(error).__name__)

    async def ask(client: httpx.AsyncClient) -> None:
        while not over.is_set():
            began = time.perf_counter()
            try:
                (await client.get(f"{urls[0]}/v1/diagnoses")).raise_for_status()
            except httpx.TransportError as error:
                broken.append(type(error).__name__)
            others.append(time.perf_counter() - began)
            await asyncio.sleep(0.1)

    async with httpx.AsyncClient(
        trust_env=False, timeout=60, limits=httpx.Limits(max_connections=None, keepalive_expiry=1.0)
    ) as client:
        asking = asyncio.create_task(ask(client))
        began = time.perf_counter()
        await asyncio.gather(*(post(client, urls[number % len(urls)]) for number in range(at_once)))
        seconds = time.perf_counter() - began
        over.set()
        await asking
        left = (await client.get(f"{urls[0]}/v1/incidents?state=open&limit=200")).json()["incidents"]
    return {
        "alerts": alerts, "seconds": round(seconds, 1), "alerts_per_second": round(alerts / seconds),
        "statuses": statuses, "broken_connections": len(broken), "p50_ms": _ms(took, 50), "p99_ms": _ms(took, 99),
        "others_p50_ms": _ms(others, 50), "others_p99_ms": _ms(others, 99), "open_incidents": len(left),
        "alerts_of_it": left[0]["alerts"], "storm": left[0]["storm"],
    }  # fmt: skip


def _ms(seconds: list[float], percent: int) -> float:
    return round(1000 * statistics.quantiles(seconds, n=100)[percent - 1], 1)


def main() -> None:
    alerts, at_once = (int(text) for text in [*sys.argv[1:], "10000", "50"][:2])
    with (
        tempfile.TemporaryDirectory() as folder,
        postgres.running() as address,
        nodes(Path(folder), address, 2) as urls,
    ):
        found = asyncio.run(storm(urls, alerts, at_once))
    print(json.dumps(found, indent=2))
    kept = found["statuses"] == {202: alerts} and (found["open_incidents"], found["alerts_of_it"]) == (1, alerts)
    sys.exit(0 if kept and found["seconds"] < 60 else 1)


if __name__ == "__main__":
    main()
