"""The publisher against a forge and a ledger in memory: said once, kept true, put right after whatever went wrong."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.fakes.forge import APP, FakeForge
from tests.fakes.ledger import FakeLedger
from tests.github import NAME, PLACE, commit, pull
from tests.publishing import DIFF, FIXED, HEAD, LINKS, PATH, RUN, TEXT, case, settled
from workflows.github.forge import Absent, Forbidden, ForgeAway, ForgeBusy, Refused, Unreadable
from workflows.github.ledger import Result
from workflows.github.publish.comment import marker
from workflows.github.publish.fixes import branch_of
from workflows.github.publish.loop import Loop
from workflows.github.publish.nodding import Nodding
from workflows.github.publish.publisher import Busy, Publisher
from workflows.github.values import Comment

CALLS = ("place", "pull", "file", "changed", "comments", "checks")
SPOKEN = ("add_comment", "edit_comment", "add_check", "edit_check", "suggest")


@dataclass
class Desk:
    """Both fakes and the publisher between them."""

    forge: FakeForge = field(default_factory=FakeForge)
    ledger: FakeLedger = field(default_factory=FakeLedger)

    def __post_init__(self) -> None:
        self.forge.pulls[1] = pull()
        self.forge.diffs[1] = DIFF
        self.forge.files[PATH, HEAD] = TEXT.encode()
        self.ledger.results[RUN] = FIXED

    @property
    def publisher(self) -> Publisher:
        return Publisher(self.forge, self.ledger, LINKS)

    def configure(self, text: str) -> None:
        self.forge.files[".patchwright.yml", "main"] = text.encode()

    async def speak(self, subject: int = 1) -> None:
        await self.publisher.speak(PLACE.id, subject)

    @property
    def ours(self) -> list[Comment]:
        return [one for one in self.forge.talk[1] if one.app == APP]


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_one_comment_from_looking_to_the_fix(desk: Desk) -> None:
    await desk.ledger.open_case(case())
    await desk.speak()
    assert "Looking at it" in desk.ours[0].body
    await desk.ledger.change(settled())
    await desk.speak()
    await desk.speak()
    assert len(desk.ours) == 1
    assert "Verified fix" in desk.ours[0].body
    assert desk.forge.said.count("edit_comment") == 1
    assert [check.title for check in desk.forge.check_runs.values()] == ["Verified fix"]
    assert len(desk.forge.reviews) == 1


async def test_nothing_changes_nothing_is_said(desk: Desk) -> None:
    await desk.ledger.open_case(settled())
    await desk.speak()
    before = len(desk.forge.said)
    for _ in range(3):
        await desk.speak()
    assert len(desk.forge.said) == before


async def test_a_comment_whose_answer_was_lost_is_found_again(desk: Desk) -> None:
    await desk.ledger.open_case(settled())
    desk.forge.after["add_comment"] = [ForgeAway("lost")]
    desk.forge.after["add_check"] = [ForgeAway("lost")]
    with pytest.raises(ForgeAway):
        await desk.speak()
    with pytest.raises(ForgeAway):
        await desk.speak()
    await desk.speak()
    assert len(desk.ours) == 1
    assert len(desk.forge.check_runs) == 1
    assert desk.forge.said.count("add_comment") == 1


async def test_somebody_elses_comment_with_our_first_line_is_not_ours(desk: Desk) -> None:
    body = f"{marker(PLACE, 1)}\nfake"
    desk.forge.talk[1] += [
        Comment(id=5, author="mallory", body=body),
        Comment(id=6, author="x", app=APP + 1, body=body),
    ]
    await desk.ledger.open_case(settled())
    await desk.speak()
    assert len(desk.ours) == 1
    assert [one.body for one in desk.forge.talk[1][:2]] == [body, body]


async def test_a_comment_that_people_deleted_does_not_come_back(desk: Desk) -> None:
    await desk.ledger.open_case(case())
    await desk.speak()
    desk.forge.delete_comment(desk.ours[0].id)
    await desk.ledger.change(settled())
    await desk.speak()
    await desk.ledger.open_case(settled(signature="b" * 16))
    await desk.speak()
    assert desk.ours == []


async def test_a_head_that_moved_is_seen_before_anything_is_said(desk: Desk) -> None:
    """The ledger does not know yet that newer commits were pushed: the forge does."""
    await desk.ledger.open_case(case())
    await desk.speak()
    desk.forge.pulls[1] = pull(head=101)
    await desk.ledger.change(settled())
    await desk.speak()
    assert "Superseded" in desk.ours[0].body
    assert desk.forge.reviews == []


async def test_a_review_is_said_at_most_once_whatever_happens_to_its_answer(desk: Desk) -> None:
    await desk.ledger.open_case(settled())
    desk.forge.after["suggest"] = [ForgeAway("lost")]
    with pytest.raises(ForgeAway):
        await desk.speak()
    await desk.speak()
    assert len(desk.forge.reviews) == 1


async def test_a_review_that_was_not_heard_is_said_later_and_one_that_is_refused_is_not(desk: Desk) -> None:
    await desk.ledger.open_case(settled())
    desk.forge.before["suggest"] = [ForgeBusy("wait", 5), Refused("not in the diff")]
    with pytest.raises(ForgeBusy):
        await desk.speak()
    await desk.speak()
    await desk.speak()
    assert desk.forge.reviews == []
    assert desk.forge.before["suggest"] == []


async def test_what_the_app_may_not_do_does_not_keep_the_rest_from_being_said(desk: Desk) -> None:
    await desk.ledger.open_case(settled())
    desk.forge.before["add_comment"] = [Forbidden("no permission")]
    await desk.speak()
    assert desk.ours == []
    assert len(desk.forge.check_runs) == 1
    for error in (Absent("gone"), Forbidden("no"), Refused("no such permission"), Unreadable("odd")):
        desk.forge.before["place"] = [error]
        desk.forge.before["pull"] = [error]
        before = len(desk.forge.said)
        await desk.speak()
        await desk.speak()
        assert len(desk.forge.said) == before


async def test_only_one_speaks_at_a_time(desk: Desk) -> None:
    await desk.ledger.open_case(settled())
    async with desk.ledger.alone(PLACE, 1):
        with pytest.raises(Busy):
            await desk.speak()
    await desk.speak()
    assert len(desk.ours) == 1


@pytest.mark.parametrize("text", ["github: {enabled: false}", "github: {colour: red}", "github: ["])
async def test_a_configuration_that_is_off_or_wrong_means_silence(text: str, desk: Desk) -> None:
    desk.configure(text)
    await desk.ledger.open_case(settled(wish="apply"))
    await desk.speak()
    assert desk.forge.said == []


# Wishes ---------------------------------------------------------------------------------------------------------------


async def test_apply_makes_one_branch_and_tells(desk: Desk) -> None:
    desk.configure("github: {fix_branch: true, fix_pull_request: true}")
    await desk.ledger.open_case(settled(wish="apply", by="ada"))
    desk.forge.after["branch"] = [ForgeAway("lost")]
    with pytest.raises(ForgeAway):
        await desk.speak()
    await desk.speak()
    kept = await desk.ledger.case(settled().key)
    name = branch_of(settled())
    assert kept is not None
    assert (kept.fix_branch, kept.wish) == (name, "")
    assert list(desk.forge.branches) == [name]
    fix = desk.forge.branches[name][1]
    assert fix is not None
    assert "self.billed_to = day" in (fix.files[PATH] or "")
    assert desk.forge.opened == [("Fix: insert `self.billed_to = day` after line 53 of src/duesbook/subscriptions.py",
                                  name, "topic-1")]  # fmt: skip
    assert name in desk.ours[0].body


REFUSED: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("", {}, "fix_branch"),
    ("github: {fix_branch: true}", {"fork": True}, "fork"),
    ("github: {fix_branch: true, protected: ['src/*']}", {}, "never changes"),
    ("github: {fix_branch: true}", {"outcome": "diagnosed"}, "no verified fix"),
)


@pytest.mark.parametrize(("text", "fields", "why"), REFUSED)
async def test_apply_without_approval_changes_nothing_and_says_why(
    text: str, fields: dict[str, Any], why: str, desk: Desk
) -> None:
    desk.configure(text or "{}")
    await desk.ledger.open_case(settled(wish="apply", by="ada", **fields))
    await desk.speak()
    kept = await desk.ledger.case(settled().key)
    assert kept is not None
    assert why in kept.note
    assert (kept.wish, kept.fix_branch) == ("", "")
    assert desk.forge.branches == {}
    assert "branch" not in desk.forge.said


async def test_a_patch_for_another_file_than_the_heads_is_refused(desk: Desk) -> None:
    desk.configure("github: {fix_branch: true}")
    desk.forge.files[PATH, HEAD] = b"rewritten\n"
    await desk.ledger.open_case(settled(wish="apply"))
    await desk.speak()
    assert "does not apply" in desk.ours[0].body
    assert desk.forge.branches == {}


async def test_a_fix_of_an_older_commit_is_not_applied(desk: Desk) -> None:
    desk.configure("github: {fix_branch: true}")
    desk.forge.pulls[1] = pull(head=101)
    await desk.ledger.open_case(settled(wish="apply"))
    await desk.speak()
    kept = await desk.ledger.case(settled().key)
    assert kept is not None
    assert "newer commits" in kept.note
    assert desk.forge.branches == {}


async def test_run_again_is_asked_once(desk: Desk) -> None:
    await desk.ledger.open_case(settled(wish="rerun"))
    await desk.speak()
    await desk.speak()
    assert desk.forge.reruns == [500]
    desk.forge.before["rerun"] = [Refused("it is running")]
    await desk.ledger.change(settled(wish="rerun"))
    await desk.speak()
    kept = await desk.ledger.case(settled().key)
    assert kept is not None
    assert "it is running" in kept.note


# The loop -------------------------------------------------------------------------------------------------------------


@dataclass
class Clock:
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.at

    def pass_s(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


async def test_a_change_is_told_in_the_next_round_and_what_failed_later(desk: Desk) -> None:
    clock = Clock()
    loop = Loop(desk.publisher, desk.ledger, now=clock)
    assert await loop.look() == 0
    await desk.ledger.open_case(case())
    assert await loop.look() == 1
    assert len(desk.ours) == 1
    assert await loop.look() == 0
    desk.forge.before["place"] = [ForgeBusy("wait", 30), ForgeAway("away")]
    await desk.ledger.change(settled())
    assert await loop.look() == 0
    assert await loop.look() == 0  # not before the forge listens again
    clock.pass_s(31)
    assert await loop.look() == 0
    clock.pass_s(5)
    assert await loop.look() == 1
    assert "Verified fix" in desk.ours[0].body


async def test_one_that_is_slow_holds_up_no_other(desk: Desk) -> None:
    """While the forge takes its time over one pull request, the next one is told."""
    release, heard = asyncio.Event(), asyncio.Event()

    class Slow(FakeForge):
        async def pull(self, place: Any, number: int) -> Any:
            if number == 1:
                await release.wait()
            return await super().pull(place, number)

        async def add_comment(self, place: Any, number: int, body: str) -> int:
            heard.set()
            return await super().add_comment(place, number, body)

    forge = Slow(pulls={1: pull(), 2: pull(2)}, files=desk.forge.files)
    loop = Loop(Publisher(forge, desk.ledger, LINKS), desk.ledger)
    running = asyncio.create_task(loop.run())
    await desk.ledger.open_case(case())
    await desk.ledger.open_case(case(subject=2))
    await asyncio.wait_for(heard.wait(), 30)
    assert [len(forge.talk[number]) for number in (1, 2)] == [0, 1]
    loop.stopping.set()
    release.set()
    await running
    assert len(forge.talk[1]) == 1


async def test_after_a_crash_at_any_call_there_is_one_true_comment(desk: Desk) -> None:
    """A hundred times: errors before and after every call, a new process after each; then quiet, and all is right."""
    rng = random.Random(7)  # noqa: S311 - a test that is the same each time
    for trial in range(100):
        fresh = Desk()
        heard = (ForgeAway("lost"), RuntimeError("killed"))
        errors = (*heard, ForgeBusy("busy", 1.0))  # a limit is told before anything is done
        for call in (*CALLS, *SPOKEN):
            fresh.forge.before[call] = [rng.choice((None, None, *errors)) for _ in range(2)]
            fresh.forge.after[call] = [rng.choice((None, *heard)) for _ in range(2)]
        cases = [case(), settled(), settled(signature="b" * 16)]
        quiet = 0
        for at in range(60):
            if at < len(cases):
                known, new = await fresh.ledger.open_case(cases[at])
                if not new and known != cases[at]:
                    await fresh.ledger.change(cases[at])
            try:
                await fresh.speak()
            except (ForgeAway, RuntimeError):
                quiet = 0
            else:
                quiet += at >= len(cases)
            if quiet == 3:
                break
        assert len(fresh.ours) == 1, trial
        assert fresh.ours[0].body.count("### Verified fix") == 2
        externals = [check.external for check in fresh.forge.check_runs.values()]
        assert sorted(externals) == sorted({cases[1].key, cases[2].key})
        assert {check.status for check in fresh.forge.check_runs.values()} == {"completed"}
        assert len(fresh.forge.reviews) <= 1


async def test_a_renamed_repository_is_spoken_to_by_its_new_name(desk: Desk) -> None:
    """Places of cases are as old as the cases: the forge is asked for the name of today."""
    asked: list[str] = []

    class Renamed(FakeForge):
        async def place(self, place: Any) -> Any:
            return place.model_copy(update={"name": NAME.model_copy(update={"name": "renamed"})})

        async def add_comment(self, place: Any, number: int, body: str) -> int:
            asked.append(str(place.name))
            return await super().add_comment(place, number, body)

    forge = Renamed(pulls=desk.forge.pulls, files=desk.forge.files, diffs=desk.forge.diffs)
    await desk.ledger.open_case(settled())
    await Publisher(forge, desk.ledger, LINKS).speak(PLACE.id, 1)
    assert asked == ["ada/renamed"]


async def test_issues_have_no_head_and_no_checks(desk: Desk) -> None:
    told = settled(run=0, subject=9, head=commit(1))
    await desk.ledger.open_case(told)
    desk.ledger.results[RUN] = Result(report=FIXED.report, diff=FIXED.diff)
    await desk.speak(9)
    assert "Verified fix" in desk.forge.talk[9][0].body
    assert desk.forge.check_runs == {}


async def test_reactions_are_shown_in_order_and_tried_again(desk: Desk) -> None:
    nodding = Nodding(desk.forge, desk.ledger)
    await desk.ledger.react(PLACE, 900, "eyes")
    await desk.ledger.react(PLACE, 900, "rocket")
    desk.forge.before["react"] = [ForgeBusy("wait", 30)]
    assert await nodding.look() == 1
    assert desk.forge.reactions == [(900, "rocket")]
    assert [(one.reaction, after) for one, after in desk.ledger.reactions] == [("eyes", 30)]


async def test_a_reaction_that_cannot_be_shown_is_let_go(desk: Desk) -> None:
    """The comment was deleted or locked; or GitHub never answers."""
    nodding = Nodding(desk.forge, desk.ledger)
    for error in (Absent("deleted"), Forbidden("locked"), Refused("no")):
        await desk.ledger.react(PLACE, 900, "eyes")
        desk.forge.before["react"] = [error]
        assert await nodding.look() == 0
        assert desk.ledger.reactions == []
    await desk.ledger.react(PLACE, 900, "eyes")
    desk.forge.before["react"] = [ForgeAway("502")] * 20
    waits = []
    while desk.ledger.reactions:
        await nodding.look()
        waits += [after for _, after in desk.ledger.reactions]
        desk.ledger.reactions = [(one, 0.0) for one, _ in desk.ledger.reactions]
    assert waits == [5, 10, 20, 40, 80]
