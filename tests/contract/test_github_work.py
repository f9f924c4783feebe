"""From deliveries to cases and diagnoses: a real database, a real repository, a forge in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sandbox.git import run_git
from tests import postgres
from tests.bot import Bot, bot
from tests.github import NAME, PLACE, job, payload, pull_payload, run_payload
from tests.github_logs import full_disk, green, red
from workflows.github.configuration import NAME as FILE
from workflows.github.forge import Absent, Expired, Forbidden, ForgeAway, ForgeBusy, Unreadable
from workflows.github.names import RepositoryName
from workflows.github.work import MOST_ATTEMPTS, MOST_MISSED, Work


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    with postgres.server() as made:
        yield made


@pytest.fixture
async def desk(server: postgres.Server, tmp_path: Path) -> AsyncIterator[Bot]:
    async with bot(server.address, tmp_path) as made:
        yield made


async def _red(desk: Bot, number: int = 500, **more: Any) -> None:
    await desk.deliver("workflow_run", run_payload(desk.red(number, **more)))
    await desk.drain()


async def test_a_red_run_becomes_a_diagnosis_with_the_base_as_known_good(desk: Bot) -> None:
    """The upload has both commits and their history, and nothing of how it was fetched."""
    await _red(desk)
    case = await desk.case()
    assert (case.state, case.decision.kind, case.base_sha) == ("diagnosing", "diagnose", desk.heads[0])
    (made,) = await desk.diagnoses()
    assert made.id == case.diagnosis
    assert (made.request.rev, made.request.good, made.tenant) == (desk.heads[1], desk.heads[0], "default")
    upload = desk.settings.uploads / made.request.source.removeprefix("upload:")
    for sha in desk.heads[:2]:
        assert await run_git(upload, "rev-parse", f"{sha}^{{tree}}")
    assert "origin" not in (upload / "config").read_text()
    async with desk.store.pool.connection() as connection:
        row = await (await connection.execute("select content from submissions")).fetchone()
    assert row is not None
    assert "FAILED tests/test_a.py::test_a" in row["content"]


async def test_the_same_delivery_worked_on_again_changes_nothing(desk: Bot) -> None:
    for _ in range(3):
        await _red(desk)
    assert len(await desk.cases()) == len(await desk.diagnoses()) == 1


async def test_jobs_of_a_matrix_that_fail_alike_are_one_case(desk: Bot) -> None:
    other = red("tests/test_b.py::test_b")
    await _red(desk, jobs={"test (3.11)": red(), "test (3.12)": red(why="assert 3 == 4"), "lint": other, "ok": other})
    cases = await desk.cases()
    assert [[one.name for one in case.decision.jobs] for case in cases] == [
        ["test (3.11)", "test (3.12)"],
        ["lint", "ok"],
    ]
    assert len(await desk.diagnoses()) == 2


async def test_two_workflows_that_fail_alike_are_one_case(desk: Bot) -> None:
    """Push and pull_request both run it."""
    await _red(desk)
    await _red(desk, 501, event="push", pull_requests=())
    assert len(await desk.cases()) == len(await desk.diagnoses()) == 1


@pytest.mark.parametrize("conclusion", ["cancelled", "skipped", "stale", "neutral", "action_required", ""])
async def test_what_is_no_failure_is_left(desk: Bot, conclusion: str) -> None:
    await _red(desk, conclusion=conclusion)
    assert await desk.cases() == ()
    assert (await desk.deliveries.counts())["done"] == 1


async def test_a_failure_that_the_base_has_too_is_settled_without_a_diagnosis(desk: Bot) -> None:
    base = desk.red(400, head=0, event="push", head_branch="main", pull_requests=())
    desk.forge.job_logs[job_id(desk, base.id)] = red().encode()
    await _red(desk)
    case = await desk.case()
    assert (case.state, case.decision.kind) == ("settled", "not_this_change")
    assert await desk.diagnoses() == ()


def job_id(desk: Bot, run: int) -> int:
    return desk.forge.all_jobs[run, 1][0].id


async def test_expired_logs_are_said_to_have_expired(desk: Bot) -> None:
    made = desk.red()
    desk.forge.logs[made.id, 1] = Expired("gone")
    await desk.deliver("workflow_run", run_payload(made))
    await desk.drain()
    case = await desk.case()
    assert (case.state, case.decision.kind) == ("settled", "expired")


async def test_the_machines_failure_is_not_diagnosed(desk: Bot) -> None:
    await _red(desk, jobs={"test": full_disk()})
    assert (await desk.case()).decision.kind == "infrastructure"
    assert await desk.diagnoses() == ()


async def test_a_run_of_the_same_commit_that_passes_refutes_the_case(desk: Bot) -> None:
    """It was flaky: what is under way is cancelled."""
    await _red(desk)
    desk.forge.all_jobs[500, 2] = (job(7, desk.red(500, attempt=2, conclusion="success"), conclusion="success"),)
    await desk.deliver("workflow_run", run_payload(desk.forge.all_runs[500, 2]))
    await desk.drain()
    case = await desk.case()
    assert (case.state, case.decision.kind) == ("settled", "flaky")
    assert [made.state for made in await desk.diagnoses()] == ["cancelled"]


async def test_what_a_diagnosis_proved_is_not_taken_back(desk: Bot) -> None:
    await _red(desk)
    await desk.finish((await desk.case()).diagnosis, "verified_patch")
    await desk.drain()
    desk.forge.all_jobs[500, 2] = (job(7, desk.red(500, attempt=2, conclusion="success"), conclusion="success"),)
    await desk.deliver("workflow_run", run_payload(desk.forge.all_runs[500, 2]))
    await desk.drain()
    case = await desk.case()
    assert (case.state, case.decision.kind, case.outcome) == ("settled", "diagnose", "verified_patch")
    assert "attempt 2" in case.decision.history[-1]


async def test_a_new_head_supersedes_and_cancels(desk: Bot) -> None:
    await _red(desk)
    moved = desk.pull(head=2)
    await desk.deliver("pull_request", pull_payload(moved, "synchronize"))
    await desk.drain()
    assert (await desk.case()).state == "superseded"
    assert [made.state for made in await desk.diagnoses()] == ["cancelled"]


async def test_a_late_delivery_of_an_old_head_starts_nothing(desk: Bot) -> None:
    """Deliveries are reordered: what the forge says now counts."""
    old = desk.red()
    desk.pull(head=2)
    await desk.deliver("workflow_run", run_payload(old))
    await desk.drain()
    assert await desk.cases() == ()
    assert await desk.diagnoses() == ()


async def test_an_old_delivery_of_an_old_head_supersedes_nothing(desk: Bot) -> None:
    old = desk.forge.pulls[1]
    desk.pull(head=2)
    await _red(desk, head=2)
    await desk.deliver("pull_request", pull_payload(old, "synchronize"))
    await desk.drain()
    assert (await desk.case()).state == "diagnosing"


async def test_a_head_that_is_pushed_back_is_diagnosed_again(desk: Bot) -> None:
    await _red(desk)
    await desk.deliver("pull_request", pull_payload(desk.pull(head=2), "synchronize"))
    await desk.drain()
    for moves in (1, 2):
        desk.pull(head=1)
        await _red(desk, 501)
        assert (await desk.case()).state == "diagnosing"
        assert sorted(made.state for made in await desk.diagnoses()) == ["cancelled"] * moves + ["queued"]
        await desk.deliver("pull_request", pull_payload(desk.pull(head=2), "synchronize"))
        await desk.drain()


async def test_a_green_run_of_the_new_head_closes_the_case(desk: Bot) -> None:
    """The fix was pushed."""
    await _red(desk)
    desk.pull(head=2)
    fixed = desk.red(501, head=2, conclusion="success")
    await desk.deliver("workflow_run", run_payload(fixed))
    await desk.drain()
    case = await desk.case()
    assert (case.state, case.note) == ("closed", f"it passes at {desk.heads[2][:12]}")


@pytest.mark.parametrize("merged", [True, False])
async def test_a_closed_pull_request_ends_its_cases(desk: Bot, merged: bool) -> None:
    await _red(desk)
    shut = desk.pull(open=False, merged=merged)
    await desk.deliver("pull_request", pull_payload(shut, "closed"))
    await desk.drain()
    assert (await desk.case()).state == "closed"
    assert [made.state for made in await desk.diagnoses()] == ["cancelled"]


async def test_a_draft_is_looked_at_when_it_is_ready(desk: Bot) -> None:
    desk.pull(draft=True)
    await _red(desk)
    assert await desk.cases() == ()
    await desk.deliver("pull_request", pull_payload(desk.pull(draft=False), "ready_for_review"))
    await desk.drain()
    assert (await desk.case()).state == "diagnosing"


async def test_a_fork_is_diagnosed_like_any_other(desk: Bot) -> None:
    fork = RepositoryName(owner="eve", name="shop")
    desk.pull(head_repository=fork)
    await _red(desk, pull_requests=(), head_repository=fork)
    case = await desk.case()
    assert (case.fork, case.state) == (True, "diagnosing")


async def test_the_base_says_what_is_wanted_and_the_head_does_not(desk: Bot) -> None:
    desk.forge.files[FILE, desk.heads[1]] = b"github: {enabled: false}"
    desk.forge.files[FILE, "main"] = b"github: {test: pytest -q tests, budget_seconds: 60}"
    await _red(desk)
    (made,) = await desk.diagnoses()
    assert (made.request.test_command, made.request.limits.wall_s) == ("pytest -q tests", 60.0)


@pytest.mark.parametrize("text", [b"github: {enabled: false}", b"github: {forcs: true}", b"\xff", b"github: ["])
async def test_switched_off_or_unreadable_it_does_nothing(desk: Bot, text: bytes) -> None:
    """Protected paths and commanders may stand in a file that cannot be read."""
    desk.forge.files[FILE, "main"] = text
    await _red(desk)
    assert await desk.cases() == ()
    assert await desk.diagnoses() == ()


async def test_installing_is_asked_for_only_where_the_operator_permits_it(
    server: postgres.Server, tmp_path: Path
) -> None:
    for permit, install in (("", ()), ("install", ("make deps",))):
        async with bot(server.address, tmp_path / f"x{permit}", permit=permit) as desk:
            desk.forge.files[FILE, "main"] = b"github: {install: make deps}"
            await _red(desk)
            assert (await desk.diagnoses())[0].request.install == install


async def test_the_outcome_of_a_diagnosis_settles_the_case(desk: Bot) -> None:
    await _red(desk)
    case = await desk.case()
    await desk.finish(case.diagnosis, "verified_patch")
    await desk.drain()
    case = await desk.case()
    assert (case.state, case.outcome) == ("settled", "verified_patch")


async def test_a_cancelled_diagnosis_settles_the_case_with_the_reason(desk: Bot) -> None:
    await _red(desk)
    await desk.store.cancel(desk.parts.who, (await desk.case()).diagnosis)
    await desk.drain()
    case = await desk.case()
    assert (case.state, case.outcome, case.note) == ("settled", "", "the diagnosis was cancelled")


async def test_a_removed_installation_ends_what_is_under_way_and_is_asked_nothing(desk: Bot) -> None:
    await _red(desk)
    gone = {"action": "deleted", "installation": {"id": 7, "account": {"login": "ada"}}}
    await desk.deliver("installation", gone)
    await desk.drain()
    assert (await desk.case()).state == "closed"
    desk.forge.before["place"] = [Unreadable("must not be asked")]
    await _red(desk, 501, head=2)
    assert desk.forge.before["place"]
    await desk.deliver("installation", {**gone, "action": "created"})
    await desk.drain()
    assert await desk.ledger.may_ask(PLACE)


async def test_a_repository_taken_from_the_app_is_asked_nothing(desk: Bot) -> None:
    removed = {"action": "removed", "installation": {"id": 7}, "repositories_removed": [{"id": PLACE.id}]}
    await desk.deliver("installation_repositories", removed)
    await desk.drain()
    await _red(desk)
    assert await desk.cases() == ()


@pytest.mark.parametrize("error", [Absent("deleted"), Forbidden("Actions: read is missing")])
async def test_what_the_app_may_not_see_is_let_go(desk: Bot, error: Exception) -> None:
    desk.forge.before["jobs"] = [error]
    await _red(desk)
    assert (await desk.deliveries.counts()) == {"todo": 0, "done": 1, "dead": 0}


@pytest.mark.parametrize("call", ["place", "run", "pull", "jobs", "archive", "runs", "file", "merge_base", "fetch"])
async def test_a_forge_that_is_away_at_any_call_is_asked_again(desk: Bot, call: str) -> None:
    """One case and one diagnosis come of it."""
    desk.forge.before[call] = [ForgeAway("502"), ForgeAway("timeout")]
    await _red(desk)
    assert (await desk.case()).state == "diagnosing"
    assert len(await desk.diagnoses()) == 1
    assert not desk.forge.before[call]


async def test_a_rate_limit_is_waited_for_and_costs_no_attempt(desk: Bot) -> None:
    desk.forge.before["place"] = [ForgeBusy("slow down", after_s=500.0)]
    await _red(desk)
    assert (await desk.deliveries.counts())["todo"] == 1
    async with desk.store.pool.connection() as connection:
        row = await (
            await connection.execute("select attempts, due > now() + '400s' as later from github_deliveries")
        ).fetchone()
    assert row == {"attempts": 0, "later": True}


async def test_what_never_works_is_given_up_and_taken_up_when_it_is_sent_again(desk: Bot) -> None:
    desk.forge.before["place"] = [Unreadable("nonsense")] * MOST_ATTEMPTS
    await _red(desk)
    assert (await desk.deliveries.counts())["dead"] == 1
    desk.sent -= 1
    await _red(desk)
    assert (await desk.case()).state == "diagnosing"


async def test_a_bug_costs_attempts_and_not_the_loop(desk: Bot) -> None:
    desk.forge.before["place"] = [RuntimeError("a bug")]
    await _red(desk)
    assert (await desk.case()).state == "diagnosing"


async def test_a_worker_that_dies_each_time_does_not_take_all_others_with_it(desk: Bot) -> None:
    await desk.deliver("workflow_run", run_payload(desk.red()))
    for _ in range(MOST_ATTEMPTS):
        assert await desk.deliveries.claim(-1.0) is not None  # a lease that is over at once: whoever had it died
    await desk.drain()
    assert (await desk.deliveries.counts())["dead"] == 1


async def test_a_repository_is_worked_on_by_one_at_a_time_and_others_meanwhile(desk: Bot) -> None:
    other = {**payload("completed"), "repository": {"id": 43, "full_name": "ada/other"}}
    first = run_payload(desk.red())
    await desk.deliver("workflow_run", first)
    await desk.deliver("workflow_run", first)
    await desk.deliver("workflow_run", {**other, "workflow_run": first["workflow_run"]})
    one, two = await desk.deliveries.claim(60), await desk.deliveries.claim(60)
    assert one is not None
    assert two is not None
    assert {one.delivery.event.place.id, two.delivery.event.place.id} == {42, 43}  # type: ignore[union-attr]
    assert await desk.deliveries.claim(60) is None
    await desk.deliveries.done(one)
    assert await desk.deliveries.claim(60) is not None


async def test_a_worker_that_was_thought_dead_cannot_close_what_another_has(desk: Bot) -> None:
    await desk.deliver("workflow_run", run_payload(desk.red()))
    dead = await desk.deliveries.claim(-1.0)
    alive = await desk.deliveries.claim(60)
    assert dead is not None
    assert alive is not None
    await desk.deliveries.done(dead)
    assert not await desk.deliveries.hold(dead, 60)
    assert (await desk.deliveries.counts())["todo"] == 1
    assert await desk.deliveries.hold(alive, 60)


async def test_a_full_queue_is_waited_for_and_leaves_no_upload(server: postgres.Server, tmp_path: Path) -> None:
    async with bot(server.address, tmp_path, queue_limit=1) as desk:
        await _red(desk, jobs={"a": red("t.py::a"), "b": red("t.py::b")})
        assert len(await desk.diagnoses()) == 1
        assert (await desk.deliveries.counts())["todo"] == 1
        assert len(list(desk.settings.uploads.iterdir())) == 1
        await desk.finish((await desk.diagnoses())[0].id)
        async with desk.store.pool.connection() as connection:
            await connection.execute("update github_deliveries set due = now()")
        await desk.drain()
        assert len(await desk.diagnoses()) == 2


async def test_a_commit_that_is_gone_settles_the_case_with_the_reason(desk: Bot) -> None:
    """A force-push and a deleted branch: the run is there, its commit is not."""
    desk.forge.before["fetch"] = [Absent("not our ref"), Absent("not our ref")]
    await _red(desk)
    case = await desk.case()
    assert (case.state, case.note) == ("settled", "the commit could not be fetched: not our ref")
    assert not desk.settings.uploads.exists()


async def test_without_the_base_the_head_is_diagnosed_alone(desk: Bot) -> None:
    desk.forge.before["fetch"] = [Absent("no such commit")]
    await _red(desk)
    (made,) = await desk.diagnoses()
    assert (made.request.rev, made.request.good) == (desk.heads[1], None)


class _Log:
    """The forge's log of deliveries, all of just now."""

    def __init__(self, *failed: int) -> None:
        self.lost = list(failed)
        self.sent: list[int] = []
        self.since: list[datetime] = []
        self.away = False

    async def failed(self, since: datetime) -> AsyncIterator[int]:
        self.since.append(since)
        for one in self.lost:
            yield one

    async def redeliver(self, delivery: int) -> None:
        if self.away:
            raise ForgeAway("502")
        self.sent.append(delivery)


async def test_missed_deliveries_are_asked_for_once_each_by_whichever_bot(desk: Bot) -> None:
    log = _Log(3, 2, 1)
    for _ in range(2):
        work = Work(desk.parts, desk.deliveries, log)
        await work.ask_again()
    assert log.sent == [3, 2, 1]
    log.lost.insert(0, 4)
    await Work(desk.parts, desk.deliveries, log).ask_again()
    assert log.sent == [3, 2, 1, 4]


async def test_one_that_could_not_be_asked_for_is_asked_for_later(desk: Bot) -> None:
    log = _Log(3, 2, 1)
    work = Work(desk.parts, desk.deliveries, log)
    log.away = True
    await work.ask_again()
    log.away = False
    await work.ask_again()
    assert log.sent == [3, 2, 1]
    assert log.since[1] - log.since[0] < timedelta(minutes=1)


async def test_an_outage_with_more_missed_deliveries_than_are_asked_for_at_once(desk: Bot) -> None:
    """Those already asked for stay in the log as failed: they must not hide the older ones."""
    log = _Log(*range(2 * MOST_MISSED + 1, 0, -1))
    work = Work(desk.parts, desk.deliveries, log)
    for _ in range(3):
        await work.ask_again()
    assert log.sent == list(range(2 * MOST_MISSED + 1, 0, -1))
    await work.ask_again()
    assert log.since[2] - log.since[0] < timedelta(minutes=1)
    assert log.since[3] - log.since[2] > timedelta(days=2)


async def test_a_green_run_where_nothing_is_known_asks_the_forge_nothing(desk: Bot) -> None:
    """Most runs pass: they must not eat the rate limit."""
    desk.forge.before["place"] = [Unreadable("must not be asked")]
    made = desk.red(conclusion="success", jobs={"test": green()})
    await desk.deliver("workflow_run", run_payload(made))
    await desk.drain()
    assert desk.forge.before["place"]


async def test_a_branch_without_a_pull_request_has_cases_of_its_own(desk: Bot) -> None:
    desk.forge.pulls.clear()
    await _red(desk, event="push", head_branch="main", pull_requests=())
    case = await desk.case(0)
    assert (case.subject, case.state, case.head_ref) == (0, "diagnosing", "main")
    assert case.place.name == NAME
