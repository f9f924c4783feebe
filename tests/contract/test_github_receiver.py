"""`POST /webhooks/github` on a real database: what is taken, what is refused, and what is kept once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from tests import postgres
from tests.github import OLD, SECRET, examples, headers, run, run_payload
from tests.service import resolve
from workflows.exits import Refused
from workflows.github.receiver import MOST_BYTES, secrets_of, webhooks
from workflows.github.store import PostgresDeliveries
from workflows.service.api import create_app
from workflows.service.store import PostgresStore, open_store
from workflows.service.store.pool import Database
from workflows.settings import Settings

PATH = "/webhooks/github"


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    with postgres.server() as made:
        yield made


@dataclass(frozen=True)
class Desk:
    """The application, a client for it, and its database."""

    app: FastAPI
    http: httpx.AsyncClient
    store: PostgresStore

    @property
    def deliveries(self) -> PostgresDeliveries:
        return PostgresDeliveries(Database(self.store.pool))

    async def post(self, name: str, body: bytes, **more: str) -> httpx.Response:
        sent = {**headers(name, body), **more}
        return await self.http.post(PATH, content=body, headers={key: value for key, value in sent.items() if value})


@asynccontextmanager
async def _desk(address: str, home: Path, **more: Any) -> AsyncIterator[Desk]:
    given: dict[str, Any] = {"home": home, "github_secret": SECRET.decode(), "github_secret_old": OLD.decode(), **more}
    settings = Settings(**given)
    async with open_store(address, settings, wait_s=60.0) as store:
        async with store.pool.connection() as connection:
            await connection.execute("truncate github_deliveries")
        app = create_app(store, settings=settings, folder=home, resolve=resolve)
        webhooks(settings)(app, store)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as http:
            yield Desk(app, http, store)


@pytest.fixture
async def desk(server: postgres.Server, tmp_path: Path) -> AsyncIterator[Desk]:
    async with _desk(server.address, tmp_path) as made:
        yield made


def _body(**more: Any) -> bytes:
    return json.dumps({**run_payload(run()), **more}).encode()


async def test_a_signed_delivery_waits_for_the_bot(desk: Desk) -> None:
    answer = await desk.post("workflow_run", _body())
    assert (answer.status_code, answer.json()) == (202, {"status": "accepted"})
    claim = await desk.deliveries.claim(30)
    assert claim is not None
    assert claim.delivery.event.type == "run_ended"


async def test_a_delivery_that_comes_twice_is_kept_once_under_whatever_id(desk: Desk) -> None:
    """GitHub sends the same body again under the same id; who replays a captured one can choose another id."""
    for guid in ("", "72d3162e-cc78-11e3-81ab-4c9367dc0958", "72d3162e-cc78-11e3-81ab-4c9367dc0958"):
        body = _body()
        answer = await desk.post("workflow_run", body, **({"X-GitHub-Delivery": guid} if guid else {}))
        assert answer.status_code == 202
    assert (await desk.deliveries.counts())["todo"] == 1


async def test_a_taken_id_does_not_keep_another_delivery_out(desk: Desk) -> None:
    """The id is not signed: one could be spent on a replay before its own delivery arrives."""
    guid = "72d3162e-cc78-11e3-81ab-4c9367dc0958"
    for attempt in (1, 2):
        body = json.dumps(run_payload(run(attempt=attempt))).encode()
        await desk.post("workflow_run", body, **{"X-GitHub-Delivery": guid})
    assert (await desk.deliveries.counts())["todo"] == 2


async def test_the_same_delivery_from_many_sides_at_once_is_kept_once(desk: Desk) -> None:
    body = _body()
    answers = await asyncio.gather(*(desk.post("workflow_run", body) for _ in range(20)))
    assert sorted(answer.json()["status"] for answer in answers) == ["accepted"] + ["known"] * 19


async def test_work_that_was_done_is_not_done_again_and_given_up_work_is(desk: Desk) -> None:
    body = _body()
    await desk.post("workflow_run", body)
    claim = await desk.deliveries.claim(30)
    assert claim
    await desk.deliveries.dead(claim, "it never worked")
    assert (await desk.post("workflow_run", body)).json()["status"] == "accepted"
    again = await desk.deliveries.claim(30)
    assert again
    assert again.attempt == 1
    await desk.deliveries.done(again)
    assert (await desk.post("workflow_run", body)).json()["status"] == "known"
    assert await desk.deliveries.claim(30) is None


async def test_while_secrets_are_changed_both_are_good(desk: Desk) -> None:
    body = _body()
    answer = await desk.post("workflow_run", body, **headers("workflow_run", body, secret=OLD))
    assert answer.status_code == 202


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"X-Hub-Signature-256": ""}, 401),
        ({"X-Hub-Signature-256": "sha256=" + "0" * 64}, 401),
        ({"X-Hub-Signature-256": "sha1=0000"}, 401),
        ({"X-GitHub-Event": ""}, 400),
        ({"X-GitHub-Event": "Workflow Run; drop table"}, 400),
        ({"X-GitHub-Delivery": ""}, 400),
        ({"X-GitHub-Delivery": "x" * 5000}, 400),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": ""}, 415),
    ],
)
async def test_what_is_forged_or_malformed_is_refused_with_a_reason(
    desk: Desk, change: dict[str, str], status: int
) -> None:
    answer = await desk.post("workflow_run", _body(), **change)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]
    assert sum((await desk.deliveries.counts()).values()) == 0


async def test_a_body_that_was_changed_or_cut_off_is_refused(desk: Desk) -> None:
    body = _body()
    for other in (body[:-1], body + b" ", body.replace(b"failure", b"success"), b""):
        answer = await desk.http.post(PATH, content=other, headers=headers("workflow_run", body))
        assert answer.status_code == 401
    assert sum((await desk.deliveries.counts()).values()) == 0


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b'{"a": NaN}', b"\xff\xfe", b"[" * 100_000])
async def test_a_signed_body_that_is_no_object_is_refused(desk: Desk, body: bytes) -> None:
    assert (await desk.post("workflow_run", body)).status_code == 400


async def test_a_body_larger_than_githubs_is_refused_and_the_largest_is_taken(desk: Desk) -> None:
    start = json.dumps({**run_payload(run()), "x": ""}).encode()[:-2]
    most = start + b"x" * (MOST_BYTES - len(start) - 2) + b'"}'
    assert len(most) == MOST_BYTES
    assert (await desk.post("workflow_run", most)).status_code == 202
    assert (await desk.post("workflow_run", most + b" ")).status_code == 413


async def test_a_ping_is_answered_and_not_kept(desk: Desk) -> None:
    answer = await desk.post("ping", b'{"zen": "Keep it logically awesome."}')
    assert (answer.status_code, answer.json()) == (200, {"status": "pong"})
    assert sum((await desk.deliveries.counts()).values()) == 0


async def test_every_payload_that_github_published_is_taken(desk: Desk) -> None:
    sent = [(name, json.dumps({**body, "installation": {"id": 7}}).encode()) for name, body in examples()]
    for name, body in sent:
        answer = await desk.post(name, body)
        assert answer.status_code in (200, 202), (name, answer.text)
    counts = await desk.deliveries.counts()
    assert counts["todo"] > 20
    assert counts["todo"] + counts["done"] == len({one for one in sent if one[0] != "ping"})


async def test_without_a_secret_nothing_is_taken(server: postgres.Server, tmp_path: Path) -> None:
    async with _desk(server.address, tmp_path, github_secret="", github_secret_old="") as desk:
        answer = await desk.post("workflow_run", _body())
        assert answer.status_code == 404
        assert "PATCHWRIGHT_GITHUB_SECRET" in answer.json()["detail"]


async def test_without_a_database_github_is_told_to_come_again(tmp_path: Path) -> None:
    """It counts as a delivery that failed, and is asked for again when the database is back."""
    with postgres.server() as server:
        async with _desk(server.address, tmp_path) as desk:
            server.stop()
            answer = await desk.post("workflow_run", _body())
            assert answer.status_code == 503
            assert answer.headers["retry-after"]
            server.start()
            assert (await desk.post("workflow_run", _body())).status_code == 202


def test_secrets_come_from_a_file_too(tmp_path: Path) -> None:
    file = tmp_path / "secrets"
    file.write_text(f"{SECRET.decode()}\n{OLD.decode()}\n")
    assert secrets_of(Settings(github_secret_file=file)) == (SECRET, OLD)
    assert secrets_of(Settings()) == ()


@pytest.mark.parametrize("text", ["", "short\n", "a" * 20 + "\n" + "b" * 20 + "\n" + "c" * 20])
def test_secrets_that_protect_nothing_stop_the_start(tmp_path: Path, text: str) -> None:
    file = tmp_path / "secrets"
    file.write_text(text)
    with pytest.raises(Refused):
        secrets_of(Settings(github_secret_file=file))
    with pytest.raises(Refused):
        secrets_of(Settings(github_secret_file=tmp_path / "none"))
    with pytest.raises(Refused):
        secrets_of(Settings(github_secret=SecretStr("short")))
