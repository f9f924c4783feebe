"""The meters' host, for as long as one revision runs: cron, mod_wsgi, the suppliers, callers, and a clock that is set.

    python meters_host.py CHECKOUT RUN LOGS < plan.json

It writes what `date`, Apache's access log and Apache's error log would; every other line is the system's own.
"""

from __future__ import annotations

import io
import json
import os
import queue
import random
import resource
import sqlite3
import sys
import threading
import time
from pathlib import Path
from typing import Any

OP_S = 4e-5  # seconds that one step of SQLite takes on this host
LIMIT_S = 3.0
METERS = 60


class Counted(sqlite3.Connection):
    """A connection whose work is the request's time."""

    spent = threading.local()

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.set_progress_handler(self._step, 50)

    def _step(self) -> int:
        self.spent.seconds = getattr(self.spent, "seconds", 0.0) + 50 * OP_S
        return 0


def main() -> None:
    checkout, run, logs = map(Path, sys.argv[1:4])
    plan = json.load(sys.stdin)
    sys.path.insert(0, str(checkout))
    sys.dont_write_bytecode = True
    os.environ |= {"METERS_RUN": str(run), "METERS_NOW": str(plan["begin"]), "METERS_STAMP": plan["stamp"]}
    chosen = random.Random(plan["begin"])  # noqa: S311 - traffic
    real = sqlite3.connect
    sqlite3.connect = lambda *args, **more: real(*args, **more, factory=Counted)  # type: ignore[assignment]
    from meters import store  # type: ignore[import-not-found]

    with store.connect() as db:
        store.migrate(db)
        if not db.execute("SELECT count(*) FROM readings").fetchone()[0]:
            seed(store, db)
    for now in range(plan["begin"], plan["end"], 60):
        os.environ["METERS_NOW"] = str(now)
        if now % 900 == 0:
            deliver(run / "inbox", now, chosen, plan)
            cron(logs / "night.log", now + 1, bool(plan["stamp"]))
        apache(logs, now, chosen, plan)


def seed(store: Any, db: sqlite3.Connection) -> None:
    """A year's readings, as they were before."""
    store.insert(db, [(meter, f"2026-02-{1 + n % 28:02d}T{n % 24:02d}:00", 20.0 + meter % 7, meter % 4, 600)
                      for n in range(400) for meter in range(1, METERS + 1)])  # fmt: skip


def deliver(inbox: Path, now: int, chosen: random.Random, plan: dict[str, Any]) -> None:
    """The suppliers' files of this quarter of an hour."""
    after = {name: at for name, at in plan["faults"].items() if now >= at}
    for supplier, first in (("north", 1), ("south", METERS // 2 + 1)):
        unit = "energy_kwh" if supplier == "south" and "header" in after else "kwh"
        rows = [f"meter;taken;{unit}"]
        for meter in range(first, first + METERS // 2):
            kwh = f"{20.0 + meter % 7 + chosen.uniform(-8, 8):.1f}"
            kwh = "-0.1" if chosen.random() < 0.01 else kwh
            taken = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(now))
            rows.append(f"{meter};{taken};{kwh.replace('.', ',') if supplier == 'south' else kwh}")
        text = "\n".join(rows) + "\n"
        if supplier == "south" and "late" in after and chosen.random() < 0.8:
            (inbox / "south.csv").unlink(missing_ok=True)
            (inbox / "south.part").write_text(text)
            (inbox / "south.late").write_text(str(chosen.randint(1, 4)))
        else:
            (inbox / f"{supplier}.csv").write_text(text)


def cron(log: Path, now: int, stamped: bool) -> None:
    """`(date; python -m meters.night) >> night.log 2>&1`, in a process of its own."""
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
        return
    os.closerange(3, 4096)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.environ["METERS_NOW"] = str(now)
    if not stamped:
        os.write(1, time.strftime("%a %b %e %H:%M:%S UTC %Y\n", time.gmtime(now)).encode())
    time.sleep = arrive  # type: ignore[assignment]
    from meters import night

    os._exit(night.run())


def arrive(seconds: float) -> None:
    """A minute passes; the file that is late comes when its minutes are over."""
    os.environ["METERS_NOW"] = str(float(os.environ["METERS_NOW"]) + seconds)
    late = Path(os.environ["METERS_RUN"], "inbox", "south.late")
    left = int(late.read_text()) - 1
    late.write_text(str(left))
    if not left:
        late.with_name("south.part").rename(late.with_name("south.csv"))


def asked(chosen: random.Random, scanned: bool) -> tuple[str, str, str]:
    """Path, query and host of a request."""
    if scanned:
        path = chosen.choice(("/wp-login.php", "/.env", "/admin/setup", "/zones", "/.git/config", "/meter/1"))
        return path, "", chosen.choice(("meters.example", "203.0.113.9", "localhost"))
    kind, meter = chosen.random(), chosen.randint(1, METERS)
    usual = (
        (0.02, "/meter/main", "", "meters.example"),
        (0.05, "/favicon.ico", "", "meters.example"),
        (0.2, "/zones", "", "meters.example"),
        (0.6, f"/meter/{meter}", "", "meters.example"),
        (0.8, "/bill", f"meter={meter}", "app.meters.example"),
        (1.0, "/bill", f"meter={meter}&month=3", "meters.example"),
    )
    return next(request[1:] for request in usual if kind < request[0])


def apache(logs: Path, now: int, chosen: random.Random, plan: dict[str, Any]) -> None:
    """A minute of requests, two at a time in two threads; their lines in the error log mix as they come."""
    scan = plan["faults"].get("scan")
    for second in range(0, 60, 10):
        scanned = scan is not None and scan <= now < scan + 1500
        moment = now + second + chosen.random()
        os.environ["METERS_NOW"] = str(moment)
        lines: list[list[str]] = []
        for thread in range(2):
            request = (*asked(chosen, scanned and chosen.random() < 0.7), f"{now}-{second}-{thread}")
            told: queue.Queue[Any] = queue.Queue()
            worker = threading.Thread(target=serve, args=(request, told))
            limit = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (plan["files"], limit[1]))  # the portal's; the host has more
            worker.start()
            worker.join()
            resource.setrlimit(resource.RLIMIT_NOFILE, limit)
            access, errors = told.get()
            who = f"10.2.0.{chosen.randint(2, 40)}"
            stamp = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(moment))
            with (logs / "portal-access.log").open("a") as file:
                file.write(f"{who} - - [{stamp}] {access}\n")
            head = time.strftime(f"[%a %b %d %H:%M:%S.{int(moment % 1 * 1e6):06d} %Y]", time.gmtime(moment))
            head += f" [wsgi:error] [pid 214:tid {140216 + thread * 8}] [remote {who}:{chosen.randint(40000, 60000)}] "
            lines.append([head + line for line in errors])
        with (logs / "portal-error.log").open("a") as file:
            while any(lines):
                file.write(chosen.choice([each for each in lines if each]).pop(0) + "\n")


def serve(request: tuple[str, str, str, str], told: queue.Queue[Any]) -> None:
    """One request: what its line of the access log says after the time, and its lines for the error log."""
    from portal.app import application  # type: ignore[import-not-found]

    path, query, host, name = request
    Counted.spent.seconds = 0.0
    errors = io.StringIO()
    status: list[str] = []
    environ = {"PATH_INFO": path, "QUERY_STRING": query, "HTTP_HOST": host, "REQUEST_ID": name, "wsgi.errors": errors}
    body = b"".join(application(environ, lambda code, headers: status.append(code[:3])))
    spent = 0.004 + Counted.spent.seconds
    lines = errors.getvalue().splitlines()
    if spent > LIMIT_S:
        status, body, spent = ["504"], b"", LIMIT_S
        lines = ["Timeout when reading response headers from daemon process 'portal': /srv/meters/portal/app.py"]
    url = f"{path}?{query}" if query else path
    agent = "okhttp/4.12" if host.startswith("app.") else "Mozilla/5.0"
    told.put((f'"GET {url} HTTP/1.1" {status[0]} {len(body)} "-" "{agent}" {int(spent * 1e6)}', lines))


if __name__ == "__main__":
    main()
