"""The test bench: a system made and deployed for real, with traffic, faults, and logs by a clock that runs fast.

Deploys restart a service from a checkout of its new revision. Nothing here writes a line of a service's log.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import http.server
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.incidents import clinic, courier, shop, venue
from tests.ports import free_ports

SPEED = 60.0  # seconds of the hosts' clock in one of the wall
SHOWN = dt.datetime(2026, 3, 2, 10, 0, tzinfo=dt.UTC).timestamp()
_READY_S = 120.0
HARM_S = 2.0  # of the wall, in which a change does harm before it is rolled back, however slow the machine is
AFTER_S = 4.0  # of the wall, after the last event
_AUTHORS = ("Ann Alder <ann@shop.example>", "Bo Birch <bo@shop.example>", "Cy Cedar <cy@shop.example>")

Edits = Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class Change:
    """A commit to be made: file -> (text that is there, text instead); a file that is not there yet has "".

    merged: it is made on a branch, which a merge commit of that subject brings in.
    """

    subject: str
    edits: Edits
    culprit: bool = False
    merged: str = ""


@dataclass(frozen=True)
class Release:
    """Commits that go live together. at: seconds of the wall from the start; services: those that are restarted.

    back: what ran before the services' last deploy goes live again instead.
    """

    at: float
    services: tuple[str, ...]
    changes: tuple[Change, ...] = ()
    back: bool = False


@dataclass(frozen=True)
class System:
    """What is deployed. services: in the order of their first start; serving: those that are called.

    outside: a company's service without a log; entry: service and path that clients call; query: what one asks for.
    module: how a service is started; pins: the file of its libraries; past: commits before the first deploy; dated: the
    commits have the hosts' clock.
    """

    files: Mapping[str, str]
    libraries: Mapping[str, str]
    topology: str
    services: tuple[str, ...]
    serving: tuple[str, ...]
    outside: str
    entry: tuple[str, str]
    query: Callable[[random.Random], Mapping[str, object]]
    messages: bool = False
    module: str = "services.{}.app"
    pins: str = "requirements-services.txt"
    past: tuple[Change, ...] = ()
    dated: bool = False


SHOP = System(
    shop.FILES, shop.LIBRARIES, shop.TOPOLOGY, ("inventory", "orders", "gateway", "worker", "batch"),
    ("inventory", "orders", "gateway"), "payments", ("gateway", "/order"), shop.query, messages=True,
)  # fmt: skip
COURIER = System(
    courier.FILES, courier.LIBRARIES, courier.TOPOLOGY, ("tracker", "depot", "quotes", "portal"),
    ("tracker", "depot", "quotes", "portal"), "geocoder", ("portal", "/send"), courier.query,
)  # fmt: skip
CLINIC = System(
    clinic.FILES, clinic.LIBRARIES, clinic.TOPOLOGY, ("queue", "ledger", "calendar", "reminders", "desk"),
    ("queue", "ledger", "calendar", "desk"), "sms", ("desk", "/book"), clinic.query,
)  # fmt: skip
VENUE = System(
    venue.FILES, venue.LIBRARIES, venue.TOPOLOGY, ("seats", "prices", "mailer", "front"),
    ("seats", "prices", "front"), "bank", ("front", "/buy"), venue.query, messages=True, module="venue.{}",
    pins="requirements.txt", past=tuple(Change(*each) for each in venue.PAST), dated=True,
)  # fmt: skip


@dataclass(frozen=True)
class Ran:
    """What is left of an incident that was run: what a triage is given, and the culprit's commit ("" without one)."""

    repo: Path
    logs: Path
    deploys: Path
    topology: Path
    culprit: str


@dataclass
class Bench:
    """One run in `folder`. limits: service -> what `ulimit` is told."""

    folder: Path
    seed: int
    limits: Mapping[str, str] = field(default_factory=dict)
    clients: int = 2
    pause: float = 0.03
    system: System = SHOP

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311 - traffic
        self.repo, self.logs, self.run = (self.folder / name for name in ("repo", "logs", "run"))
        for path in (self.repo, self.logs, self.run, self.folder / "libraries"):
            path.mkdir(parents=True)
        for name, text in self.system.libraries.items():
            (self.folder / "libraries" / name).mkdir()
            (self.folder / "libraries" / name / f"{name.partition('==')[0]}.py").write_text(text)
        self.began = time.time()
        self.ports = _ports((*self.system.serving, self.system.outside))
        self.payments = Payments(self.ports[self.system.outside])
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.deploys: list[dict[str, str]] = []
        self.culprit, self.commits = "", 0
        self._quiet = threading.Event()
        self._over = threading.Event()
        self._busy = threading.Lock()

    def shown(self) -> float:
        """The hosts' clock, in seconds since 1970."""
        return SHOWN + (time.time() - self.began) * SPEED

    def now(self) -> str:
        """The hosts' clock as deploys write it."""
        return f"{dt.datetime.fromtimestamp(self.shown(), dt.UTC):%Y-%m-%dT%H:%M:%SZ}"

    # the repository

    def git(self, *args: str, author: str = _AUTHORS[0]) -> str:
        name, mail = author.rstrip(">").split(" <")
        who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER")
               for what, value in (("NAME", name), ("EMAIL", mail))}  # fmt: skip
        if self.system.dated:
            who |= {f"GIT_{role}_DATE": f"@{int(self.dated())} +0000" for role in ("AUTHOR", "COMMITTER")}
        env = {"PATH": os.defpath, "HOME": os.devnull, "GIT_CONFIG_GLOBAL": os.devnull, **who}
        return subprocess.run(
            ["git", "-C", str(self.repo), *args], env=env, check=True, capture_output=True, text=True
        ).stdout.strip()

    def dated(self) -> float:
        """The hosts' clock at a commit: those before the first deploy are three hours apart."""
        self.commits += 1
        return self.shown() if self.deploys else SHOWN - 86_400 * 9 + 10_800 * self.commits

    def history(self) -> None:
        """The shop as it came to be: a first commit, and one for what each part says of itself; then its past."""
        self.git("init", "-q", "-b", "main")
        for name, text in self.system.files.items():
            path = self.repo / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.partition("\n")[2] if text.startswith('"""') else text)
        self._commit("all of it")
        for name, text in self.system.files.items():
            if text.startswith('"""'):
                (self.repo / name).write_text(text)
                self._commit(f"say what {name} is for")
        for change in self.system.past:
            self.change(change)

    def _commit(self, subject: str) -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", subject, author=self.random.choice(_AUTHORS))
        return self.git("rev-parse", "HEAD")

    def change(self, change: Change) -> None:
        if change.merged:
            self.git("checkout", "-q", "-b", "topic")
        for name, (old, new) in change.edits.items():
            path = self.repo / name
            text = path.read_text() if path.exists() else ""
            assert old in text, f"{change.subject}: {name} has no {old!r}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace(old, new, 1) if old else text + new)
        commit = self._commit(change.subject)
        if change.merged:
            self.git("checkout", "-q", "main")
            self.git("merge", "-q", "--no-ff", "-m", change.merged, "topic")
            self.git("branch", "-q", "-d", "topic")
        if change.culprit:
            self.culprit = commit

    # services

    def deploy(self, services: Sequence[str], previous: str = "", revision: str = "") -> None:
        """Restart services from a checkout of a revision (HEAD), while no request is under way."""
        revision = revision or self.git("rev-parse", "HEAD")
        place = self.folder / "deployed" / revision[:12]
        if not place.exists():
            self.git("worktree", "add", "-q", "--detach", str(place), revision)
        with self._still():
            for name in services:
                self.stop(name)
                said = {"previous": previous} if previous else {}
                self.deploys.append({"time": self.now(), "service": name, "revision": revision, **said})
                self.start(name, place)

    def start(self, name: str, place: Path) -> None:
        pin = (place / self.system.pins).read_text().strip()
        clock = f"{self.began},{SHOWN},{SPEED}"
        env = {
            "PATH": os.defpath, "PYTHONPATH": f"{self.folder / 'libraries' / pin}", "BENCH_RUN": str(self.run),
            "BENCH_CLOCK": clock, "SERVICE": name, "MALLOC_ARENA_MAX": "1", "PYTHONDONTWRITEBYTECODE": "1",
            **{f"PORT_{other.upper()}": str(port) for other, port in self.ports.items()},
        }  # fmt: skip
        ready = self.run / f"ready-{name}"
        ready.unlink(missing_ok=True)
        limit = f"ulimit {self.limits[name]}; " if name in self.limits else ""
        with (self.logs / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                ["sh", "-c", f'{limit}exec "$@"', "sh", sys.executable, "-m", self.system.module.format(name)],
                cwd=place, env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        self.processes[name] = process
        until = time.monotonic() + _READY_S
        while not ready.exists() and process.poll() is None:
            assert time.monotonic() < until, f"{name} did not get ready"
            time.sleep(0.01)

    def stop(self, name: str) -> None:
        process = self.processes.pop(name, None)
        if process is not None and process.poll() is None:
            process.terminate()
            process.wait(10)

    @contextlib.contextmanager
    def _still(self) -> Iterator[None]:
        self._quiet.set()
        with self._busy:
            time.sleep(0.15)
            yield
        self._quiet.clear()

    # traffic

    def client(self, seed: int) -> None:
        chosen = random.Random(seed)  # noqa: S311
        while not self._over.is_set():
            if self._quiet.is_set():
                time.sleep(0.01)
                continue
            service, path = self.system.entry
            query = urllib.parse.urlencode(self.system.query(chosen))
            url = f"http://127.0.0.1:{self.ports[service]}{path}?{query}"
            with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
                answer.read()
            self._over.wait(self.pause)

    def _mails(self) -> None:
        number = 0
        while not self._over.wait(0.1):
            number += 1
            self.message(f"{number:06d}", json.dumps({"order": number, "to": " Ann@Shop.example "}))

    def message(self, name: str, text: str) -> None:
        """Put a message before the worker."""
        part = self.run / f"{name}.part"
        part.write_text(text)
        part.replace(self.run / "spool" / f"{name}.json")

    # all of it

    def play(
        self, seconds: float, releases: Sequence[Release], faults: Sequence[tuple[float, Callable[[Bench], None]]]
    ) -> Ran:
        """Run the incident, and write down what a triage is given."""
        self.history()
        first = self.git("rev-list", "--max-parents=0", "HEAD")
        threads: list[threading.Thread] = []
        try:
            self.payments.begin()
            self.deploy(self.system.services, previous=first)
            threads = [threading.Thread(target=self.client, args=(self.seed + n,)) for n in range(self.clients)]
            threads += [threading.Thread(target=self._mails)] if self.system.messages else []
            for thread in threads:
                thread.start()
            self._events(seconds, releases, faults)
        finally:
            self._over.set()
            for thread in threads:
                thread.join()
            for name in list(self.processes):
                self.stop(name)
            self.payments.end()
        for log in self.logs.glob("*.log"):  # as the hosts' clock has it: some styles leave the year to the file's date
            os.utime(log, (self.shown(), self.shown()))
        shutil.rmtree(self.folder / "deployed")
        self.git("worktree", "prune")
        records = self.folder / "deploys.jsonl"
        records.write_text("".join(f"{json.dumps(record)}\n" for record in self.deploys))
        topology = self.folder / "topology.yaml"
        topology.write_text(self.system.topology)
        return Ran(self.repo, self.logs, records, topology, self.culprit)

    def _events(
        self, seconds: float, releases: Sequence[Release], faults: Sequence[tuple[float, Callable[[Bench], None]]]
    ) -> None:
        began = time.monotonic()
        events: list[tuple[float, Callable[[], None]]] = [(r.at, lambda r=r: self._release(r)) for r in releases]  # type: ignore[misc]
        events += [(at, lambda fault=fault: fault(self)) for at, fault in faults]  # type: ignore[misc]
        for at, event in sorted(events, key=lambda each: each[0]):
            time.sleep(max(0.0, at - (time.monotonic() - began)))
            event()
        time.sleep(max(AFTER_S, seconds - (time.monotonic() - began)))  # a slow machine too shows what came of it

    def _release(self, release: Release) -> None:
        if release.back:
            time.sleep(HARM_S)
        for change in release.changes:
            self.change(change)
        ran = [row["revision"] for row in self.deploys if row["service"] in release.services]
        self.deploy(release.services, revision=ran[-2] if release.back else "")


class Payments:
    """A company that takes payments: not ours, without a log. delay: seconds before it answers; status: of HTTP."""

    def __init__(self, port: int) -> None:
        self.port, self.delay, self.status = port, 0.0, 200
        self._server: http.server.ThreadingHTTPServer | None = None

    def begin(self) -> None:
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                time.sleep(outer.delay)
                with contextlib.suppress(OSError):
                    self.send_response(outer.status)
                    self.send_header("Content-Length", "2")
                    self.end_headers()
                    self.wfile.write(b"{}")

            def log_message(self, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def end(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


def _ports(names: Sequence[str]) -> dict[str, int]:
    return {name: free_ports() for name in names}
