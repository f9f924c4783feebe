"""Client and publisher against the stateful hub: all that can go wrong on the way, and one true comment at the end."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.broker import asking, speaker
from tests.fakes.ledger import FakeLedger
from tests.hub import Town, town
from tests.publishing import FIXED, PATH, RUN, TEXT, case, settled
from workflows.github.client import App, GithubForge, app_of, office
from workflows.github.forge import Forbidden, ForgeAway, ForgeBusy
from workflows.github.names import RepositoryName
from workflows.github.publish.fixes import branch_of
from workflows.github.publish.matter import Links
from workflows.github.publish.publisher import Publisher
from workflows.github.values import Case, Place

OWNERS = "github: {fix_branch: true, fix_pull_request: true}\n"


@dataclass
class Stage:
    """The hub with a pull request that fails, and a publisher for it."""

    town: Town
    app: App
    forge: GithubForge
    place: Place
    ledger: FakeLedger = field(default_factory=lambda: FakeLedger(results={RUN: FIXED}))

    async def pull(self, name: str) -> tuple[int, str]:
        """(number, head) of a new pull request that changes the file."""
        files = {PATH: TEXT, f"{name}.txt": name}
        head = await self.town.does("commits", repository=str(self.place.name), branch=name, files=files, by="ada")
        made = await self.town.does("pulls", repository=str(self.place.name), title="T", head=name, by="ada")
        return int(made["number"]), str(head["sha"])

    def at(self, one: Case, number: int) -> Case:
        """A case of that pull request."""
        return one.model_copy(update={"place": self.place, "subject": number})

    async def speak(self, number: int) -> None:
        await Publisher(self.forge, self.ledger, Links(self.app.address.web)).speak(self.place.id, number)

    async def patiently(self, number: int) -> None:
        """Until it works, as the loop does; faults end by themselves."""
        for _ in range(60):
            try:
                return await self.speak(number)
            except ForgeBusy as busy:
                await asyncio.sleep(busy.after_s)
            except ForgeAway:
                continue
        raise AssertionError("it never worked")


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with town(tmp_path / "hub") as made:
        await made.does("automatic", on=False)
        base = {PATH: TEXT.replace("self._bill(", "self._bill_all("), ".patchwright.yml": OWNERS}
        await made.does("commits", repository="ada/shop", branch="main", files=base, by="ada")
        pem = tmp_path / "key.pem"
        pem.write_text(made.pem)
        app = app_of(made.hub.world.api, made.app, pem)
        number = next(iter(made.hub.world.places))
        name = RepositoryName(owner="ada", name="shop")
        async with speaker(app) as forge:
            yield Stage(made, app, forge, Place(id=number, name=name, installation=made.installation))


async def test_from_looking_to_a_branch_and_on_under_another_name(stage: Stage) -> None:
    """One comment through it all; the fix is one commit on the head, and a pull request into the branch that failed."""
    number, head = await stage.pull("topic")
    await stage.ledger.open_case(stage.at(case(head=head), number))
    await stage.speak(number)
    told = stage.at(settled(head=head, head_ref="topic", wish="apply", by="ada"), number)
    await stage.ledger.change(told)
    await stage.speak(number)
    await stage.town.does("rename", repository="ada/shop", name="store", by="ada")
    await stage.ledger.change(stage.ledger.kept[told.key].model_copy(update={"state": "dismissed"}))
    await stage.speak(number)
    comments = await stage.forge.comments(stage.place, number)
    assert [one.app for one in comments] == [stage.town.app]
    assert "Dismissed" in comments[0].body
    branch = branch_of(told)
    made = await stage.forge.head_of(stage.place, branch)
    assert made is not None
    fixed = await stage.forge.file(stage.place, PATH, made)
    assert (fixed or b"").count(b"self.billed_to = day") == 1
    opened = await stage.forge.pulls_from(stage.place, RepositoryName(owner="ada", name="store"), branch)
    assert [(one.base_ref, one.head_sha) for one in opened] == [("topic", made)]


async def test_what_the_bot_asks_is_asked_with_tokens_that_cannot_write(stage: Stage, tmp_path: Path) -> None:
    number, head = await stage.pull("topic")
    await stage.ledger.open_case(stage.at(settled(head=head), number))
    await stage.speak(number)
    before = len((await stage.town.does("audit"))["heard"])
    async with asking(stage.app, tmp_path) as made:
        await made.reads.comments(stage.place, number)
    heard = (await stage.town.does("audit"))["heard"]
    assert any("write" in one["who"] for one in heard[:before])
    assert heard[before:]
    assert not any("write" in one["who"] for one in heard[before:])


async def test_a_transferred_repository_is_spoken_to_where_it_is_now(stage: Stage) -> None:
    number, head = await stage.pull("topic")
    await stage.ledger.open_case(stage.at(case(head=head), number))
    await stage.speak(number)
    await stage.town.does("transfer", repository=str(stage.place.name), owner="grace")
    await stage.ledger.change(stage.at(settled(head=head), number))
    await stage.speak(number)
    (said,) = await stage.forge.comments(stage.place, number)
    assert "Verified fix" in said.body
    assert stage.town.hub.world.places[stage.place.id].repository.full_name.startswith("grace/")


async def test_a_force_push_and_a_deleted_branch_leave_one_comment_that_is_true(stage: Stage) -> None:
    """What was found belongs to a commit that is in no branch any more: nothing of it is applied."""
    number, head = await stage.pull("topic")
    stage.ledger.kept.clear()
    await stage.ledger.open_case(stage.at(case(head=head), number))
    await stage.speak(number)
    name = str(stage.place.name)
    (other,) = [one.base for one in stage.town.hub.world.places[stage.place.id].pulls.values()]
    forced = {"repository": name, "branch": "topic", "files": {PATH: "other = 1\n"}, "by": "ada", "parent": other}
    await stage.town.does("commits", **forced)
    await stage.ledger.change(stage.at(settled(head=head, wish="apply", by="ada"), number))
    await stage.speak(number)
    (said,) = await stage.forge.comments(stage.place, number)
    assert "Verified fix" not in said.body
    await stage.town.does("branches", repository=name, branch="topic", by="ada")
    await stage.speak(number)
    assert len(await stage.forge.comments(stage.place, number)) == 1
    refs = await stage.forge.head_of(stage.place, branch_of(stage.at(settled(head=head), number)))
    assert refs is None


async def test_permissions_that_were_taken_away_mean_silence(stage: Stage) -> None:
    number, head = await stage.pull("topic")
    await stage.ledger.open_case(stage.at(settled(head=head), number))
    given = {"contents": "read", "pull_requests": "read", "issues": "read", "actions": "read", "checks": "read"}
    await stage.town.does("permissions", installation=stage.place.installation, permissions=given)
    await stage.speak(number)
    assert await stage.forge.comments(stage.place, number) == ()
    await stage.town.does("uninstall", installation=stage.place.installation)
    await stage.speak(number)
    with pytest.raises(Forbidden):
        async with office(stage.app) as own:
            await own.access.token(stage.place, {"checks": "write"})


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_github_does_there_is_one_true_comment(seed: int, stage: Stage) -> None:
    """Errors, lost answers and both rate limits at random calls, while a failure goes from new to its fix."""
    rng = random.Random(seed)  # noqa: S311 - a test that is the same each time
    number, head = await stage.pull("topic")
    faults = [
        {
            "path": rng.choice(("/comments", "/check-runs", "/pulls", "/reviews", "/contents", "access_tokens", "")),
            "sort": rng.choice(("status", "lost", "lost", "primary", "secondary")),
            "method": rng.choice(("", "POST", "PATCH", "GET")), "nth": rng.randint(1, 3), "times": rng.randint(1, 2),
            "status": rng.choice((500, 502, 503)), "seconds": 1.0,
        }
        for _ in range(6)
    ]  # fmt: skip
    await stage.town.does("faults", faults=faults)
    for told in (case(head=head), settled(head=head)):
        await stage.ledger.open_case(stage.at(told, number))
        await stage.ledger.change(stage.at(told, number))
        await stage.patiently(number)
    await stage.town.does("faults", faults=[])
    await stage.patiently(number)
    comments = await stage.forge.comments(stage.place, number)
    assert len(comments) == 1
    assert "Verified fix" in comments[0].body
    place = stage.town.hub.world.places[stage.place.id]
    assert [check.conclusion for check in place.checks.values() if check.head == head] == ["neutral"]
    assert len(place.reviews) <= 1
