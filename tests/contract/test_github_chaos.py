"""A thousand deliveries, twice and in any order, with receivers and workers that die: one case for each failure."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from tests import postgres
from tests.bot import Bot, bot
from tests.fakes.forge import FakeForge
from tests.github import SECRET, comment_payload, headers, payload, pull_payload, run_payload
from tests.github_logs import red
from tests.service import resolve
from workflows.github.forge import ForgeAway
from workflows.github.parts import Parts
from workflows.github.receiver import mount
from workflows.github.work import Pace, Work
from workflows.service.api import create_app

DELIVERIES = 1000
PULLS = 40
MOVING = range(1, 11)  # pull requests whose head moves in between
TWOFOLD = range(5, 15)  # those that fail in two ways
SEED = 20_260_304


@dataclass
class Shaky(FakeForge):
    """A forge that does not answer one call in sixty."""

    chance: random.Random = field(default_factory=lambda: random.Random(SEED))  # noqa: S311 - chaos

    def _enter(self, call: str) -> None:
        super()._enter(call)
        if self.chance.random() < 1 / 60:
            raise ForgeAway("502")


def _jobs(number: int) -> dict[str, str]:
    """Alike in all jobs of a matrix, but for those that fail in two ways."""
    other = red("tests/test_b.py::test_b") if number in TWOFOLD else red(why="assert 7 == 8")
    return {"test (3.11)": red(), "test (3.12)": other}


def _first(desk: Bot) -> list[tuple[str, bytes]]:
    """What happens to the pull requests at first, each twice by two workflows, with what concerns nobody."""
    sent: list[tuple[str, Mapping[str, Any]]] = []
    for number in range(1, PULLS + 1):
        opened = desk.pull(number=number)
        named: dict[str, Any] = {"pull_requests": (number,)}
        sent += [
            ("pull_request", pull_payload(opened, "opened")),
            ("workflow_run", run_payload(desk.red(1000 + number, jobs=_jobs(number), **named))),
            ("workflow_run", run_payload(desk.red(2000 + number, jobs=_jobs(number), event="push", **named))),
            ("issue_comment", comment_payload(number, "looks good", comment=number)),
            ("check_suite", payload("completed", check_suite={"id": number, "head_sha": opened.head_sha})),
        ]
    return [(name, json.dumps(body).encode()) for name, body in sent]


def _second(desk: Bot) -> list[tuple[str, bytes]]:
    """Some heads move, and fail again."""
    sent: list[tuple[str, Mapping[str, Any]]] = []
    for number in MOVING:
        moved = desk.pull(head=2, number=number)
        made = desk.red(3000 + number, head=2, jobs=_jobs(number), pull_requests=(number,))
        sent += [("pull_request", pull_payload(moved, "synchronize")), ("workflow_run", run_payload(made))]
    return [(name, json.dumps(body).encode()) for name, body in sent]


def _shuffled(chance: random.Random, sent: list[tuple[str, bytes]], count: int) -> list[tuple[str, bytes]]:
    """Each at least once, in any order."""
    more = [*sent, *chance.choices(sent, k=count - len(sent))]
    chance.shuffle(more)
    return more


async def _delivered(http: httpx.AsyncClient, chance: random.Random, name: str, body: bytes) -> None:
    """Sent until it was taken; a receiver that dies on it is one that never answers."""
    while True:
        post = asyncio.create_task(http.post("/webhooks/github", content=body, headers=headers(name, body)))
        if chance.random() < 0.1:
            await asyncio.sleep(chance.uniform(0, 0.02))
            post.cancel()
        answer = (await asyncio.gather(post, return_exceptions=True))[0]
        if isinstance(answer, httpx.Response) and answer.status_code == 202:
            return


@contextlib.asynccontextmanager
async def _dying(desk: Bot, chance: random.Random) -> AsyncIterator[list[int]]:
    """Workers that are killed at random points and replaced; how often that happened."""
    deaths = [0]
    pace = Pace(idle_s=0.02, lease_s=0.8, retry_s=0.02, longest_s=0.1, missed_s=1000.0)

    async def live() -> None:
        while True:
            work = asyncio.create_task(Work(desk.parts, desk.deliveries, None, pace=pace, concurrency=2).run())
            try:
                await asyncio.wait({work}, timeout=chance.uniform(0.5, 3.0))
            finally:
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)
            deaths[0] += 1

    lives = [asyncio.create_task(live()) for _ in range(2)]
    try:
        yield deaths
    finally:
        for one in lives:
            one.cancel()
        await asyncio.gather(*lives, return_exceptions=True)


async def _worked_off(desk: Bot) -> None:
    while (await desk.deliveries.counts())["todo"]:  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0.2)


async def test_a_thousand_deliveries_make_one_case_and_one_diagnosis_for_each_failure(tmp_path: Path) -> None:
    chance = random.Random(SEED)  # noqa: S311 - chaos
    with postgres.running() as address:
        async with bot(address, tmp_path, queue_limit=5000) as desk:
            shaky = Shaky(repository=desk.forge.repository)
            desk.forge, desk.parts = shaky, _with(desk, shaky)
            app = _application(desk, tmp_path)
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://service") as http:
                async with _dying(desk, chance) as deaths:
                    first, half = _first(desk), DELIVERIES // 2
                    for part in (_shuffled(chance, first, half), None):
                        sent = part or _shuffled(chance, [*first, *_second(desk)], half)
                        for at in range(0, len(sent), 10):
                            batch = sent[at : at + 10]
                            await asyncio.gather(*(_delivered(http, chance, *one) for one in batch))
                    await _worked_off(desk)
                assert deaths[0] > 5
            await _judge(desk)


def _with(desk: Bot, forge: FakeForge) -> Parts:
    return replace(desk.parts, reads=forge)


def _application(desk: Bot, home: Path) -> FastAPI:
    app = create_app(desk.store, settings=desk.settings, folder=home, resolve=resolve)
    mount(app, desk.deliveries, (SECRET,))
    return app


async def _judge(desk: Bot) -> None:
    """Nothing was given up, every failure of a head that still counts is diagnosed, each one once."""
    assert (await desk.deliveries.counts())["dead"] == 0
    runs = {made.id: made.state for made in await _all_runs(desk)}
    owners: Counter[str] = Counter()
    for number in range(1, PULLS + 1):
        head = desk.heads[2] if number in MOVING else desk.heads[1]
        cases = await desk.cases(number)
        now = [case for case in cases if case.head_sha == head]
        assert len(now) == (2 if number in TWOFOLD else 1), number
        assert {case.state for case in now} == {"diagnosing"}
        assert {runs[case.diagnosis] for case in now} == {"queued"}
        assert {case.state for case in cases} - {"diagnosing"} <= {"superseded"}
        assert all(runs[one.diagnosis] == "cancelled" for one in cases if one not in now and one.diagnosis)
        owners.update(case.diagnosis for case in cases if case.diagnosis)
    assert set(owners.values()) == {1}
    async with desk.store.pool.connection() as connection:
        row = await (await connection.execute("select count(*) as many from idempotency")).fetchone()
    assert row == {"many": len(runs)}, "a diagnosis was queued that no case asked for"


async def _all_runs(desk: Bot) -> list[Any]:
    found: list[Any] = []
    cursor = None
    while True:
        page = await desk.store.runs("default", cursor=cursor, limit=100)
        found += page.runs
        cursor = page.next
        if cursor is None:
            return found
