"""What every store promises about runs that wait for a person; and what only the one on Postgres can show."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from agent.asking import More, Question
from tests import postgres
from tests.contract.test_store import WAITING, FakeDesk, PostgresDesk, opened, somebody, submitted, wanted
from workflows.service.ports import NotWaiting, QueueFull
from workflows.service.store.attempts import Superseded
from workflows.service.store.pool import Cursor
from workflows.service.values import Principal, Ruling, Run

BUDGET = Question(id="q1", subject="budget", question="May it take longer?", detail="so far", consequence="it goes on")
LACKING = Question(id="q1", subject="information", question="Which tests fail?")
MORE = More(tests=("tests/test_a.py",), text="only with é\0", log="x" * 10)
HOUR = 3600.0


@dataclass
class Desk:
    """A store whose runs can ask."""

    inner: FakeDesk | PostgresDesk

    async def asking(self, who: Principal, question: Question, **fields: Any) -> Run:
        """A run of somebody's that waits."""
        run = await submitted(self.inner.store, who, wanted(**fields))
        await self.inner.begin(run)
        if isinstance(self.inner, FakeDesk):
            self.inner.fake.ask(run.id, question)
        else:
            assert await self.inner.real.wait(self.inner.claims[run.id], question, HOUR)
        return run


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with postgres.running() as running:
        yield running


@pytest.fixture
async def real(address: str) -> AsyncIterator[PostgresDesk]:
    async with opened(address) as desk:
        yield desk


@pytest.fixture(params=["fake", "postgres"])
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    if request.param == "fake":
        yield Desk(FakeDesk())
        return
    async with opened(request.getfixturevalue("address")) as made:
        yield Desk(made)


@pytest.fixture
def ada() -> Principal:
    return somebody()


async def kinds(desk: FakeDesk | PostgresDesk, run: Run) -> list[str]:
    return [event.kind for event in await desk.store.events(run.tenant, run.id)]


async def state(desk: FakeDesk | PostgresDesk, run: Run) -> str:
    known = await desk.store.run(run.tenant, run.id)
    assert known is not None
    return known.state


async def test_a_run_that_asked_waits_until_it_is_decided(desk: Desk, ada: Principal) -> None:
    """The same decision again is the same answer; another one comes too late."""
    run, store = await desk.asking(ada, BUDGET), desk.inner.store
    (asked,) = await store.approvals(ada.tenant, run.id)
    assert (asked.id, asked.question, asked.detail, asked.decision) == ("q1", BUDGET.question, "so far", None)
    assert await state(desk.inner, run) == "waiting_for_approval"
    first = await store.decide(ada, run.id, "q1", "approve", "it\0 matters")
    again = await store.decide(ada, run.id, "q1", "approve", "")
    assert first is not None
    assert (first.decision, first.by, first) == ("approve", ada.token, again)
    with pytest.raises(NotWaiting, match="approve"):
        await store.decide(ada, run.id, "q1", "deny", "")
    assert await state(desk.inner, run) == "queued"
    told = ["queued", "started", "approval_requested", "approval_decided", "queued"]
    assert await kinds(desk.inner, run) == told


async def test_a_run_that_lacks_something_is_told(desk: Desk, ada: Principal) -> None:
    """An approval is no information; the same message again is the same answer, another one comes too late."""
    run, store = await desk.asking(ada, LACKING), desk.inner.store
    with pytest.raises(NotWaiting, match="message"):
        await store.decide(ada, run.id, "q1", "approve", "")
    first, again = await store.tell(ada, run.id, MORE), await store.tell(ada, run.id, MORE)
    assert first is not None
    assert (first.decision, first) == ("message", again)
    with pytest.raises(NotWaiting):
        await store.tell(ada, run.id, More(text="and"))
    assert await kinds(desk.inner, run) == ["queued", "started", "approval_requested", "message", "queued"]


async def test_only_what_was_asked_is_answered(desk: Desk, ada: Principal) -> None:
    run, eve = await desk.asking(ada, BUDGET), somebody()
    idle = await submitted(desk.inner.store, ada)
    for name in (run.id, idle.id):
        with pytest.raises(NotWaiting):
            await desk.inner.store.tell(ada, name, MORE)
    assert await desk.inner.store.decide(ada, run.id, "q2", "approve", "") is None
    for who, name in ((eve, run.id), (ada, "x\0"), (ada, "20260101-000000-" + "0" * 32)):
        assert await desk.inner.store.approvals(who.tenant, name) == ()
        assert await desk.inner.store.decide(who, name, "q1", "approve", "") is None
        assert await desk.inner.store.tell(who, name, MORE) is None
    assert await state(desk.inner, run) == "waiting_for_approval"


async def test_a_run_that_waits_for_a_person_is_cancelled_at_once(desk: Desk, ada: Principal) -> None:
    """Its question is withdrawn: an answer comes too late."""
    run = await desk.asking(ada, BUDGET)
    cancelled = await desk.inner.store.cancel(ada, run.id)
    assert cancelled is not None
    assert cancelled.state == "cancelled"
    (asked,) = await desk.inner.store.approvals(ada.tenant, run.id)
    assert asked.decision == "withdrawn"
    with pytest.raises(NotWaiting, match="withdrawn"):
        await desk.inner.store.decide(ada, run.id, "q1", "approve", "")


# What only the real one can show.


async def asking(real: PostgresDesk, who: Principal, question: Question = BUDGET, **fields: Any) -> Run:
    return await Desk(real).asking(who, question, **fields)


async def sql(real: PostgresDesk, query: str, *values: object) -> list[dict[str, Any]]:
    async with real.real.pool.connection() as connection:
        cursor: Cursor = await connection.execute(query.encode(), values)
        return await cursor.fetchall() if cursor.description else []


async def test_of_answers_from_two_nodes_at_once_one_counts(address: str, ada: Principal) -> None:
    """However often: one decision, one job, one event, one line of the audit."""
    async with AsyncExitStack() as stack:
        nodes = [await stack.enter_async_context(opened(address)) for _ in range(2)]
        for _ in range(10):
            run = await asking(nodes[0], ada)
            rulings: tuple[Ruling, ...] = ("approve", "deny", "approve", "deny")
            answers = await asyncio.gather(
                *(nodes[at % 2].store.decide(ada, run.id, "q1", one, "") for at, one in enumerate(rulings)),
                return_exceptions=True,
            )
            late = [answer for answer in answers if isinstance(answer, NotWaiting)]
            given = [answer for answer in answers if not isinstance(answer, BaseException)]
            assert (len(late), len({str(answer) for answer in given})) == (2, 1)
            assert (await kinds(nodes[1], run)).count("approval_decided") == 1
            told = await sql(nodes[0], "select action from audit where subject = %s and action <> 'submit'", run.id)
            assert len(told) == 1
            jobs = await sql(
                nodes[0], "select id from procrastinate_jobs where args ->> 'run' = %s and status = 'todo'", run.id
            )
            assert len(jobs) == 2, "the first one, whose claim comes to nothing now, and the one that goes on"


async def test_whoever_takes_it_next_has_the_answer_and_no_failed_attempt(real: PostgresDesk, ada: Principal) -> None:
    run = await asking(real, ada, LACKING)
    old = real.claims[run.id]
    await real.store.tell(ada, run.id, MORE)
    claim = await real.claim(run)
    assert (claim.run.epoch, claim.lost) == (2, 0)
    (reply,) = await real.real.replies(ada.tenant, run.id)
    assert (reply.question, reply.decision, reply.more) == ("q1", "message", MORE)
    with pytest.raises(Superseded):
        await real.real.wait(old, BUDGET, HOUR)


async def test_the_deadline_stands_still_while_a_person_is_waited_for(real: PostgresDesk, ada: Principal) -> None:
    run = await asking(real, ada, deadline_s=60.0)
    await sql(real, "update approvals set asked = asked - interval '1 hour' where run = %s", run.id)
    await real.store.decide(ada, run.id, "q1", "approve", "")
    later = await real.store.run(ada.tenant, run.id)
    assert run.deadline is not None
    assert later is not None
    assert later.deadline is not None
    assert timedelta(hours=1) <= later.deadline - run.deadline < timedelta(hours=1, minutes=1)


async def test_a_run_that_nobody_answers_goes_on_without(real: PostgresDesk, ada: Principal) -> None:
    """Only when its time is over, and once."""
    run = await asking(real, ada)
    await real.real.rescue(60)
    assert await state(real, run) == "waiting_for_approval"
    await sql(real, "update approvals set expires = now() where run = %s", run.id)
    for _ in range(2):
        await real.real.rescue(60)
    assert await state(real, run) == "queued"
    (reply,) = await real.real.replies(ada.tenant, run.id)
    assert reply.decision == "expired"
    assert (await kinds(real, run)).count("approval_decided") == 1
    with pytest.raises(NotWaiting, match="expired"):
        await real.store.decide(ada, run.id, "q1", "approve", "")


async def test_a_waiting_run_has_no_place_among_those_that_run(real: PostgresDesk, ada: Principal) -> None:
    """It counts among those that wait, is no orphan, and keeps what was uploaded for it."""
    run = await asking(real, ada, request=wanted("upload:abc/src").request)
    room = await sql(real, "select state, slot from runs where tenant = %s", ada.tenant)
    assert room == [{"state": "waiting_for_approval", "slot": 0}]
    others = [await submitted(real.store, ada) for _ in range(3)]
    slots = await sql(real, "select distinct slot from runs where id = any(%s)", [other.id for other in others])
    assert len(slots) == 3
    await sql(real, "update runs set beat = now() - interval '1 day' where id = %s", run.id)
    await real.real.rescue(1)
    assert await state(real, run) == "waiting_for_approval"
    assert "abc" in await real.real.uploads()
    assert run.id in await real.real.alive()
    assert (await real.real.standing()).asking >= 1
    for _ in range(WAITING - 4):
        await submitted(real.store, ada)
    with pytest.raises(QueueFull):
        await submitted(real.store, ada)


async def test_a_run_that_is_to_be_cancelled_does_not_begin_to_wait(real: PostgresDesk, ada: Principal) -> None:
    run = await submitted(real.store, ada)
    await real.begin(run)
    await real.store.cancel(ada, run.id)
    assert not await real.real.wait(real.claims[run.id], BUDGET, HOUR)
    assert await real.store.approvals(ada.tenant, run.id) == ()


async def test_to_begin_to_wait_is_written_once(real: PostgresDesk, ada: Principal) -> None:
    """Whose answer was lost on the way writes it again."""
    run = await asking(real, ada)
    assert await real.real.wait(real.claims[run.id], BUDGET, HOUR)
    assert (await kinds(real, run)).count("approval_requested") == 1


async def test_a_question_is_told_like_an_end(real: PostgresDesk, ada: Principal) -> None:
    """Each has a message of its own, and the end is still told after it."""
    run = await asking(real, ada, callback="https://hooks.example/x")
    asked = await real.real.lease(60, 5)
    assert asked is not None
    assert (asked.run, asked.about) == (run.id, "q1")
    await real.real.settle(asked, "delivered", status=200)
    known = await real.store.callback(ada.tenant, run.id)
    assert known is not None
    assert known.state == "waiting"
    await real.store.cancel(ada, run.id)
    ended = await real.real.lease(60, 5)
    assert ended is not None
    assert (ended.about, ended.id == asked.id) == ("ended", False)
