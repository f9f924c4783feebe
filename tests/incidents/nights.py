"""Incidents of the meters' system: what goes live when, what breaks, and the truth. Every second one is held out.

Nothing waits here: the host's clock is set, so that six hours take a few seconds.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.incidents.bench import Ran
from tests.incidents.meters import FIRST, PAST, Step

BEGIN = int(dt.datetime(2026, 3, 4, 0, 0, tzinfo=dt.UTC).timestamp())
HOST = Path(__file__).with_name("meters_host.py")
BRITISH = "%d/%m/%Y %H:%M:%S "
_AUTHORS = ("Di Dunn <di@meters.example>", "Ed Elm <ed@meters.example>")


@dataclass(frozen=True)
class Night:
    """One incident of `hours`. releases: minute -> commits that go live then; faults: name -> the minute it begins.

    told: how deploys are known: "tags", "events" (of Kubernetes) or "" (not at all); stamp: of the loader's prints, ""
    is one line of `date` for each run; files: how many the portal may have open; causes: verdicts that are right.
    """

    name: str
    fault: str
    causes: tuple[str, ...]
    releases: Mapping[int, tuple[Step, ...]]
    faults: Mapping[str, int] = field(default_factory=dict)
    told: str = "tags"
    stamp: str = ""
    hours: float = 6
    files: int = 1024

    @property
    def culprit(self) -> bool:
        return any(step.culprit for steps in self.releases.values() for step in steps)

    @property
    def without(self) -> tuple[str, ...]:
        return ("topology",) if self.told == "events" else ("topology", "deploys")

    def play(self, folder: Path) -> Ran:
        return _Host(folder, self).play()


class _Host:
    def __init__(self, folder: Path, night: Night) -> None:
        self.folder, self.night = folder, night
        self.repo, self.logs, self.run = (folder / name for name in ("repo", "logs", "run"))
        for path in (self.repo, self.logs, self.run / "inbox", self.run / "published"):
            path.mkdir(parents=True)
        self.commits: dict[str, str] = {}
        self.culprit, self.versions = "", 0
        self.events: list[dict[str, object]] = []

    def play(self) -> Ran:
        self._history()
        minutes = sorted(self.night.releases)
        self._live(BEGIN - 86_400)
        self._host(0, minutes[0])
        for minute, until in zip(minutes, [*minutes[1:], int(self.night.hours * 60)], strict=True):
            at = BEGIN + minute * 60
            for number, step in enumerate(self.night.releases[minute]):
                self._step(step, at - 1500 + 240 * number)
            self._live(at - 20)
            self._host(minute, until)
        events = self.folder / "events.json"
        events.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": self.events}))
        return Ran(self.repo, self.logs, events, self.folder / "none", self.culprit)

    def _host(self, begin: int, end: int) -> None:
        place = self.folder / "srv" / "meters"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self.repo, place, ignore=shutil.ignore_patterns(".git"))
        faults = {name: BEGIN + minute * 60 for name, minute in self.night.faults.items()}
        plan = {"begin": BEGIN + begin * 60, "end": BEGIN + end * 60, "stamp": self.night.stamp, "faults": faults,
                "files": self.night.files}  # fmt: skip
        subprocess.run(
            [sys.executable, str(HOST), str(place), str(self.run), str(self.logs)], check=True,
            input=json.dumps(plan), text=True, env={"PATH": os.defpath, "TZ": "UTC"},
        )  # fmt: skip

    # the repository

    def _history(self) -> None:
        at = BEGIN - 20 * 86_400
        self._git(at, "init", "-q", "-b", "main")
        for name, text in FIRST.items():
            self._write(name, text)
        self._commit("Import from the old server", at)
        for number, step in enumerate(PAST):
            self._step(step, at + (number + 1) * 86_400)

    def _step(self, step: Step, at: int) -> None:
        if step.reverts:
            self._git(at, "revert", "--no-edit", self.commits[step.reverts])
        else:
            if step.branch:
                self._git(at, "checkout", "-q", "-b", "topic")
            for name, (old, new) in step.edits.items():
                path = self.repo / name
                text = path.read_text() if path.exists() else ""
                assert old in text, f"{step.subject}: {name} has no {old!r}"
                self._write(name, text.replace(old, new, 1) if old else text + new)
            self._commit(step.subject, at)
        commit = self._git(at, "rev-parse", "HEAD")
        self.commits[step.subject] = commit
        self.culprit = commit if step.culprit else self.culprit
        if step.branch:
            self._git(at, "checkout", "-q", "main")
            self._git(at + 60, "merge", "-q", "--no-ff", "-m", step.branch, "topic")
            self._git(at, "branch", "-q", "-d", "topic")

    def _write(self, name: str, text: str) -> None:
        path = self.repo / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def _commit(self, subject: str, at: int) -> None:
        self._git(at, "add", "-A")
        self._git(at, "commit", "-q", "-m", subject)

    def _git(self, at: int, *args: str) -> str:
        name, mail = _AUTHORS[at // 86_400 % 2].rstrip(">").split(" <")
        who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER")
               for what, value in (("NAME", name), ("EMAIL", mail), ("DATE", f"@{at} +0000"))}  # fmt: skip
        env = {"PATH": os.defpath, "HOME": os.devnull, "GIT_CONFIG_GLOBAL": os.devnull, **who}
        command = ["git", "-C", str(self.repo), *args]
        return subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout.strip()

    def _live(self, at: int) -> None:
        """What is checked out goes live: a tag, or what Kubernetes tells of it."""
        self.versions += 1
        revision = self._git(at, "rev-parse", "HEAD")
        if self.night.told == "tags":
            self._git(at, "tag", "-a", f"v2.{self.versions}", "-m", f"Release 2.{self.versions}")
        self.events += _events(at, revision, self.versions)


def _events(at: int, revision: str, number: int) -> Sequence[dict[str, object]]:
    """What `kubectl get events -o json` shows of a rollout."""
    pods = f"portal-{revision[7:15]}"
    said = (
        ("ScalingReplicaSet", "Deployment", "portal", f"Scaled up replica set {pods} to 1"),
        ("SuccessfulCreate", "ReplicaSet", pods, f"Created pod: {pods}-x2v7{number}"),
        ("Pulled", "Pod", f"{pods}-x2v7{number}",
         f'Successfully pulled image "registry.meters.example/portal:{revision[:12]}" in 1.21s'),
        ("Started", "Pod", f"{pods}-x2v7{number}", "Started container portal"),
    )  # fmt: skip
    when = [f"{dt.datetime.fromtimestamp(at + 4 * n, dt.UTC):%Y-%m-%dT%H:%M:%SZ}" for n in range(len(said))]
    return [
        {"apiVersion": "v1", "kind": "Event", "type": "Normal", "reason": reason, "message": message, "count": 1,
         "metadata": {"name": f"{name}.{at + n:x}", "namespace": "prod"}, "firstTimestamp": when[n],
         "lastTimestamp": when[n], "involvedObject": {"kind": kind, "name": name, "namespace": "prod"}}
        for n, (reason, kind, name, message) in enumerate(said)
    ]  # fmt: skip


# Harmless commits.
EURO = Step(
    "Spell out the currency", {"portal/bills.py": ("Total {total / 100:.2f} EUR", "Total {total / 100:.2f} euros")}
)
WIKI = Step("The wiki has moved", {"README.md": ("(see the wiki)", "(see the handbook)")})
SORTED = Step("Zones in order", {"meters/publish.py": ("GROUP BY zone", "GROUP BY zone ORDER BY zone")})
TRIES = Step(
    "Split reading from waiting",
    {
        "meters/extract.py": (
            '    path = INBOX / f"{supplier}.csv"\n',
            '    path = pathlib.Path(INBOX, f"{supplier}.csv")\n',
        )
    },
)
TARIFF = Step("Tariffs of spring", {"meters/price.py": ("31.4", "31.9")}, branch="Merge branch 'tariffs'")
ROUTES = Step(
    "Look routes up by their first part",
    {
        "portal/app.py": (
            'head, _, tail = path.strip("/").partition("/")',
            'head, tail = (*path.strip("/").split("/", 1), "")[:2]',
        )
    },
)

# Culprits.
ALL = """\
def lines(db, meter):
    return db.execute("SELECT substr(taken, 1, 10), sum(kwh), sum(cents) FROM readings"
                      " WHERE meter = ? GROUP BY 1", (meter,)).fetchall()
"""
BY_MONTH = """\
def lines(db, meter, month):
    return db.execute("SELECT substr(taken, 1, 10), sum(kwh), sum(cents) FROM readings"
                      " WHERE meter = ? AND substr(taken, 6, 2) = ? GROUP BY 1", (meter, f"{month:02d}")).fetchall()
"""
STRICT = Step(
    "Numbers are numbers", {"meters/clean.py": ('float(text.replace(",", "."))', "float(text)")}, culprit=True
)
TIGHT = Step(
    "Tolerances for the audit", {"config/night.ini": ("tolerance_pct = 60", "tolerance_pct = 6")}, culprit=True
)
MONTH = Step(
    "Bills by month",
    {
        "portal/pages.py": (
            "lines = bills.lines(db, number)",
            'lines = bills.lines(db, number, int(args["month"][0]))',
        ),
        "portal/bills.py": (ALL, BY_MONTH),
    },
    branch="Merge branch 'monthly'",
    culprit=True,
)
LEAK = Step("", reverts="Close what a request opened", culprit=True)
UNINDEXED = Step(
    "Fewer indexes, faster loads", {"migrations/004_fewer.sql": ("", "DROP INDEX readings_by_meter;\n")}, culprit=True
)

NIGHTS = (
    Night("numbers", "bug", ("change",), {135: (EURO, SORTED), 200: (WIKI, STRICT, TARIFF)}),
    Night("audit", "config", ("config",), {140: (SORTED,), 215: (EURO, TIGHT, WIKI)}, told="", stamp=BRITISH),
    Night("monthly", "bug", ("change",), {140: (SORTED,), 230: (EURO, MONTH, TARIFF)}, told="events"),
    Night("left-open", "handles", ("change",), {100: (EURO,), 160: (WIKI, LEAK, SORTED)}, files=400),
    Night("indexes", "latency", ("change", "config"), {130: (TARIFF,), 220: (UNINDEXED, EURO)}, stamp=BRITISH),
    Night("late-south", "healthy", ("healthy",), {120: (EURO,), 205: (TRIES, WIKI)}, {"late": 210}, stamp=BRITISH),
    Night("visitors", "healthy", ("healthy",), {110: (SORTED,), 240: (ROUTES, EURO)}, {"scan": 243}),
    Night("new-header", "third party", ("infrastructure", "inconclusive"), {90: (WIKI,), 215: (SORTED, EURO)},
          {"header": 235}, stamp=BRITISH),
)  # fmt: skip
