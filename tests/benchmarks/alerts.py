"""A storm of alerts against two API nodes on one Postgres: 10,000 different alerts, each a request of its own.

What counts: every one is answered with 202, one incident is left, one look at it is due, and the API answers others
meanwhile. Beside it, in the same run, the same requests against FastAPI alone, which keeps nothing. Ends with 1 when
that is not so, or it takes a minute. `python -m tests.benchmarks.alerts [ALERTS] [AT ONCE]`.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from tests import postgres
from tests.acceptance.command import Patchwright
from tests.benchmarks.service_load import Wires
from tests.oncall import proof, sources
from tests.oncall_node import node, until
from tests.ports import free_ports
from tests.unit.test_triage_alerts import PROMETHEUS
from workflows.service.node import Server, configured

SERVICES = 40


def fired(number: int) -> bytes:
    """One alert of Alertmanager. They are of many services that nothing connects."""
    labels = {"alertname": f"Alert{number}", "service": f"service-{number % SERVICES}"}
    each = {**PROMETHEUS["alerts"][0], "labels": labels, "fingerprint": f"f{number}"}  # type: ignore[index]
    return json.dumps({**PROMETHEUS, "commonLabels": {}, "alerts": [each]}).encode()


@contextmanager
def nodes(folder: Path, address: str, many: int) -> Iterator[list[str]]:
    """So many nodes of the service, without workers."""
    (folder / "oncall.toml").write_text(sources(folder))
    command = Patchwright(folder, folder / "cache")
    with ExitStack() as stack:
        yield [stack.enter_context(node(command, address, folder / "oncall.toml")) for _ in range(many)]


@contextmanager
def bare_nodes(many: int) -> Iterator[list[str]]:
    """So many processes of FastAPI alone, under the service's server settings."""
    urls, started = [], []
    try:
        for _ in range(many):
            port = free_ports()
            started.append(subprocess.Popen([sys.executable, "-m", "tests.benchmarks.alerts", "bare", str(port)]))
            urls.append(f"http://127.0.0.1:{port}")
            until(lambda: _answers(urls[-1]))
        yield urls
    finally:
        for process in started:
            process.terminate()
            process.wait()


def bare(port: int) -> None:
    """The reference: the same body read as JSON, the same answer, and nothing else."""
    app = FastAPI()

    @app.post("/v1/alerts/{source}", status_code=202)
    async def alerts(source: str, request: Request) -> JSONResponse:
        del source
        body = json.loads(await request.body())
        return JSONResponse({"status": "accepted", "alerts": len(body["alerts"])}, 202)

    @app.get("/v1/diagnoses")
    async def diagnoses() -> dict[str, list[str]]:
        return {"diagnoses": []}

    asyncio.run(Server(configured(app, "127.0.0.1", port)).serve())


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/v1/diagnoses", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@dataclass
class Storm:
    """What came of it. took, others: seconds of each alert, and of those who ask the API meanwhile."""

    urls: list[str]
    waiting: list[int]
    took: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    broken: int = 0
    seconds: float = 0.0

    async def run(self, at_once: int) -> None:
        """Post all of them."""
        asking = asyncio.create_task(self._ask())
        began = time.perf_counter()
        await asyncio.gather(*(self._post(self.urls[number % len(self.urls)]) for number in range(at_once)))
        self.seconds = time.perf_counter() - began
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

    async def _post(self, url: str) -> None:
        wires = _wires(url)
        while self.waiting:
            body = fired(self.waiting.pop())
            lines = "".join(f"{name}: {value}\r\n" for name, value in proof("alertmanager", body).items())
            head = f"POST /v1/alerts/alertmanager HTTP/1.1\r\nHost: {wires.host}\r\n{lines}"
            request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
            began = time.perf_counter()
            status = await self._sent(wires, request)
            self.took.append(time.perf_counter() - began)
            self.statuses[status] = self.statuses.get(status, 0) + 1

    async def _ask(self) -> None:
        wires = _wires(self.urls[0])
        while True:
            began = time.perf_counter()
            await self._sent(wires, f"GET /v1/diagnoses HTTP/1.1\r\nHost: {wires.host}\r\n\r\n".encode())
            self.others.append(time.perf_counter() - began)
            await asyncio.sleep(0.1)

    async def _sent(self, wires: Wires, request: bytes) -> int:
        """A connection that breaks is followed by another try, as makers of alerts do."""
        while True:
            try:
                return await wires.ask(request)
            except (OSError, asyncio.IncompleteReadError):
                self.broken += 1

    def figures(self) -> dict[str, Any]:
        alerts = len(self.took)
        return {
            "alerts": alerts, "seconds": round(self.seconds, 1), "alerts_per_second": round(alerts / self.seconds),
            "statuses": self.statuses, "broken_connections": self.broken, "p50_ms": _ms(self.took, 50),
            "p99_ms": _ms(self.took, 99), "others_p50_ms": _ms(self.others, 50),
            "others_p99_ms": _ms(self.others, 99),
        }  # fmt: skip


def _wires(url: str) -> Wires:
    parts = urlsplit(url)
    return Wires(parts.hostname or "", parts.port or 80)


def storm(urls: list[str], alerts: int, at_once: int) -> dict[str, Any]:
    """Post so many different alerts."""
    made = Storm(urls, list(range(alerts)))
    asyncio.run(made.run(at_once))
    return made.figures()


def _ms(seconds: list[float], percent: int) -> float:
    return round(1000 * statistics.quantiles(seconds, n=100)[percent - 1], 1)


def main() -> None:
    if sys.argv[1:2] == ["bare"]:
        bare(int(sys.argv[2]))
        return
    alerts, at_once = map(int, [*sys.argv[1:3], *("10000", "50")[len(sys.argv) - 1 :]])
    with bare_nodes(2) as urls:
        print(json.dumps({"bare FastAPI": storm(urls, alerts, at_once)}, indent=2), flush=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        postgres.running() as address,
        nodes(Path(folder), address, 2) as urls,
    ):
        found = storm(urls, alerts, at_once)
        left = httpx.get(f"{urls[0]}/v1/incidents?state=open&limit=200", trust_env=False).json()["incidents"]
    more = {"open_incidents": len(left), "alerts_of_it": left[0]["alerts"], "storm": left[0]["storm"]}
    print(json.dumps({"service": {**found, **more}}, indent=2))
    kept = found["statuses"] == {202: alerts} and (len(left), left[0]["alerts"]) == (1, alerts)
    sys.exit(0 if kept and found["seconds"] < 60 else 1)


if __name__ == "__main__":
    main()
