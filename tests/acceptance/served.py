"""Small real services without tests, each with a bug in its last commit, and the logs that running them writes."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

BEGAN = dt.datetime(2026, 3, 2, 10, 0, tzinfo=dt.UTC)
DEPLOYED, SECONDS = 900, 1800

PRICES = '''\
"""Prices in other currencies."""

RATES = {"usd": 2, "gbp": 3}


def convert(cents, currency):
    if currency == "eur":
        return cents
    return cents * RATES[currency]
'''
WSGI = '''\
"""A price service: GET /price?cents=..&currency=.., as JSON."""

import json
import logging
import urllib.parse

from shop.prices import convert

LOG = logging.getLogger("prices")


def app(environ, start_response):
    fields = dict(urllib.parse.parse_qsl(environ["QUERY_STRING"]))
    try:
        status, body = "200 OK", {"cents": convert(int(fields["cents"]), fields["currency"])}
    except Exception:
        LOG.exception("the request failed")
        status, body = "500 Internal Server Error", {"error": "internal"}
    data = json.dumps(body).encode()
    LOG.info('"%s %s?%s HTTP/1.1" %s %d', environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["QUERY_STRING"],
             status.split()[0], len(data))
    start_response(status, [("Content-Type", "application/json")])
    return [data]
'''
WORKER = '''\
"""A worker: one message after the other."""

import json
import logging

from shop.prices import convert

LOG = logging.getLogger("worker")


def handle(message):
    return {"order": message["order"], "cents": convert(message["cents"], message["currency"])}


def work(raw, deliver):
    """deliver: the queue's own, which only the broker can make."""
    LOG.info("received %s", raw)
    try:
        deliver(handle(json.loads(raw)))
    except Exception:
        LOG.exception("the message was not handled")
'''
DRIVER = """\
import io, json, logging, sys, wsgiref.util
sys.path.insert(0, sys.argv[1])
stamp = ""
class Clock(logging.Formatter):
    def formatTime(self, record, datefmt=None):
        return stamp
handler = logging.StreamHandler(sys.stdout)
handler.setFormatter(Clock("%(asctime)s %(levelname)s %(name)s: %(message)s"))
logging.basicConfig(level=logging.INFO, handlers=[handler])
for stamp, given in map(json.loads, sys.stdin):
    if sys.argv[2] == "wsgi":
        from shop.app import app
        environ = {"QUERY_STRING": given, "PATH_INFO": "/price", "REQUEST_METHOD": "GET"}
        wsgiref.util.setup_testing_defaults(environ)
        list(app(environ, lambda *_: None))
    else:
        from shop.worker import work
        work(given, lambda order: logging.getLogger("worker").info("delivered"))
"""


@dataclass(frozen=True)
class Served:
    """What is left of the incident. good: the revision before the bug."""

    repo: Path
    log: Path
    deploys: Path
    good: str

    def arguments(self) -> list[str | Path]:
        """Of `triage --patch`."""
        return ["triage", "--log", f"prices={self.log}", "--repo", self.repo, "--deploys", self.deploys, "--patch"]


def serve(
    folder: Path, kind: str, usual: Sequence[str], fatal: str, *, files: dict[str, str], bug: tuple[str, str]
) -> Served:
    """Commit the service, deploy a bug half-way through its traffic, and keep the log. kind: "wsgi" or "worker"."""
    repo = folder / "repo"
    (repo / "shop").mkdir(parents=True)
    for name, text in {"shop/__init__.py": "", "README.md": "prices\n", **files}.items():
        (repo / name).write_text(text)
    start = _commit(repo, "prices", first=True)
    (repo / "README.md").write_text("prices in other currencies\n")
    good = _commit(repo, "say what it is")
    before = _run(folder, repo, kind, [(second, usual[second % len(usual)]) for second in range(0, DEPLOYED, 10)])
    old, new = bug
    prices = repo / "shop" / "prices.py"
    prices.write_text(prices.read_text().replace(old, new))
    bad = _commit(repo, "look all currencies up")
    asked = [(second, fatal if second % 30 else usual[0]) for second in range(DEPLOYED + 10, SECONDS, 10)]
    log = folder / "prices.log"
    log.write_text(before + _run(folder, repo, kind, asked))
    deploys = folder / "deploys.jsonl"
    rows = [(-60, good, start), (DEPLOYED, bad, good)]
    named = [
        {"time": stamp(at), "service": "prices", "revision": revision, "previous": previous}
        for at, revision, previous in rows
    ]
    deploys.write_text("".join(json.dumps(row) + "\n" for row in named))
    return Served(repo, log, deploys, good)


def stamp(second: int) -> str:
    """A time of the incident."""
    return f"{BEGAN + dt.timedelta(seconds=second):%Y-%m-%dT%H:%M:%SZ}"


def _run(folder: Path, repo: Path, kind: str, given: Sequence[tuple[int, str]]) -> str:
    driver = folder / "driver.py"
    driver.write_text(DRIVER)
    asked = "".join(json.dumps([stamp(second), text]) + "\n" for second, text in given)
    ran = subprocess.run(
        [sys.executable, "-B", str(driver), str(repo), kind], input=asked, capture_output=True, text=True, check=True
    )
    return ran.stdout


def _commit(repo: Path, subject: str, *, first: bool = False) -> str:
    who = {"GIT_AUTHOR_NAME": "Ann", "GIT_AUTHOR_EMAIL": "ann@shop.example", "GIT_COMMITTER_NAME": "Ann",
           "GIT_COMMITTER_EMAIL": "ann@shop.example", "GIT_CONFIG_GLOBAL": os.devnull}  # fmt: skip
    for command in ([["init", "-q", "-b", "main"]] if first else []) + [["add", "-A"], ["commit", "-qm", subject]]:
        subprocess.run(["git", *command], cwd=repo, env={**os.environ, **who}, check=True)
    return subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=repo, capture_output=True, text=True, check=True
    ).stdout.strip()
