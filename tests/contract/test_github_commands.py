"""What people ask for: who may, what it means, and that nobody speaks for somebody else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import postgres
from tests.bot import Bot, bot
from tests.github import PLACE, comment_payload, payload, pull_payload, run_payload
from tests.github_logs import red
from workflows.github.configuration import NAME as FILE
from workflows.github.forge import ForgeAway
from workflows.github.values import Comment


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    with postgres.server() as made:
        yield made


@pytest.fixture
async def desk(server: postgres.Server, tmp_path: Path) -> AsyncIterator[Bot]:
    """A bot whose pull request has one case, being diagnosed."""
    async with bot(server.address, tmp_path) as made:
        await made.deliver("workflow_run", run_payload(made.red()))
        await made.drain()
        yield made


async def _say(desk: Bot, text: str, *, by: str = "ada", number: int = 1, pull: bool = True, comment: int = 0) -> None:
    """Somebody comments, and the bot hears of it."""
    made = comment or 900 + desk.sent
    desk.forge.talk[number].append(Comment(id=made, author=by, body=text))
    await desk.deliver("issue_comment", comment_payload(number, text, by=by, comment=made, pull=pull))
    await desk.drain()


async def _press(desk: Bot, button: str, *, by: str = "ada", key: str | None = None, **more: Any) -> None:
    case = await desk.case()
    check = {"id": 3, "head_sha": case.head_sha, "external_id": case.key if key is None else key, **more}
    body = payload("requested_action", by=by, check_run=check, requested_action={"identifier": button})
    await desk.deliver("check_run", body)
    await desk.drain()


async def _proved(desk: Bot) -> None:
    await desk.finish((await desk.case()).diagnosis, "verified_patch")
    await desk.drain()


async def test_stop_ends_the_diagnosis(desk: Bot) -> None:
    await _say(desk, "Not now.\n/patchwright stop")
    case = await desk.case()
    assert (case.state, case.by) == ("stopped", "ada")
    assert [made.state for made in await desk.diagnoses()] == ["cancelled"]


async def test_after_stop_another_red_run_of_the_commit_starts_nothing(desk: Bot) -> None:
    await _say(desk, "/patchwright stop")
    await desk.deliver("workflow_run", run_payload(desk.red(501)))
    await desk.drain()
    assert (await desk.case()).state == "stopped"
    assert len(await desk.diagnoses()) == 1


@pytest.mark.parametrize("verb", ["stop", "dismiss", "diagnose", "explain", "apply", "rerun"])
@pytest.mark.parametrize("by", ["eve", "nobody", ""])
async def test_who_cannot_push_commands_nothing(desk: Bot, verb: str, by: str) -> None:
    desk.forge.files[FILE, "main"] = b"github: {fix_branch: true}"
    await _proved(desk)
    before = await desk.cases()
    await _say(desk, f"/patchwright {verb}", by=by)
    await _press(desk, verb, by=by)
    assert await desk.cases() == before
    assert len(await desk.diagnoses()) == 1


async def test_the_owners_choose_who_commands(desk: Bot) -> None:
    desk.forge.files[FILE, "main"] = b"github: {commanders: Root}"
    await _say(desk, "/patchwright stop")
    assert (await desk.case()).state == "diagnosing"
    await _say(desk, "/patchwright stop", by="root")
    assert (await desk.case()).state == "stopped"


async def test_a_comment_that_is_gone_or_changed_commands_nothing(desk: Bot) -> None:
    await desk.deliver("issue_comment", comment_payload(1, "/patchwright stop", comment=5))
    desk.forge.talk[1].append(Comment(id=6, author="ada", body="never mind"))
    await desk.deliver("issue_comment", comment_payload(1, "/patchwright stop", comment=6))
    desk.forge.talk[1].append(Comment(id=7, author="eve", body="/patchwright stop"))
    await desk.deliver("issue_comment", comment_payload(1, "/patchwright stop", comment=7))
    await desk.drain()
    assert (await desk.case()).state == "diagnosing"


async def test_diagnose_begins_again_once_for_each_command(desk: Bot) -> None:
    await _say(desk, "/patchwright stop")
    await _say(desk, "/patchwright diagnose", comment=50)
    case = await desk.case()
    assert (case.state, case.by) == ("diagnosing", "ada")
    assert len(await desk.diagnoses()) == 2
    await desk.finish(case.diagnosis)
    await desk.drain()
    await _say(desk, "/patchwright diagnose", comment=51)
    assert len(await desk.diagnoses()) == 3
    for count in (4, 5):  # the label put on again by the same person
        await _say(desk, "/patchwright stop")
        shape = pull_payload(desk.forge.pulls[1], "labeled")
        await desk.deliver("pull_request", {**shape, "label": {"name": "patchwright"}})
        await desk.drain()
        assert len(await desk.diagnoses()) == count


async def test_what_is_being_diagnosed_is_not_begun_twice(desk: Bot) -> None:
    await _say(desk, "/patchwright diagnose")
    assert len(await desk.diagnoses()) == 1


async def test_a_command_that_is_interrupted_is_gone_on_with(desk: Bot) -> None:
    await _say(desk, "/patchwright stop")
    desk.forge.before["fetch"] = [ForgeAway("502"), ForgeAway("502")]
    await _say(desk, "/patchwright diagnose")
    assert (await desk.case()).state == "diagnosing"
    assert len(await desk.diagnoses()) == 2


async def test_a_person_can_have_diagnosed_what_was_acquitted(desk: Bot) -> None:
    await _say(desk, "/patchwright stop")
    desk.pull(head=2)
    base = desk.red(400, head=0, event="push", head_branch="main", pull_requests=())
    desk.forge.job_logs[desk.forge.all_jobs[base.id, 1][0].id] = red().encode()
    await desk.deliver("workflow_run", run_payload(desk.red(501, head=2)))
    await desk.drain()
    assert (await desk.cases())[-1].decision.kind == "not_this_change"
    await _say(desk, "/patchwright diagnose")
    assert (await desk.cases())[-1].state == "diagnosing"


async def test_where_nothing_was_looked_at_the_failed_runs_are(desk: Bot) -> None:
    """A draft, for example; a person's word is enough, the owners' switch is not overruled."""
    desk.pull(head=2, draft=True)
    await desk.deliver("workflow_run", run_payload(desk.red(501, head=2)))
    await desk.drain()
    assert len(await desk.cases()) == 1
    desk.forge.files[FILE, "main"] = b"github: {enabled: false}"
    await _say(desk, "/patchwright diagnose")
    assert len(await desk.cases()) == 1
    desk.forge.files[FILE, "main"] = b"github: {workflows: release}"
    await _say(desk, "/patchwright diagnose")
    assert [case.state for case in await desk.cases()] == ["superseded", "diagnosing"]


async def test_explain_is_the_publishers_to_do(desk: Bot) -> None:
    await _proved(desk)
    await _say(desk, "/patchwright explain")
    assert (await desk.case()).wish == "explain"
    assert len(await desk.diagnoses()) == 1


async def test_apply_needs_a_proved_patch(desk: Bot) -> None:
    """Whether the owners want branches of it is the publisher's to say."""
    await _press(desk, "apply")
    assert (await desk.case()).wish == ""
    await _proved(desk)
    await _press(desk, "apply")
    case = await desk.case()
    assert (case.wish, case.by) == ("apply", "ada")


async def test_rerun_and_dismiss_are_buttons(desk: Bot) -> None:
    await _press(desk, "rerun")
    assert (await desk.case()).wish == "rerun"
    await _press(desk, "dismiss")
    assert ((await desk.case()).state, (await desk.case()).wish) == ("dismissed", "")


async def test_a_button_of_an_old_head_does_nothing(desk: Bot) -> None:
    await _proved(desk)
    desk.forge.files[FILE, "main"] = b"github: {fix_branch: true}"
    desk.pull(head=2)
    await _press(desk, "apply")
    assert (await desk.case()).wish == ""


async def test_a_button_cannot_reach_into_another_repository(desk: Bot) -> None:
    """Its key is the check run's, which another repository's App could have written."""
    await _press(desk, "dismiss", head_sha=desk.heads[2])
    assert (await desk.case()).state == "diagnosing"
    case = await desk.case()
    check = {"id": 3, "head_sha": case.head_sha, "external_id": case.key}
    other = payload("requested_action", check_run=check, requested_action={"identifier": "dismiss"})
    await desk.deliver("check_run", {**other, "repository": {"id": 43, "full_name": "eve/own"}})
    await desk.drain()
    assert (await desk.case()).state == "diagnosing"


async def test_a_button_without_a_key_means_the_cases_of_its_commit(desk: Bot) -> None:
    await _press(desk, "dismiss", key="")
    assert (await desk.case()).state == "dismissed"


async def test_a_labelled_issue_is_diagnosed_from_its_text(desk: Bot) -> None:
    desk.forge.bases["main", "main"] = (desk.heads[0], 0)
    issue = {"number": 8, "title": "Totals are wrong", "body": "subtotal() of three lines counts two."}
    for by in ("eve", "ada", "ada"):
        await desk.deliver("issues", payload("labeled", by=by, issue=issue, label={"name": "patchwright"}))
        await desk.drain()
    case = await desk.case(8)
    assert (case.state, case.run, case.by, case.head_sha) == ("diagnosing", 0, "ada", desk.heads[0])
    assert len(await desk.diagnoses()) == 2
    async with desk.store.pool.connection() as connection:
        row = await (
            await connection.execute("select content from submissions where run = %s", (case.diagnosis,))
        ).fetchone()
    assert row is not None
    assert "counts two" in row["content"]


async def test_a_comment_on_an_issue_has_it_diagnosed_and_stopped(desk: Bot) -> None:
    desk.forge.bases["main", "main"] = (desk.heads[0], 0)
    await _say(desk, "/patchwright diagnose", number=8, pull=False)
    assert (await desk.case(8)).state == "diagnosing"
    await _say(desk, "/patchwright stop", number=8, pull=False)
    assert (await desk.case(8)).state == "stopped"
    assert (await desk.case()).state == "diagnosing"


async def test_a_pull_request_that_moves_leaves_issues_alone(desk: Bot) -> None:
    """Cases of issues have no head that moves."""
    desk.forge.bases["main", "main"] = (desk.heads[0], 0)
    await _say(desk, "/patchwright diagnose", number=8, pull=False)
    assert (await desk.ledger.cases(PLACE, 8))[0].run == 0
    await desk.deliver("workflow_run", run_payload(desk.red(502, conclusion="success")))
    await desk.drain()
    assert (await desk.case(8)).state == "diagnosing"


async def test_who_commands_sees_that_it_was_heard_and_whether_something_came_of_it(desk: Bot) -> None:
    """Nothing to stop on another pull request; strangers see nothing, and neither do buttons and labels."""
    desk.pull(number=2)
    await _say(desk, "/patchwright explain", comment=901)
    await _say(desk, "/patchwright stop", comment=902)
    await _say(desk, "/patchwright apply", comment=903)
    await _say(desk, "/patchwright stop", number=2, comment=904)
    await _say(desk, "/patchwright stop", by="eve", comment=905)
    await _say(desk, "thanks", comment=906)
    await _press(desk, "rerun")
    seen = [(one.comment, one.reaction) for one in await desk.ledger.nods()]
    wanted = {901: "rocket", 902: "rocket", 903: "confused", 904: "confused"}
    assert seen == [(comment, how) for comment, end in wanted.items() for how in ("eyes", end)]


async def test_a_command_that_is_heard_twice_is_answered_once(desk: Bot) -> None:
    """The delivery came twice, or its worker died in the middle."""
    for _ in range(2):
        await desk.deliver("issue_comment", comment_payload(1, "/patchwright explain", comment=900))
        desk.forge.talk[1][:] = [Comment(id=900, author="ada", body="/patchwright explain")]
        await desk.drain()
    assert [one.reaction for one in await desk.ledger.nods()] == ["eyes", "rocket"]


async def test_a_reaction_waits_until_it_is_due_and_is_over_when_it_is_shown(desk: Bot) -> None:
    await desk.ledger.react(PLACE, 900, "eyes")
    await desk.ledger.react(PLACE, 900, "rocket")
    eyes, rocket = await desk.ledger.nods()
    await desk.ledger.nod_later(eyes, 3600)
    assert await desk.ledger.nods() == (rocket,)
    await desk.ledger.nod_later(rocket, 0)
    assert [(one.reaction, one.attempts) for one in await desk.ledger.nods()] == [("rocket", 1)]
    await desk.ledger.nodded(rocket)
    await desk.ledger.react(PLACE, 900, "rocket")
    assert await desk.ledger.nods() == ()
