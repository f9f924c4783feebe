"""What every store promises: the one on Postgres, and the one in memory that the API's tests use."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Protocol

import psycopg
import pytest

from agent.domain import Request
from tests import postgres
from tests.fakes.store import FakeStore
from tests.waiting import PATIENCE_S
from workflows.service.ports import KeyConflict, KeyInFlight, QueueFull, Store, StoreDown
from workflows.service.schema import migrate
from workflows.service.store import PostgresStore, open_store
from workflows.service.store.attempts import Claim, Superseded
from workflows.service.store.pool import LOST
from workflows.service.values import Feedback, Principal, Run, Submission
from workflows.settings import Settings

WAITING = 30


class Desk(Protocol):
    """A store, and the worker's part at it."""

    store: Store

    async def begin(self, run: Run) -> None: ...

    async def say(self, run: Run, text: str) -> None: ...

    async def finish(self, run: Run) -> None: ...


class FakeDesk:
    def __init__(self) -> None:
        self.fake = FakeStore(waiting=WAITING)
        self.store: Store = self.fake

    async def begin(self, run: Run) -> None:
        self.fake.add(run.id, "started")

    async def say(self, run: Run, text: str) -> None:
        self.fake.add(run.id, "progress", "prepare", text)

    async def finish(self, run: Run) -> None:
        self.fake.add(run.id, "finished")
        self.fake.change(run.id, outcome="diagnosed")


class PostgresDesk:
    def __init__(self, store: PostgresStore) -> None:
        self.real = store
        self.store: Store = store
        self.claims: dict[str, Claim] = {}

    async def claim(self, run: Run) -> Claim:
        async with self.real.pool.connection() as connection:
            row = await (await connection.execute("select job from runs where id = %s", (run.id,))).fetchone()
        assert row is not None
        claim = await self.real.claim(run.tenant, run.id, row["job"])
        assert claim is not None
        return claim

    async def begin(self, run: Run) -> None:
        self.claims[run.id] = await self.claim(run)

    async def say(self, run: Run, text: str) -> None:
        await self.real.progress(self.claims[run.id], [("progress", "prepare", text)])

    async def finish(self, run: Run) -> None:
        await self.real.end(self.claims[run.id], "finished", "finished", outcome="diagnosed")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with postgres.running() as running:
        yield running


@asynccontextmanager
async def opened(address: str, *, wait_s: float = PATIENCE_S) -> AsyncIterator[PostgresDesk]:
    settings = Settings(queue_limit=WAITING, tenant_runs=3)
    async with open_store(address, settings, wait_s=wait_s, poll_s=0.3) as store:
        yield PostgresDesk(store)


@pytest.fixture
async def real(address: str) -> AsyncIterator[PostgresDesk]:
    async with opened(address) as desk:
        yield desk


@pytest.fixture(params=["fake", "postgres"])
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    if request.param == "fake":
        yield FakeDesk()
        return
    async with opened(request.getfixturevalue("address")) as desk:
        yield desk


@pytest.fixture
def ada() -> Principal:
    return somebody()


def somebody() -> Principal:
    return Principal(tenant=f"tenant-{secrets.token_hex(6)}", token="t1", scopes=frozenset({"submit", "read"}))


def wanted(source: str = "https://example.org/r.git", **fields: object) -> Submission:
    return Submission.model_validate({"request": Request(source=source), **fields})


async def submitted(store: Store, who: Principal, submission: Submission | None = None) -> Run:
    run, new = await store.submit(who, submission or wanted(), key=None, fingerprint="f")
    assert new
    return run


async def test_a_submitted_run_is_queued_with_its_first_event(desk: Desk, ada: Principal) -> None:
    """Row, event and deadline as asked for."""
    run = await submitted(desk.store, ada, wanted(priority=3, deadline_s=60.0))
    assert (run.state, run.priority, run.last_seq) == ("queued", 3, 1)
    assert run.deadline is not None
    assert abs(run.deadline - run.created - timedelta(seconds=60)) < timedelta(seconds=1)
    assert await desk.store.run(ada.tenant, run.id) == run
    (event,) = await desk.store.events(ada.tenant, run.id)
    assert (event.seq, event.kind, event.last) == (1, "queued", False)


async def test_the_same_key_and_body_give_the_same_run(desk: Desk, ada: Principal) -> None:
    """Of one tenant; another tenant's equal key is another key."""
    first, new = await desk.store.submit(ada, wanted(), key="k\0é", fingerprint="f")
    again, second = await desk.store.submit(ada, wanted(), key="k\0é", fingerprint="f")
    other, third = await desk.store.submit(somebody(), wanted(), key="k\0é", fingerprint="g")
    assert (new, second, third) == (True, False, True)
    assert first.id == again.id != other.id


async def test_a_key_used_with_another_body_is_a_conflict(desk: Desk, ada: Principal) -> None:
    await desk.store.submit(ada, wanted(), key="k", fingerprint="f")
    with pytest.raises(KeyConflict):
        await desk.store.submit(ada, wanted(), key="k", fingerprint="g")


async def test_a_tenant_has_only_so_many_waiting_runs(desk: Desk, ada: Principal) -> None:
    """Others are not concerned; nothing of the refused one is kept; a known key still gets its run."""
    for number in range(WAITING):
        await desk.store.submit(ada, wanted(), key=f"k{number}", fingerprint="f")
    with pytest.raises(QueueFull) as refused:
        await submitted(desk.store, ada)
    assert refused.value.retry_after_s > 0
    assert len((await desk.store.runs(ada.tenant, limit=WAITING + 5)).runs) == WAITING
    assert (await desk.store.submit(ada, wanted(), key="k1", fingerprint="f"))[1] is False
    await submitted(desk.store, somebody())


async def test_another_tenants_run_does_not_exist(desk: Desk, ada: Principal) -> None:
    run, eve = await submitted(desk.store, ada), somebody()
    assert await desk.store.run(eve.tenant, run.id) is None
    assert await desk.store.events(eve.tenant, run.id) == ()
    assert await desk.store.cancel(eve, run.id) is None
    assert not await desk.store.feedback(eve, Feedback(run=run.id, verdict="wrong"))
    assert (await desk.store.runs(eve.tenant)).runs == ()
    assert (await desk.store.run(ada.tenant, run.id)) == run


@pytest.mark.parametrize("name", ["", "x", "../../etc/passwd", "20260101-000000-" + "0" * 32, "a\0b", "é" * 5000])
async def test_a_run_that_is_none_is_answered_so(desk: Desk, ada: Principal, name: str) -> None:
    assert await desk.store.run(ada.tenant, name) is None
    assert await desk.store.events(ada.tenant, name, after=1 << 70) == ()
    assert await desk.store.cancel(ada, name) is None


async def test_pages_hold_every_run_once_the_newest_first(desk: Desk, ada: Principal) -> None:
    """Also when runs are added while somebody turns pages."""
    made = [(await submitted(desk.store, ada)).id for _ in range(7)]
    seen, cursor = [], None
    while True:
        page = await desk.store.runs(ada.tenant, cursor=cursor, limit=3)
        seen += [run.id for run in page.runs]
        await submitted(desk.store, ada)
        cursor = page.next
        if cursor is None:
            break
    assert seen == made[::-1]


async def test_lists_are_filtered_by_state_and_outcome(desk: Desk, ada: Principal) -> None:
    first, second = await submitted(desk.store, ada), await submitted(desk.store, ada)
    await desk.begin(first)
    await desk.finish(first)
    assert [run.id for run in (await desk.store.runs(ada.tenant, states=["queued", "running"])).runs] == [second.id]
    assert [run.id for run in (await desk.store.runs(ada.tenant, outcome="diagnosed")).runs] == [first.id]
    assert (await desk.store.runs(ada.tenant, outcome="fl\0aky")).runs == ()


@pytest.mark.parametrize("cursor", ["", "x", "é", "bm8gY3Vyc29y", "MjAyNi0wMS0wMSBub3BlCg==", "\0"])
async def test_a_strange_cursor_is_refused(desk: Desk, ada: Principal, cursor: str) -> None:
    with pytest.raises(ValueError):
        await desk.store.runs(ada.tenant, cursor=cursor)


async def test_events_are_numbered_without_a_gap_and_read_from_any_point(desk: Desk, ada: Principal) -> None:
    run = await submitted(desk.store, ada)
    await desk.begin(run)
    for number in range(5):
        await desk.say(run, f"line {number}")
    await desk.finish(run)
    events = await desk.store.events(ada.tenant, run.id)
    assert [event.seq for event in events] == list(range(1, 9))
    assert [event.kind for event in events] == ["queued", "started", *["progress"] * 5, "finished"]
    assert [event.last for event in events] == [False] * 7 + [True]
    assert [e.text for e in await desk.store.events(ada.tenant, run.id, after=4, limit=2)] == ["line 2", "line 3"]
    known = await desk.store.run(ada.tenant, run.id)
    assert known is not None
    assert (known.state, known.last_seq, known.epoch, known.ended) == ("finished", 8, 1, True)
    assert known.version > run.version


async def test_a_watcher_hears_of_news(desk: Desk, ada: Principal) -> None:
    """Of its run, soon; when nothing happens it is told so."""
    run = await submitted(desk.store, ada)
    await desk.begin(run)
    async with desk.store.watch(run.id) as watch:
        while await watch.wait(0.4):
            pass  # what came before counts once, and the poll's first look
        await desk.say(run, "news")
        assert await watch.wait(PATIENCE_S)
        assert not all([await watch.wait(0.4) for _ in range(3)]), "the poll may tell it once more, and then nothing"


async def test_a_waiting_run_is_cancelled_at_once(desk: Desk, ada: Principal) -> None:
    """Twice is once."""
    run = await submitted(desk.store, ada)
    for _ in range(2):
        cancelled = await desk.store.cancel(ada, run.id)
        assert cancelled is not None
        assert (cancelled.state, cancelled.last_seq) == ("cancelled", 2)


async def test_a_running_run_is_asked_to_end(desk: Desk, ada: Principal) -> None:
    """It is not ended here: the worker ends it."""
    run = await submitted(desk.store, ada)
    await desk.begin(run)
    for _ in range(2):
        asked = await desk.store.cancel(ada, run.id)
        assert asked is not None
        assert (asked.state, asked.cancelling) == ("running", True)
    await desk.finish(run)
    ended = await desk.store.cancel(ada, run.id)
    assert ended is not None
    assert (ended.state, ended.cancelling) == ("finished", False)


async def test_a_token_is_known_by_its_secret_alone(desk: Desk) -> None:
    """Until it expires or is revoked; a list never shows the secret."""
    who, now = somebody(), datetime.now(UTC)
    token, secret = await desk.store.issue(who.tenant, "ci", frozenset({"read"}), expires=now + timedelta(hours=1))
    _, old = await desk.store.issue(who.tenant, "old", frozenset({"read"}), expires=now - timedelta(seconds=1))
    known = await desk.store.principal(secret)
    assert known == Principal(tenant=who.tenant, token=token.id, scopes=frozenset({"read"}))
    assert await desk.store.principal(old) is None
    assert await desk.store.principal(secret[:-1]) is None
    assert await desk.store.principal(token.id) is None
    assert [one.name for one in await desk.store.tokens(who.tenant)] == ["ci", "old"]
    assert secret not in repr(await desk.store.tokens(who.tenant))
    assert not await desk.store.revoke(somebody().tenant, token.id)
    assert await desk.store.revoke(who.tenant, token.id)
    assert await desk.store.principal(secret) is None
    assert not await desk.store.revoke(who.tenant, "nobody")


async def test_opinions_and_acts_are_kept(desk: Desk, ada: Principal) -> None:
    run = await submitted(desk.store, ada)
    assert await desk.store.feedback(ada, Feedback(run=run.id, verdict="partly", comment="it\0 is"))
    await desk.store.audit(ada, "cancel", run.id, "\0" * 10)
    await desk.store.ready()


# What only the real one can show.


async def test_any_text_is_kept_as_it_was(real: PostgresDesk, ada: Principal) -> None:
    """NUL, lone surrogates, whatever JSON can spell."""
    given = wanted("/x\0\udce9", log="\0\ud800", issue="é" * 10_000, patches=("a\0",))
    run = await submitted(real.store, ada, given)
    assert run.request == given.request
    assert await real.real.submission(await real.claim(run)) == given


async def test_requests_with_one_key_at_the_same_time_make_one_run(real: PostgresDesk, ada: Principal) -> None:
    """The others are told to wait, or get the run."""
    asked = [real.store.submit(ada, wanted(), key="k", fingerprint="f") for _ in range(12)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    made = [answer for answer in answers if isinstance(answer, tuple)]
    assert sum(new for _, new in made) == 1
    assert all(isinstance(answer, KeyInFlight) for answer in answers if not isinstance(answer, tuple))
    assert len((await real.store.runs(ada.tenant)).runs) == 1


async def test_writers_at_the_same_time_leave_no_gap(real: PostgresDesk, ada: Principal) -> None:
    run = await submitted(real.store, ada)
    await real.begin(run)
    await asyncio.gather(*(real.say(run, str(number)) for number in range(40)))
    events = await real.store.events(ada.tenant, run.id)
    assert [event.seq for event in events] == list(range(1, 43))
    assert sorted(int(event.text) for event in events[2:]) == list(range(40))


async def test_a_superseded_attempt_writes_nothing(real: PostgresDesk, ada: Principal) -> None:
    """No event, no end, no release; the newer one goes on."""
    run = await submitted(real.store, ada)
    old, new = await real.claim(run), await real.claim(run)
    assert (new.run.epoch, new.lost) == (2, 1)
    for call in (
        real.real.progress(old, [("progress", "", "late")]),
        real.real.end(old, "failed", "failed"),
        real.real.release(old),
        real.real.beat(old),
    ):
        with pytest.raises(Superseded):
            await call
    await real.real.end(new, "finished", "finished")
    await real.real.end(new, "finished", "finished")  # its answer was lost: once more changes nothing
    kinds = [event.kind for event in await real.store.events(ada.tenant, run.id)]
    assert kinds == ["queued", "started", "resumed", "finished"]


async def test_runs_of_one_tenant_are_spread_over_its_slots(real: PostgresDesk, ada: Principal) -> None:
    """Jobs of a slot run one after the other: three slots are three runs at the same time."""
    runs = [await submitted(real.store, ada) for _ in range(6)]
    async with real.real.pool.connection() as connection:
        cursor = await connection.execute(
            "select j.lock from procrastinate_jobs j join runs r on r.job = j.id where r.tenant = %s", (ada.tenant,)
        )
        locks = sorted(row["lock"] for row in await cursor.fetchall())
    assert len(runs) == 6
    assert locks == sorted(f"{ada.tenant}:{slot}" for slot in (0, 1, 2) for _ in range(2))


async def test_a_run_that_waits_beyond_its_deadline_times_out(real: PostgresDesk, ada: Principal) -> None:
    run = await submitted(real.store, ada, wanted(deadline_s=0.05))
    await asyncio.sleep(0.1)
    await real.real.rescue(30.0)
    known = await real.store.run(ada.tenant, run.id)
    assert known is not None
    assert (known.state, (await real.store.events(ada.tenant, run.id))[-1].last) == ("timed_out", True)


async def test_a_run_without_a_job_gets_one(real: PostgresDesk, ada: Principal) -> None:
    """Its worker died between ending the job and ending the run."""
    run = await submitted(real.store, ada)
    await real.begin(run)
    async with real.real.pool.connection() as connection:
        await connection.execute(
            "delete from procrastinate_jobs where id = (select job from runs where id = %s)", (run.id,)
        )
        await connection.execute("update runs set beat = now() - interval '1 hour' where id = %s", (run.id,))
    assert await real.real.rescue(30.0) >= 1
    assert (await real.claim(run)).run.epoch == 2


async def test_a_slot_is_free_again_when_its_worker_died_after_the_end_of_a_run(
    real: PostgresDesk, ada: Principal
) -> None:
    """The job that nobody finished goes back to the queue, where it finds that there is nothing to do."""
    run = await submitted(real.store, ada)
    async with real.real.pool.connection() as connection:
        await connection.execute("update procrastinate_jobs set status = 'doing' where args ->> 'run' = %s", (run.id,))
        await real.begin(run)
        await real.finish(run)
        await asyncio.sleep(0.2)
        assert await real.real.rescue(30.0) == 0
        assert await real.real.rescue(0.1) >= 1
        cursor = await connection.execute(
            "select status, id from procrastinate_jobs where args ->> 'run' = %s", (run.id,)
        )
        (job,) = await cursor.fetchall()
        assert job["status"] == "todo"
        assert await real.real.claim(ada.tenant, run.id, job["id"]) is None


async def test_a_process_that_is_paused_within_a_transaction_loses_its_locks(
    real: PostgresDesk, ada: Principal
) -> None:
    """Within seconds: nobody could take over what it has otherwise."""
    run = await submitted(real.store, ada)
    async with real.real.pool.connection() as paused:
        await paused.execute("begin")
        await paused.execute("select 1 from runs where id = %s for update", (run.id,))
        async with asyncio.timeout(PATIENCE_S):  # without it, for ever
            cancelled = await real.store.cancel(ada, run.id)
        assert cancelled is not None
        assert cancelled.state == "cancelled"
        with pytest.raises(LOST):
            await paused.execute("commit")


async def test_watchers_hear_although_all_connections_were_lost(real: PostgresDesk, ada: Principal) -> None:
    run = await submitted(real.store, ada)
    await real.begin(run)
    async with real.store.watch(run.id) as watch:
        async with real.real.pool.connection() as connection:
            others = "pid <> pg_backend_pid() and application_name = 'patchwright' and backend_type = 'client backend'"
            await connection.execute(f"select pg_terminate_backend(pid) from pg_stat_activity where {others}")  # noqa: S608
        await real.say(run, "news")
        assert await watch.wait(PATIENCE_S)


async def test_a_database_that_is_away_is_said_and_comes_back() -> None:
    """StoreDown while it is away, on reading and on writing; afterwards the same store works."""
    ada = somebody()
    with postgres.server() as server:
        async with opened(server.address, wait_s=0.3) as desk:
            run = await submitted(desk.store, ada)
            server.stop()
            with pytest.raises(StoreDown):
                await submitted(desk.store, ada)
            with pytest.raises(StoreDown):
                await desk.store.ready()
            server.start()
            await _again(desk.store)
            assert (await desk.store.run(ada.tenant, run.id)) == run
            await desk.begin(run)
            async with desk.store.watch(run.id) as watch:
                await desk.say(run, "back")
                assert await watch.wait(PATIENCE_S)


async def _again(store: Store) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with contextlib.suppress(StoreDown):
                return await store.ready()


async def test_many_watchers_of_one_run_hear_all(real: PostgresDesk, ada: Principal) -> None:
    """Three hundred on one node: each sees every event, in order."""
    run = await submitted(real.store, ada)
    await real.begin(run)
    heard: list[int] = []

    async def follow() -> None:
        seen = 2
        async with real.store.watch(run.id) as watch:
            while seen < 12:
                for event in await real.store.events(ada.tenant, run.id, after=seen):
                    assert event.seq == seen + 1
                    seen = event.seq
                    heard.append(event.seq)
                await watch.wait(2.0)

    watchers = [asyncio.create_task(follow()) for _ in range(300)]
    await asyncio.sleep(0.3)
    for number in range(10):
        await real.say(run, str(number))
        await asyncio.sleep(0.05)
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*watchers)
    assert len(heard) == 3000


async def test_two_processes_may_migrate_at_the_same_time(address: str) -> None:
    """On a new database: indexes are made concurrently there, which wait for whoever waits in the database."""
    fresh = psycopg.conninfo.make_conninfo(address, dbname="fresh")
    async with await psycopg.AsyncConnection.connect(address, autocommit=True) as connection:
        await connection.execute("create database fresh")
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*(migrate(fresh) for _ in range(3)))
    async with await psycopg.AsyncConnection.connect(fresh) as connection:
        cursor = await connection.execute("select count(*) from patchwright_schema")
        assert await cursor.fetchone() == (1,)


async def test_hosts_and_credentials_are_a_tenants_own(real: PostgresDesk, ada: Principal) -> None:
    """The secret is never there; each change has its line in the audit, one that changed nothing has none."""
    store, other = real.real, somebody().tenant
    assert await store.git_hosts(ada.tenant) is None
    await store.set_git_hosts(ada.tenant, ("a.example", "b.example"))
    await store.set_credential(ada.tenant, "a.example", "ada", "file:/run/a")
    await store.set_credential(ada.tenant, "a.example", "ada", "env:A")
    found = await store.credential(ada.tenant, "a.example")
    assert found is not None
    assert (found.username, found.reference) == ("ada", "env:A")
    assert await store.git_hosts(ada.tenant) == ("a.example", "b.example")
    assert (await store.git_hosts(other), await store.credentials(other)) == (None, ())
    assert await store.credential(other, "a.example") is None
    assert await store.credential(ada.tenant, "a.example\0") is None
    assert not await store.remove_credential(other, "a.example")
    assert await store.remove_credential(ada.tenant, "a.example")
    assert not await store.remove_credential(ada.tenant, "a.example")
    await store.set_git_hosts(ada.tenant, None)
    assert await store.git_hosts(ada.tenant) is None
    async with store.pool.connection() as connection:
        rows = await (
            await connection.execute("select action, subject from audit where tenant = %s order by id", (ada.tenant,))
        ).fetchall()
    assert [(row["action"], row["subject"]) for row in rows] == [
        ("git-hosts", "a.example b.example"), ("set-credential", "a.example"), ("set-credential", "a.example"),
        ("remove-credential", "a.example"), ("git-hosts", "default"),
    ]  # fmt: skip


async def test_nothing_is_done_without_its_line_in_the_audit(real: PostgresDesk, ada: Principal) -> None:
    """Written in the same transaction; a submission that is answered from its key did nothing."""
    run, _ = await real.store.submit(ada, wanted(), key="k", fingerprint="f")
    await real.store.submit(ada, wanted(), key="k", fingerprint="f")
    await real.store.feedback(ada, Feedback(run=run.id, verdict="wrong"))
    await real.store.cancel(ada, run.id)
    async with real.real.pool.connection() as connection:
        asked = await connection.execute(
            "select action, token, subject, detail from audit where tenant = %s order by id", (ada.tenant,)
        )
        rows = [tuple(row.values()) for row in await asked.fetchall()]
    assert rows == [
        ("submit", "t1", run.id, ""),
        ("feedback", "t1", run.id, "wrong"),
        ("cancel", "t1", run.id, ""),
    ]


async def test_a_callback_is_due_once_its_run_has_ended_however_that_came(desk: Desk, ada: Principal) -> None:
    told, _ = await desk.store.submit(ada, wanted(callback="https://hooks.example/a"), key=None, fingerprint="f")
    silent, _ = await desk.store.submit(ada, wanted(), key=None, fingerprint="g")
    waiting = await desk.store.callback(ada.tenant, told.id)
    assert waiting is not None
    assert (waiting.state, waiting.tries, waiting.next) == ("waiting", 0, None)
    assert await desk.store.callback(ada.tenant, silent.id) is None
    assert await desk.store.callback(somebody().tenant, told.id) is None


async def test_callbacks_are_leased_one_by_one_and_settled_by_whoever_has_them(
    real: PostgresDesk, ada: Principal
) -> None:
    """A cancelled run and a finished one; a lease that ran out changes nothing; no more than a share of one tenant."""
    store = real.real
    runs = [
        (await store.submit(ada, wanted(callback=f"https://hooks.example/{n}"), key=None, fingerprint=str(n)))[0]
        for n in range(3)
    ]
    assert await store.lease(60, 2) is None
    await real.begin(runs[0])
    await real.finish(runs[0])
    for run in runs[1:]:
        await store.cancel(ada, run.id)
    first, second = await store.lease(60, 2), await store.lease(60, 2)
    assert first is not None
    assert second is not None
    assert (first.url, first.tries, first.id[:4]) == ("https://hooks.example/0", 1, "msg_")
    assert await store.lease(60, 2) is None, "a third one of the same tenant"
    await store.settle(first, "due", status=500, problem="answered with 500", pause_s=0)
    again = await store.lease(60, 2)
    while again is not None and again.run != first.run:
        await store.settle(again, "delivered", status=200)
        again = await store.lease(60, 2)
    assert again is not None
    assert (again.id, again.tries) == (first.id, 2)
    await store.settle(first, "given_up", status=None, problem="too late")
    known = await store.callback(ada.tenant, first.run)
    assert known is not None
    assert (known.state, known.status, known.problem) == ("due", 500, "answered with 500")
    await store.settle(again, "delivered", status=204)
    await store.settle(second, "given_up", status=410, problem="gone")
    ends = [await store.callback(ada.tenant, run.id) for run in runs]
    assert sorted(end.state for end in ends if end and end.settled) == ["delivered", "delivered", "given_up"]


async def test_old_runs_are_removed_with_all_they_have_and_live_ones_never(real: PostgresDesk, ada: Principal) -> None:
    """Not before their callback is settled; only one process removes a run at a time."""
    store = real.real
    ended, told, live = [
        (await store.submit(ada, wanted(callback=url), key=None, fingerprint="f"))[0]
        for url in (None, "https://hooks.example/a", None)
    ]
    for run in (ended, told):
        await real.begin(run)
        await real.finish(run)
    assert (ada.tenant, ended.id) not in await store.lapsed(3600, 50)
    found = await store.lapsed(0, 1000)
    assert (ada.tenant, ended.id) in found
    assert (ada.tenant, told.id) not in found
    assert (ada.tenant, live.id) not in found
    assert (ada.tenant, ended.id) not in await store.lapsed(0, 1000)
    async with store.pool.connection() as connection:
        await connection.execute(
            "insert into checkpoint_blobs (thread_id, channel, version, type) values (%s, 'a', '1', 'empty')",
            (ended.id,),
        )
    await store.forget([ended.id, live.id])
    assert await store.run(ada.tenant, ended.id) is None
    assert await store.events(ada.tenant, ended.id) == ()
    assert await store.run(ada.tenant, live.id) is not None
    async with store.pool.connection() as connection:
        left = await connection.execute("select 1 from checkpoint_blobs where thread_id = %s", (ended.id,))
        assert await left.fetchall() == []
        await connection.execute("update audit set at = now() - interval '2 days' where tenant = %s", (ada.tenant,))
    assert await store.forget_audit(86_400) >= 3


async def test_who_waits_for_a_connection_can_be_cancelled(address: str) -> None:
    """Also in the moment in which one comes free: a task whose cancellation was lost would never end."""
    async with open_store(address, Settings(), size=1) as store:

        async def asking() -> None:
            while True:
                await store.alive()

        for _ in range(60):
            tasks = [asyncio.create_task(asking()) for _ in range(4)]
            await asyncio.sleep(0.005)
            for task in tasks:
                task.cancel()
            _, going_on = await asyncio.wait(tasks, timeout=PATIENCE_S)
            for task in going_on:
                task.cancel()
            assert not going_on
        assert await store.alive() is not None
