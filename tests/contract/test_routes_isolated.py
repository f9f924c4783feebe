"""Every route over the real store: a tenant changes and sees nothing of another; and every query names its tenant."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from tests import postgres
from tests.fakes.report import verified
from tests.service import URL, resolve
from tests.unit.test_api_access import ASKED, NAMES, ROUTES, WAITING, Route
from workflows.report.render import write_report
from workflows.service.api import create_app
from workflows.service.store import PostgresStore, open_store
from workflows.service.store.attempts import Claim
from workflows.service.store.queries import queries
from workflows.service.values import SCOPES
from workflows.settings import Settings

HOOK = "https://hooks.example/red"
# Queries about nobody's data, or about everybody's: asked by workers and at the start, never for a request.
OF_NOBODY = {
    "forget_keys", "call", "rescuer", "stalled", "orphans", "overdue", "live", "alive", "sequences", "token",
    "any_token", "schema", "ended", "lease", "settle", "lapsed", "forget_points", "forget_blobs", "forget_writes",
    "forget_runs", "forget_audit", "kept_runs", "excess", "standing", "traced", "unanswered",
}  # fmt: skip


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with postgres.running() as running:
        yield running


@dataclass
class Pair:
    """Red has a finished run with a report, one that waits for a person, and a token; blue has all scopes and nothing
    else.
    """

    app: FastAPI
    store: PostgresStore
    address: str
    red: str
    blue: str
    run: str
    waiting: str
    names: dict[str, str]

    async def ask(self, secret: str, method: str, path: str, body: Any) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.app)
        headers = {"Authorization": f"Bearer {secret}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers) as client:
            names = self.names | ({"run": self.waiting} if path.endswith(WAITING) else {})
            return await client.request(method, path.format(**names), json=body)

    async def claim(self, run: str) -> Claim:
        async with self.store.pool.connection() as connection:
            row = await (await connection.execute("select job from runs where id = %s", (run,))).fetchone()
        assert row is not None
        claim = await self.store.claim("red", run, row["job"])
        assert claim is not None
        return claim

    def rows(self) -> list[str]:
        """All that the database has of red, but for when its tokens were used."""
        with psycopg.connect(self.address) as connection:
            asked = """
                select to_jsonb(t)::text from runs t where tenant = 'red'
                union all select to_jsonb(e)::text from run_events e join runs r on r.id = e.run where r.tenant = 'red'
                union all select (to_jsonb(t) - 'used')::text from tokens t where tenant = 'red'
                union all select to_jsonb(t)::text from audit t where tenant = 'red'
                union all select to_jsonb(t)::text from feedback t where tenant = 'red'
                union all select to_jsonb(t)::text from idempotency t where tenant = 'red'
                union all select to_jsonb(t)::text from credentials t where tenant = 'red'
                union all select to_jsonb(t)::text from callbacks t where tenant = 'red'
                union all select to_jsonb(t)::text from approvals t where tenant = 'red'
            """
            return sorted(row for (row,) in connection.execute(asked))


@pytest.fixture
async def pair(address: str, tmp_path: Path) -> AsyncIterator[Pair]:
    settings = Settings(home=tmp_path)
    async with open_store(address, settings) as store:
        app = create_app(store, settings=settings, folder=tmp_path / "runs", resolve=resolve, heartbeat_s=0.05)
        red, blue = [(await store.issue(tenant, "t", frozenset(SCOPES)))[1] for tenant in ("red", "blue")]
        spare, _ = await store.issue("red", "spare", frozenset({"read"}))
        made = Pair(app, store, address, red, blue, "", "", {})
        made.run = (await made.ask(red, "POST", "/v1/diagnoses", {"url": URL, "callback": HOOK})).json()["id"]
        await store.end(await made.claim(made.run), "finished", "finished", outcome="verified_patch")
        made.waiting = (await made.ask(red, "POST", "/v1/diagnoses", {"url": URL, "ask": True})).json()["id"]
        await store.wait(await made.claim(made.waiting), ASKED, wait_s=60)
        report = verified()
        write_report(report, report.patch, tmp_path / "runs" / made.run)
        made.names = {"run": made.run, "evidence": report.evidence[0].id, "token": spare.id, "approval": ASKED.id}
        yield made


@pytest.mark.parametrize("route", ROUTES, ids=NAMES)
async def test_a_route_shows_and_changes_nothing_of_another_tenant(route: Route, pair: Pair) -> None:
    method, path, _, status, body = route
    before = pair.rows()
    answer = await pair.ask(pair.blue, method, path, body)
    assert pair.rows() == before
    assert pair.run not in answer.text
    assert pair.waiting not in answer.text
    if "{" in path:
        assert answer.status_code == 404
    else:
        assert answer.status_code == status
        assert "red" not in answer.text
    own = await pair.ask(pair.red, method, path, body)
    assert own.status_code == status, "so that the refusal is for blue"


def test_every_query_names_its_tenant() -> None:
    """A new one that does not is a way into other tenants' data, or belongs into the list above."""
    ours = {name: sql for name, sql in queries().items() if not name.startswith("github_")}  # the bot's: no route's
    without = {name for name, sql in ours.items() if b"%(tenant)s" not in sql}
    assert without == OF_NOBODY
