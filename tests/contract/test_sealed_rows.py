"""What was submitted lies encrypted in a real Postgres, and is read where the key is; rows of before are read too."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent.domain import Request
from tests import postgres
from workflows.service.store import PostgresStore, open_store
from workflows.service.store.attempts import Claim
from workflows.service.store.envelope import RequestSealed
from workflows.service.store.rows import UNREADABLE
from workflows.service.values import Principal, Run, Submission
from workflows.settings import Settings

ADA = Principal(tenant="ada", token="t", scopes=frozenset())
CANARY = "canary-4e8d21"
WANTED = Submission(
    request=Request(source=f"https://example.org/{CANARY}.git", tests=(f"test_{CANARY}",)),
    issue=f"since {CANARY}\udcff\0", log=CANARY * 3, patches=(CANARY,),
)  # fmt: skip


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with postgres.running() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With keys `a` and `b`."""
    for name in "ab":
        (tmp_path / name).write_bytes(base64.b64encode(name.encode() * 32))
    return tmp_path


@asynccontextmanager
async def opened(address: str, folder: Path, key: str = "", old: str = "") -> AsyncIterator[PostgresStore]:
    named = {"artifacts_key": key, "artifacts_old_key": old}
    given = {name: f"file:{folder}/{one}" for name, one in named.items() if one}
    async with open_store(address, Settings(home=folder, **given)) as store:  # type: ignore[arg-type]
        yield store


async def submitted(store: PostgresStore) -> Run:
    return (await store.submit(ADA, WANTED, key=None, fingerprint="f"))[0]


async def claimed(store: PostgresStore, run: Run) -> Claim:
    async with store.pool.connection() as connection:
        row = await (await connection.execute("select job from runs where id = %s", (run.id,))).fetchone()
    claim = await store.claim(ADA.tenant, run.id, row["job"] if row else 0)
    assert claim is not None
    return claim


async def plain(store: PostgresStore, run: Run) -> list[str]:
    """Tables that hold the canary in a row that names the run."""
    return [name for name, row in await postgres.dump(store.pool) if CANARY in row and run.id in row]


async def test_with_a_key_the_database_holds_nothing_of_it_in_clear(address: str, folder: Path) -> None:
    async with opened(address, folder, "a") as store:
        run = await submitted(store)
        assert run.request == WANTED.request
        assert await plain(store, run) == []
        known = await store.run("ada", run.id)
        assert known is not None
        assert known.request == WANTED.request
        claim = await claimed(store, run)
        assert claim.run.request == WANTED.request
        assert await store.submission(claim) == WANTED


async def test_without_a_key_it_lies_there_and_a_key_that_is_set_later_reads_and_reseals_it(
    address: str, folder: Path
) -> None:
    async with opened(address, folder) as store:
        run = await submitted(store)
        assert sorted(await plain(store, run)) == ["runs", "submissions"]
    async with opened(address, folder, "a") as store:
        assert await store.submission(await claimed(store, run)) == WANTED
        assert await store.reseal("ada", run.id) == 2
        assert await store.reseal("ada", run.id) == 0
        assert await store.reseal("bob", run.id) == 0
        assert await plain(store, run) == []
        assert await store.submission(await claimed(store, run)) == WANTED


async def test_keys_change_and_afterwards_the_old_one_is_not_needed(address: str, folder: Path) -> None:
    async with opened(address, folder, "a") as store:
        run = await submitted(store)
    async with opened(address, folder, "b", "a") as store:
        assert await store.submission(await claimed(store, run)) == WANTED
        assert await store.reseal("ada", run.id) == 2
    async with opened(address, folder, "b") as store:
        assert await store.submission(await claimed(store, run)) == WANTED
        assert await store.reseal("ada", run.id) == 0


@pytest.mark.parametrize("key", ["", "b"], ids=["no key", "another key"])
async def test_without_the_key_a_run_is_seen_and_neither_read_nor_worked_on(
    address: str, folder: Path, key: str
) -> None:
    """It stays as it is for a worker that has the key; uploads are not swept by who cannot read which are needed."""
    async with opened(address, folder, "a") as store:
        run = await submitted(store)
    async with opened(address, folder, key) as store:
        seen = await store.run("ada", run.id)
        assert seen is not None
        assert (seen.state, seen.request.source) == ("queued", UNREADABLE)
        assert run.id in [one.id for one in (await store.runs("ada")).runs]
        with pytest.raises(RequestSealed, match="key"):
            await claimed(store, run)
        with pytest.raises(RequestSealed):
            await store.uploads()
        again = await store.run("ada", run.id)
        assert again is not None
        assert (again.state, again.epoch) == ("queued", 0)
    async with opened(address, folder, "a") as store:
        assert (await claimed(store, run)).run.epoch == 1


async def test_a_text_that_was_moved_to_another_run_or_changed_is_refused(address: str, folder: Path) -> None:
    async with opened(address, folder, "a") as store:
        run, other = await submitted(store), await submitted(store)
        claim = await claimed(store, run)
        for change in (
            "(select content from submissions where run = %(other)s)",
            "(select request from runs where id = %(run)s)",
            "'sealed:x'",
        ):
            sql = f"update submissions set content = {change} where run = %(run)s"  # noqa: S608
            async with store.pool.connection() as connection:
                await connection.execute(sql.encode(), {"run": run.id, "other": other.id})
            with pytest.raises(RequestSealed):
                await store.submission(claim)
