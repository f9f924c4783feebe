"""What every ledger promises: the one on Postgres, and the one in memory that the publisher's tests use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests import postgres
from tests.bot import bot
from tests.fakes.ledger import FakeLedger
from tests.github import PLACE, commit
from workflows.github.ledger import Ledger
from workflows.github.store import EPOCH, PostgresLedger
from workflows.github.values import AccessChanged, Case, Decision, Published, case_key


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    with postgres.server() as made:
        yield made


@pytest.fixture
async def real(server: postgres.Server, tmp_path: Path) -> AsyncIterator[PostgresLedger]:
    async with bot(server.address, tmp_path) as made:
        yield made.ledger


@pytest.fixture(params=["memory", "postgres"])
def ledger(request: pytest.FixtureRequest, real: PostgresLedger) -> Ledger:
    return FakeLedger() if request.param == "memory" else real


def _case(number: int = 1, *, subject: int = 1, **more: Any) -> Case:
    decision = Decision(kind="diagnose", signature=f"{number:016x}", jobs=(), reason="a \x00 and a \ud800 in it")
    fields: dict[str, Any] = {"head_sha": commit(number), "run": 500, "decision": decision, **more}
    key = case_key(PLACE, subject, fields["head_sha"], decision.signature)
    return Case(key=key, place=PLACE, subject=subject, **fields)


async def test_a_case_is_opened_once_and_stands_as_it_is(ledger: Ledger) -> None:
    case, fresh = await ledger.open_case(_case())
    assert fresh
    await ledger.change(case.model_copy(update={"state": "diagnosing", "diagnosis": "d1"}))
    known, fresh = await ledger.open_case(_case())
    assert (known.state, known.diagnosis, fresh) == ("diagnosing", "d1", False)
    assert known.decision == case.decision
    assert await ledger.case(case.key) == known == await ledger.case_of("d1")
    assert await ledger.case("none") is None
    assert await ledger.case_of("") is None


async def test_many_that_open_the_same_case_make_one(ledger: Ledger) -> None:
    made = await asyncio.gather(*(ledger.open_case(_case()) for _ in range(8)))
    assert sorted(fresh for _, fresh in made) == [False] * 7 + [True]
    assert len(await ledger.cases(PLACE, 1)) == 1


async def test_cases_of_a_pull_request_come_in_order_and_the_newest_200(ledger: Ledger) -> None:
    for number in range(203):
        await ledger.open_case(_case(number))
    await ledger.open_case(_case(1, subject=2))
    found = await ledger.cases(PLACE, 1)
    assert [case.head_sha for case in found] == [commit(number) for number in range(3, 203)]


async def test_what_was_said_is_remembered(ledger: Ledger) -> None:
    assert await ledger.published(PLACE, 1) == Published()
    said = Published(comment=7, digest="d", checks={"k": 3})
    await ledger.keep_published(PLACE, 1, said)
    assert await ledger.published(PLACE, 1) == said
    assert await ledger.published(PLACE, 2) == Published()


async def test_one_speaks_about_a_pull_request_at_a_time(ledger: Ledger) -> None:
    async with ledger.alone(PLACE, 1) as mine:
        async with ledger.alone(PLACE, 1) as theirs, ledger.alone(PLACE, 2) as other:
            assert (mine, theirs, other) == (True, False, True)
        async with ledger.alone(PLACE, 1) as still:
            assert not still
    async with ledger.alone(PLACE, 1) as again:
        assert again


async def test_who_breaks_off_speaking_leaves_the_word_to_others(ledger: Ledger) -> None:
    with pytest.raises(RuntimeError, match="broken off"):
        async with ledger.alone(PLACE, 1):
            raise RuntimeError("broken off")
    async with ledger.alone(PLACE, 1) as again:
        assert again


async def test_without_a_report_there_is_no_result(ledger: Ledger) -> None:
    assert await ledger.result("../../etc/passwd") is None
    assert await ledger.result("20250101-000000-" + "a" * 32) is None


async def test_the_word_is_lost_with_the_connection_that_had_it(server: postgres.Server, tmp_path: Path) -> None:
    """A publisher that dies does not silence the next one."""
    async with bot(server.address, tmp_path) as made:
        holding = made.ledger.alone(PLACE, 1)
        assert await holding.__aenter__()
        async with made.store.pool.connection() as connection:
            await connection.execute(
                "select pg_terminate_backend(pid, 30000) from pg_locks"  # and wait for its end
                " where locktype = 'advisory' and pid <> pg_backend_pid()"
            )
        async with made.ledger.alone(PLACE, 1) as mine:
            assert mine
        await asyncio.gather(holding.__aexit__(None, None, None), return_exceptions=True)


async def test_news_are_pull_requests_with_a_case_that_changed(real: PostgresLedger) -> None:
    case, _ = await real.open_case(_case())
    await real.open_case(_case(2, subject=2))
    first = await real.changed(EPOCH)
    assert [one[:2] for one in first] == [(42, 1), (42, 2)]
    await real.change(case.model_copy(update={"state": "settled"}))
    assert [one[:2] for one in await real.changed(first[-1][2])] == [(42, 1)]
    assert await real.changed((await real.changed(EPOCH))[-1][2] + timedelta(seconds=1)) == ()


async def test_access_is_for_all_or_for_one_repository_and_comes_back(real: PostgresLedger) -> None:
    async def told(*, gone: bool, repositories: tuple[int, ...] = ()) -> bool:
        await real.keep_access(AccessChanged(installation=7, gone=gone, repositories=repositories))
        return await real.may_ask(PLACE)

    assert await real.may_ask(PLACE)
    assert await told(gone=True, repositories=(99,))
    assert not await told(gone=True, repositories=(42,))
    assert await told(gone=False, repositories=(42,))
    assert not await told(gone=True)
    assert await told(gone=False)
    assert not await told(gone=True, repositories=(42,))
    assert await told(gone=False), "a new installation has all that it was given"


async def test_open_cases_are_those_that_an_installation_has_under_way(real: PostgresLedger) -> None:
    await real.open_case(_case(1))
    await real.open_case(_case(2, state="diagnosing"))
    await real.open_case(_case(3, state="settled"))
    assert len(await real.open_cases(7)) == len(await real.open_cases(7, 42)) == 2
    assert await real.open_cases(7, 43) == await real.open_cases(8) == ()
    assert await real.any_case(PLACE)
    assert len(await real.cases_at(PLACE, commit(2))) == 1
