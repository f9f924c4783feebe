"""The bot under chaos: deliveries come twice, in any order or not at all, GitHub errs, and processes are killed.

    python -m tests.github_chaos [--pulls 24] [--deliveries 1000] [--kills 60] [--seed 1]

One receiver, and two each of bots, publishers and workers, as processes, on one real Postgres, against the stateful
hub. They are killed with SIGKILL again and again and replaced at once, until what was said is final. Ends with 1 unless
each failure has one case, one diagnosis and one check run, each pull request one comment, which tells of a verified
fix, and nothing was given up. Where a diagnosis lost its worker five times, the comment says that instead.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
from psycopg.rows import dict_row

from tests import postgres
from tests.acceptance import leftovers
from tests.acceptance.command import Patchwright
from tests.acceptance.repositories import RIGHT_SHOP, WRONG_CHEAPEST
from tests.ports import free_ports
from workflows.github.hub.app import bound, serving
from workflows.github.hub.control import Answer
from workflows.github.hub.demo import kept
from workflows.github.hub.hub import Hub
from workflows.github.hub.runner import Outcome, Planned
from workflows.github.hub.things import Check, Comment, Place

CACHE = Path(__file__).parents[1] / ".cache" / "test-environments"
NAME = "ada/shop"
STALL_S, MISSED_S = 4, 3
PATIENCE_S = 240.0
CREW = ("serve", "worker", "worker", "bot", "bot", "publish", "publish")
MOVING = 4  # every so manieth pull request is pushed to again, and fails again
TEST = "tests/test_prices.py::test_cheapest_of_many"
LOG = f"""\
Run python -m pytest -q
......F                                                                  [100%]
=================================== FAILURES ===================================
____________________________ test_cheapest_of_many _____________________________

    def test_cheapest_of_many():
>       assert cheapest([300, 100, 200]) == 100
E       assert 300 == 100
E        +  where 300 = cheapest([300, 100, 200])

tests/test_prices.py:37: AssertionError
=========================== short test summary info ============================
FAILED {TEST} - assert 300 == 100
1 failed, 6 passed in 0.05s
##[error]Process completed with exit code 1.
"""
FAILED = {"conclusion": "failure", "steps": [{"name": "Run tests", "conclusion": "failure", "log": LOG}]}
FINAL = "select count(*) as many from github_cases where state in ('new', 'diagnosing')"
LOST_OFTEN = "its worker died 5 times"
UNLUCKY = f"""
select c.subject from github_cases c join runs r on r.id = c.diagnosis
where r.state = 'failed' and r.problem like '%{LOST_OFTEN}%'
"""  # noqa: S608 - nothing of strangers
WAITING = "select count(*) as many from github_deliveries where state = 'todo'"


class _NoRunner:
    """Runs are given their results."""

    async def run(self, planned: Planned) -> Outcome:
        """See the protocol."""
        raise AssertionError(planned)


@dataclass
class Crew:
    """The processes, and how often each kind was killed."""

    patchwright: Patchwright
    settings: dict[str, object]
    arguments: dict[str, tuple[str, ...]]
    chance: random.Random
    living: list[tuple[str, subprocess.Popen[str]]] = field(default_factory=list)
    killed: Counter[str] = field(default_factory=Counter)
    own: dict[str, dict[str, object]] = field(default_factory=dict)

    def start(self, kind: str) -> None:
        """One more of a kind."""
        log = self.patchwright.folder / f"{kind}.log"
        wrap = ("sh", "-c", f'exec "$@" >>{log} 2>&1', "sh")
        given = {**self.settings, **self.own.get(kind, {})}
        self.living.append((kind, self.patchwright.start(*self.arguments[kind], wrap=wrap, **given)))

    def kill(self) -> None:
        """End one without a word, of a kind that was killed least or of any, and start another in its place."""
        fewest = min(self.killed[kind] for kind in set(CREW))
        wanted = [one for one in self.living if self.killed[one[0]] == fewest]
        kind, process = self.chance.choice(wanted if self.chance.random() < 0.7 else self.living)
        process.kill()
        process.communicate()
        self.living.remove((kind, process))
        self.killed[kind] += 1
        self.start(kind)

    def died(self) -> list[str]:
        """Those that ended by themselves."""
        return [f"{kind} ended by itself" for kind, process in self.living if process.poll() is not None]

    def close(self) -> None:
        """Ask all to end, and see that they do."""
        for _, process in self.living:
            process.terminate()
        for _, process in self.living:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=30)
            process.kill()
            process.communicate()


@dataclass
class Scene:
    """The hub, the crew, and the database that they share."""

    hub: Hub
    http: httpx.AsyncClient
    crew: Crew
    address: str
    chance: random.Random
    heads: dict[int, list[str]] = field(default_factory=dict)

    @property
    def place(self) -> Place:
        """The repository."""
        found = self.hub.world.named(*NAME.split("/"))
        assert found is not None
        return found

    async def does(self, what: str, **told: Any) -> Answer:
        """Something happens at the hub."""
        bearer = {"Authorization": f"Bearer {self.hub.word}"}
        answer = await self.http.post(f"{self.hub.world.web}/_hub/{what}", json=told, headers=bearer)
        answer.raise_for_status()
        found: Answer = answer.json()
        return found

    def rows(self, query: str) -> list[dict[str, Any]]:
        """What the database says."""
        with psycopg.connect(self.address, row_factory=dict_row) as connection:
            return connection.execute(query.encode()).fetchall()

    def ours(self, number: int) -> list[Comment]:
        """The bot's comments on a pull request."""
        return [one for one in self.place.comments.values() if one.number == number and one.app]

    def checks(self, sha: str) -> list[Check]:
        """The bot's check runs of a commit."""
        return [one for one in self.place.checks.values() if one.head == sha and one.app]

    async def fails(self, number: int, branch: str) -> None:
        """The newest commit of a pull request is red, in both of its workflows."""
        where = {"repository": NAME, "head": self.heads[number][-1], "branch": branch, "by": "ada"}
        for event in ("pull_request", "push"):
            await self.does("runs", **where, event=event, jobs=[{"name": "test", **FAILED}])

    async def pushed(self, branch: str, note: str) -> str:
        """A commit that breaks a test."""
        files = {"shop/prices.py": WRONG_CHEAPEST, f"notes/{branch}.md": note}
        return str((await self.does("commits", repository=NAME, branch=branch, files=files, by="ada"))["sha"])

    async def opened(self) -> None:
        """One more pull request that fails; some fail at a newer commit too."""
        branch = f"topic-{len(self.heads) + 1}"
        head = await self.pushed(branch, "one\n")
        number = int((await self.does("pulls", repository=NAME, title=branch, head=branch, by="ada"))["number"])
        self.heads[number] = [head]
        await self.fails(number, branch)
        if number % MOVING == 0:
            self.heads[number].append(await self.pushed(branch, "two\n"))
            await self.fails(number, branch)


@contextlib.asynccontextmanager
async def scene(folder: Path, address: str, chance: random.Random) -> AsyncIterator[Scene]:
    """Everything, started; the repository is green."""
    port = free_ports()
    async with (
        serving(folder / "hub", _NoRunner(), bound(0)) as hub,
        httpx.AsyncClient(timeout=PATIENCE_S, trust_env=False) as http,
    ):
        patchwright = Patchwright(folder, CACHE)
        settings: dict[str, object] = {
            "database_url": address, "stall_seconds": STALL_S, "github_missed_seconds": MISSED_S, "drain_seconds": 1,
            "limit_seconds": 100,
        }  # fmt: skip
        serve = ("serve", "--workers", "0", "--no-tokens", "--port", str(port))
        arguments = {"serve": serve, "worker": ("worker",), "bot": ("github", "bot"), "publish": ("github", "publish")}
        made = Scene(hub, http, Crew(patchwright, settings, arguments, chance), address, chance)
        app = await made.does("apps", slug="patchwright", hook=f"http://127.0.0.1:{port}/webhooks/github")
        made.crew.own = {
            "serve": {"github_secret": app["webhook_secret"]},
            "publish": {
                "github_url": hub.world.api, "github_app": app["id"],
                "github_key_file": kept(folder / "key.pem", app["pem"]),
            },
        }  # fmt: skip
        await made.does("automatic", on=False)
        await made.does("repositories", name=NAME, private=True)
        await made.does("commits", repository=NAME, branch="main", files=RIGHT_SHOP, by="ada")
        await made.does("install", app=app["id"], account="ada", repositories=[NAME])
        await made.does("disorder", twice=0.4, lost=0.05, mixed=8, seed=chance.randrange(1000))
        try:
            for kind in CREW:
                made.crew.start(kind)
            await _listens(port)
            yield made
        finally:
            made.crew.close()


def _fault(chance: random.Random) -> dict[str, Any]:
    """A call that the hub does not answer as it should: an error, an answer that is lost, a limit."""
    return {
        "path": chance.choice(("/comments", "/check-runs", "/pulls", "/contents", "access_tokens", "/jobs", "")),
        "sort": chance.choice(("status", "lost", "secondary")), "nth": chance.randint(1, 4), "status": 502,
    }  # fmt: skip


async def _listens(port: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.1)


async def happens(at: Scene, pulls: int, deliveries: int) -> None:
    """All pull requests are opened, with talk between, until so many deliveries were sent."""
    every = max(pulls, 1)
    while len(at.heads) < pulls or len(at.hub.post.log) < deliveries:
        if len(at.heads) < pulls:
            await at.opened()
            await at.does("faults", faults=[_fault(at.chance) for _ in range(3)])
        for _ in range(3):
            number = at.chance.choice(list(at.heads))
            await at.does("comments", repository=NAME, number=number, body="looks good", by="ada")
        await asyncio.sleep(at.chance.uniform(0, 24 / every))


def final(at: Scene) -> bool:
    """Whether nothing more is to be said."""
    said = all(
        "Looking at it" not in one.body and head[-1] for number, head in at.heads.items() for one in at.ours(number)
    )
    everywhere = all(at.ours(number) and _completed(at, heads) for number, heads in at.heads.items())
    lost = {one.guid for one in at.hub.post.log} - {one.guid for one in at.hub.post.log if 200 <= one.code < 300}
    return said and everywhere and not lost and not any(at.rows(one)[0]["many"] for one in (FINAL, WAITING))


def _completed(at: Scene, heads: list[str]) -> bool:
    found = at.checks(heads[-1])
    return bool(found) and all(one.status == "completed" for one in found)


async def chaos(at: Scene, pulls: int, deliveries: int, kills: int) -> list[str]:
    """Kill while things happen and until all is said; what is wrong then."""
    happening = asyncio.create_task(happens(at, pulls, deliveries))
    end = time.monotonic() + PATIENCE_S + 120 * pulls
    calm = 0
    while calm < 2:
        if happening.done():
            happening.result()  # what ended it ends all
        over = happening.done() and await asyncio.to_thread(final, at)
        calm = calm + 1 if over else 0
        if sum(at.crew.killed.values()) < kills and not over:
            await asyncio.to_thread(at.crew.kill)
        if time.monotonic() > end:
            return [*faults(at), "it did not come to an end", *at.crew.died()]
        await asyncio.sleep(at.chance.uniform(0.2, 2.5) if not over else 2.0)
    await happening
    return [*faults(at), *at.crew.died()]


def faults(at: Scene) -> Iterator[str]:
    """What is wrong about what was said, and about what is kept."""
    unlucky = {one["subject"] for one in at.rows(UNLUCKY)}
    for number, heads in at.heads.items():
        said = at.ours(number)
        wanted = LOST_OFTEN if number in unlucky else "Patchwright: Verified fix**"
        if len(said) != 1 or wanted not in said[0].body:
            yield f"pull request {number}: {len(said)} comments: {[one.body[:90] for one in said]}"
        final_checks = at.checks(heads[-1])
        if [(one.status, one.conclusion) for one in final_checks] != [("completed", "neutral")]:
            yield f"pull request {number}: check runs {[(one.external, one.status) for one in final_checks]}"
        if any(len(at.checks(head)) > 1 for head in heads):
            yield f"pull request {number}: more than one check run of a commit"
        if sum(one.number == number for one in at.place.reviews.values()) > len(heads):
            yield f"pull request {number}: suggested twice"
    yield from _kept(at)
    yield from at.hub.troubles


def _kept(at: Scene) -> Iterator[str]:
    known = {(number, head) for number, heads in at.heads.items() for head in heads}
    newest = {(number, heads[-1]) for number, heads in at.heads.items()}
    cases = at.rows("select subject, head_sha, state, diagnosis from github_cases")
    found = Counter((one["subject"], one["head_sha"]) for one in cases)
    if not newest <= set(found) <= known or set(found.values()) != {1}:
        yield f"cases: {sorted(found.items() - {(one, 1) for one in known})[:5]}, {len(newest - set(found))} missing"
    kept = at.rows("select * from runs")
    runs = {one["id"]: one["state"] for one in kept}
    for one in kept:
        if one["state"] == "failed" and LOST_OFTEN not in one["problem"]:
            yield f"a run failed: {one['problem']}"
    mine = [one["diagnosis"] for one in cases if one["diagnosis"]]
    if sorted(mine) != sorted(runs):
        yield f"{len(runs)} diagnoses for {len(mine)} cases"
    if any(
        runs.get(one["diagnosis"]) not in ("finished", "failed")
        for one in cases
        if (one["subject"], one["head_sha"]) in newest
    ):
        yield "a diagnosis of a newest commit did not finish"
    for one in at.rows("select event, problem from github_deliveries where state = 'dead'"):
        yield f"given up: {one['event']}: {one['problem']}"


def table(at: Scene) -> str:
    """What happened, in figures."""
    log = at.hub.post.log
    rows = {
        "deliveries": len(log), "  of events": len({one.guid for one in log}),
        "  not taken at first": sum(not 200 <= one.code < 300 for one in log),
        "  sent again when asked": sum(one.redelivery for one in log),
        **{f"killed: {kind}": at.crew.killed[kind] for kind in dict.fromkeys(CREW)},
        "failures": sum(map(len, at.heads.values())),
        "cases": len(at.rows("select 1 as one from github_cases")),
        "diagnoses": len(at.rows("select 1 as one from runs")), "  lost by five workers": len(at.rows(UNLUCKY)),
        "pull requests": len(at.heads),
        "comments": sum(len(at.ours(number)) for number in at.heads),
    }  # fmt: skip
    return "\n".join(f"{name:26}{value:6}" for name, value in rows.items())


async def acted(folder: Path, address: str, wanted: argparse.Namespace) -> list[str]:
    """All of it."""
    chance = random.Random(wanted.seed)  # noqa: S311 - no secrets
    async with scene(folder, address, chance) as at:
        found = await chaos(at, wanted.pulls, wanted.deliveries, wanted.kills)
        print(await asyncio.to_thread(table, at))
    return found


def main() -> int:
    """Run it and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, number in (("pulls", 24), ("deliveries", 1000), ("kills", 60), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=number)
    wanted = parser.parse_args()
    CACHE.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="patchwright-chaos-") as work, postgres.server() as database:
        folder = Path(work)
        found = asyncio.run(acted(folder, database.address, wanted))
        found += [f"left running: {process}" for process in leftovers.wait_for_none(folder)]
        for log in sorted(folder.glob("*.log")):
            if "Traceback" in (text := log.read_text(errors="replace")):
                found.append(f"a traceback in {log.name}: {text[text.index('Traceback') :][:3000]}")
    print(f"{'seconds':26}{time.monotonic() - began:6.0f}")
    print("\n".join(found) or "each failure has one case, one diagnosis and one final comment")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
