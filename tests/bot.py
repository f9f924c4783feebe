"""The bot on a real database, beside a forge in memory with a real repository: what acceptance of events needs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.acceptance.repositories import commit, git, repository
from tests.fakes.forge import FakeForge
from tests.github import PLACE, job, pull, run
from tests.github_logs import red, zipped
from workflows.github.book import Delivery
from workflows.github.events import event_of
from workflows.github.parts import Parts
from workflows.github.store import PostgresDeliveries, PostgresLedger
from workflows.github.values import Case, CiRun, PullRequest
from workflows.github.work import Pace, Work
from workflows.service.store import PostgresStore, open_store
from workflows.service.store.pool import Database
from workflows.service.values import Principal, Run
from workflows.settings import Settings

TABLES = (
    "github_deliveries, github_cases, github_published, github_access, github_redelivered, github_reactions, "
    "github_log, runs, idempotency"
)
WHO = Principal(tenant="default", token="github", scopes=frozenset({"submit", "read"}))
QUICK = Pace(idle_s=0.01, lease_s=5.0, retry_s=0.0, longest_s=0.0, missed_s=1000.0)


@dataclass
class Bot:
    """The bot and all around it. heads: commits of the repository, the base first, then those of the topic."""

    store: PostgresStore
    settings: Settings
    forge: FakeForge
    parts: Parts
    deliveries: PostgresDeliveries
    ledger: PostgresLedger
    heads: tuple[str, ...]
    work: Work
    sent: int = 0

    async def deliver(self, name: str, body: Mapping[str, Any]) -> bool:
        """Put a delivery before the bot, each one another."""
        self.sent += 1
        data = json.dumps({**body, "sent": self.sent}).encode()
        event = event_of(name, data)
        return await self.deliveries.put(
            Delivery(digest=str(self.sent), guid=f"guid-{self.sent}", name=name, event=event)
        )

    async def drain(self) -> None:
        """Work on all that is due."""
        while await self.work.one():
            pass
        await self.work.settled()

    async def cases(self, subject: int = 1) -> tuple[Case, ...]:
        return await self.ledger.cases(PLACE, subject)

    async def case(self, subject: int = 1) -> Case:
        (found,) = await self.cases(subject)
        return found

    async def diagnoses(self) -> tuple[Run, ...]:
        return (await self.store.runs("default", limit=200)).runs

    async def finish(self, diagnosis: str, outcome: str = "diagnosed") -> None:
        """What a worker does in the end."""
        async with self.store.pool.connection() as connection:
            row = await (await connection.execute("select job from runs where id = %s", (diagnosis,))).fetchone()
        assert row is not None
        claim = await self.store.claim("default", diagnosis, row["job"])
        assert claim is not None
        await self.store.end(claim, "finished", "finished", outcome=outcome)

    def pull(self, head: int = 1, number: int = 1, **more: Any) -> PullRequest:
        """The pull request with its head at one of the topic's commits, as the forge has it from now on."""
        made = pull(number, head_sha=self.heads[head], base_sha=self.heads[0], **more)
        self.forge.pulls[number] = made
        return made

    def red(self, number: int = 500, *, head: int = 1, jobs: Mapping[str, str] | None = None, **more: Any) -> CiRun:
        """A run of the pull request's head that failed. jobs: names and logs; one job that fails a test if not said."""
        logs = dict(jobs or {"test": red()})
        made = run(number, head_sha=self.heads[head], **more)
        self.forge.all_runs[number, made.attempt] = made
        self.forge.all_jobs[number, made.attempt] = tuple(
            job(100 * number + 10 * made.attempt + at, made, name=name, conclusion=made.conclusion)
            for at, name in enumerate(logs)
        )
        self.forge.logs[number, made.attempt] = zipped(logs)
        return made

    def again(self, **pace: Any) -> None:
        """As if the process had ended and another began."""
        self.work = Work(self.parts, self.deliveries, None, pace=replace(QUICK, **pace))


@asynccontextmanager
async def bot(address: str, home: Path, **more: Any) -> AsyncIterator[Bot]:
    """A bot over an empty database, its pull request 1 with two commits beyond the base."""
    root = repository(home / "origin")
    heads = [git(root, "rev-parse", "HEAD")]
    git(root, "checkout", "-q", "-b", "topic-1")
    heads += [commit(root, {"shop/more.py": f"N = {n}\n"}, f"Change {n}") for n in (1, 2, 3)]
    settings = Settings(home=home / "home", sandbox="auto", model_url="", **more)
    forge = FakeForge(repository=root, people={"ada": "write", "eve": "read", "root": "admin"})
    async with open_store(address, settings, wait_s=5.0) as store:
        async with store.pool.connection() as connection:
            await connection.execute(f"truncate {TABLES} cascade")
        database = Database(store.pool)
        ledger = PostgresLedger(database, settings.home / "runs")
        parts = Parts(reads=forge, book=ledger, store=store, who=WHO, settings=settings)
        deliveries = PostgresDeliveries(database)
        work = Work(parts, deliveries, None, pace=QUICK)
        made = Bot(store, settings, forge, parts, deliveries, ledger, tuple(heads), work)
        made.pull()
        yield made
