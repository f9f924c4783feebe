"""The load for `tests/benchmarks/service.py`: requests at fixed times and watchers, over plain sockets.

    python -m tests.benchmarks.service_load submit URL TOKEN --rate 50 --seconds 20
    python -m tests.benchmarks.service_load watch URL TOKEN --watchers 500 --seconds 20 RUN…

Prints one line of JSON. Requests have scheduled times, and latency counts from those: a server that is late cannot slow
the load down. `own` is how late this process itself was, which bounds what its figures can mean.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import time
from dataclasses import asdict, dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

BODY = json.dumps({"url": "https://localhost/owner/name.git", "rev": "main", "tests": ["tests/test_a.py"]}).encode()


@dataclass(frozen=True)
class Spread:
    """Milliseconds."""

    count: int
    p50: float
    p99: float
    worst: float

    @staticmethod
    def of(seconds: list[float]) -> Spread:
        values = sorted(1000 * value for value in seconds) or [float("nan")]
        return Spread(len(seconds), _at(values, 0.5), _at(values, 0.99), round(values[-1], 2))


def _at(values: list[float], share: float) -> float:
    return round(values[min(len(values) - 1, int(share * len(values)))], 2)


@dataclass
class Wires:
    """Connections that are kept open between requests."""

    host: str
    port: int
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=list)

    async def ask(self, request: bytes) -> int:
        """The status of the answer, which is read whole."""
        self.idle = [wire for wire in self.idle if not wire[0].at_eof()]  # the server closes what is idle for long
        wire = self.idle.pop() if self.idle else await asyncio.open_connection(self.host, self.port)
        reader, writer = wire
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]))
        self.idle.append(wire)
        return int(head[9:12])


async def submit(url: str, token: str, rate: float, seconds: float) -> dict[str, object]:
    """Requests at `rate` per second, each at its time."""
    parts = urlsplit(url)
    wires = Wires(parts.hostname or "", parts.port or 80)
    head = (
        f"POST /v1/diagnoses HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
    )
    request = head.encode() + BODY
    loop, statuses = asyncio.get_running_loop(), dict[int, int]()
    latencies, lates = list[float](), list[float]()

    async def one(due: float) -> None:
        lates.append(loop.time() - due)
        status = await wires.ask(request)
        latencies.append(loop.time() - due)
        statuses[status] = statuses.get(status, 0) + 1

    begin = loop.time() + 0.2
    async with asyncio.TaskGroup() as group:
        for number in range(int(rate * seconds)):
            due = begin + number / rate
            await asyncio.sleep(max(0.0, due - loop.time()))
            group.create_task(one(due))
    return {"latency": asdict(Spread.of(latencies)), "own": asdict(Spread.of(lates)), "statuses": statuses}


class Watcher(asyncio.Protocol):
    """Keeps what arrives with its time; it is read after the measurement."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self.parts: list[tuple[float, bytes]] = []
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self.parts.append((time.time(), data))

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True

    def lags(self, since: float) -> list[float]:
        """Seconds from each event of after `since` to its arrival."""
        found, rest = list[float](), b""
        for arrived, data in self.parts:
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                if line.startswith(b"data: ") and line.rstrip().endswith(b"}"):
                    at = datetime.fromisoformat(json.loads(line[6:])["at"]).timestamp()
                    if at > since:
                        found.append(arrived - at)
        return found


async def watch(url: str, token: str, runs: list[str], watchers: int, seconds: float) -> dict[str, object]:
    """So many watchers, spread over the runs."""
    parts, loop = urlsplit(url), asyncio.get_running_loop()
    made = []
    for number in range(watchers):
        run = runs[number % len(runs)]
        request = (
            f"GET /v1/diagnoses/{run}/events HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {token}\r\n\r\n"
        )
        build = functools.partial(Watcher, request.encode())
        made.append((await loop.create_connection(build, parts.hostname or "", parts.port or 80))[1])
    await asyncio.sleep(3.0)  # until all have what was before
    since, own = time.time(), list[float]()
    while time.time() - since < seconds:
        due = loop.time() + 0.01
        await asyncio.sleep(0.01)
        own.append(loop.time() - due)
    lags = [lag for watcher in made for lag in watcher.lags(since)]
    closed = sum(watcher.closed for watcher in made)
    silent = sum(not watcher.parts for watcher in made)
    return {"lag": asdict(Spread.of(lags)), "own": asdict(Spread.of(own)), "closed": closed, "silent": silent}


def main() -> None:
    """Run one load and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("submit", "watch"))
    parser.add_argument("url")
    parser.add_argument("token")
    parser.add_argument("runs", nargs="*")
    parser.add_argument("--rate", type=float, default=50.0)
    parser.add_argument("--watchers", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=20.0)
    given = parser.parse_args()
    if given.kind == "submit":
        figures = asyncio.run(submit(given.url, given.token, given.rate, given.seconds))
    else:
        figures = asyncio.run(watch(given.url, given.token, given.runs, given.watchers, given.seconds))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
