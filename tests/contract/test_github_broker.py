"""The bot asks, the publisher answers: over a real connection, from the stateful hub."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.broker import Asking, asking
from tests.hub import FILES, Town, town
from tests.waiting import PATIENCE_S, until_async
from workflows.github.broker import asks, meeting
from workflows.github.broker.app import lending
from workflows.github.broker.asking import BrokerReads, line
from workflows.github.client import App, app_of, office
from workflows.github.forge import Absent, Expired, Forbidden, ForgeAway, ForgeBusy, Reads, Refused, Unreadable
from workflows.github.names import RepositoryName
from workflows.github.values import Comment, Place


@dataclass
class Stage:
    """The hub with pull request 1, whose run failed, and both sides of the way to it."""

    town: Town
    app: App
    home: Path
    asking: Asking
    place: Place
    base: str
    head: str
    run: int


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with town(tmp_path / "hub") as hub:
        base = (await hub.does("commits", repository="ada/shop", branch="main", files=FILES, by="ada"))["sha"]
        await hub.settled()
        await hub.does("automatic", on=False)
        made: dict[str, Any] = {"repository": "ada/shop", "branch": "work", "by": "ada"}
        head = (await hub.does("commits", files={"a.py": "one = 1\ntwo = 3\n"}, **made))["sha"]
        await hub.does("pulls", repository="ada/shop", title="Three", head="work", by="ada")
        hub.runner.ends[head] = "failure"
        run = (await hub.does("runs", head=head, event="pull_request", **made))["id"]
        await hub.does("comments", repository="ada/shop", number=1, body="why?", by="ada")
        await hub.settled()
        known = hub.hub.world.named("ada", "shop")
        assert known is not None
        name = RepositoryName(owner="ada", name="shop")
        place = Place(
            id=known.repository.id, name=name, installation=hub.installation, private=True, default_branch="main"
        )
        (tmp_path / "key.pem").write_text(hub.pem)
        app = app_of(hub.hub.world.api, hub.app, tmp_path / "key.pem")
        async with asking(app, tmp_path / "home") as both:
            yield Stage(hub, app, tmp_path / "home", both, place, base, head, run)


async def _all(reads: Reads, stage: Stage) -> list[object]:
    """An answer to every question."""
    place, run, head = stage.place, stage.run, stage.head
    (job,) = await reads.jobs(place, run, 1)
    (said,) = await reads.comments(place, 1)
    async with reads.archive(place, run, 1) as archive, reads.job_log(place, job.id) as log:
        files = len(archive.read()), log.read()
    return [
        files, job, said, await reads.place(place), await reads.run(place, run), await reads.run(place, run, 1),
        await reads.runs(place, head_sha=head, status="failure", most=5), await reads.pull(place, 1),
        await reads.pulls_with(place, head), await reads.pulls_from(place, place.name, "work"),
        await reads.changed(place, 1), await reads.merge_base(place, "main", head),
        await reads.file(place, "a.py", head), await reads.file(place, "none", head),
        await reads.permission(place, "ada"), await reads.comment(place, said.id), await reads.comment(place, 1),
        await reads.checks(place, head),
    ]  # fmt: skip


async def test_every_question_has_the_forges_own_answer(stage: Stage) -> None:
    asked = await _all(stage.asking.reads, stage)
    assert asked == await _all(stage.asking.office.reads, stage)
    assert asked[12] == b"one = 1\ntwo = 3\n"
    assert asked[13] is None


@pytest.mark.parametrize("text", ["plain", "\ud800 lone", "\0\x1b[31m\u202e", "𝔘" * 70_000])
def test_any_text_goes_over_as_it_is(text: str) -> None:
    said = Comment(id=1, body=text)
    assert asks.COMMENT.read(asks.COMMENT.said(said)) == said
    assert asks.given("pulls_with", asks.asked("pulls_with", {"place": PLACE, "sha": text}))["sha"] == text


PLACE = Place(id=1, name=RepositoryName(owner="ada", name="shop"), installation=2)
ERRORS = (
    Absent("a"), Expired("e"), Forbidden("f"), Refused("r"), Unreadable("u"), ForgeAway("w"), ForgeBusy("b", 12.5),
)  # fmt: skip


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors_go_over_as_what_they_are(error: ForgeAway) -> None:
    meant = asks.meant(asks.told(error))
    assert (type(meant), str(meant), getattr(meant, "after_s", 0)) == (
        type(error), str(error), getattr(error, "after_s", 0),
    )  # fmt: skip


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"kind": "Absent"}', b'{"kind": 1, "message": 2, "after_s": "x"}']
)
def test_an_answer_that_is_none_means_to_try_again(body: bytes) -> None:
    assert type(asks.meant(body)) is ForgeAway
    with pytest.raises(Unreadable):
        asks.RUN.read(body)


async def test_what_goes_wrong_at_the_forge_is_told(stage: Stage) -> None:
    reads = stage.asking.reads
    with pytest.raises(Absent):
        await reads.pull(stage.place, 99)
    await stage.town.does("expire", repository="ada/shop", run=stage.run)
    with pytest.raises(Expired):
        async with reads.archive(stage.place, stage.run, 1):
            pass
    await stage.town.does("faults", faults=[{"path": "/pulls/1$", "status": 502}])
    with pytest.raises(ForgeAway):
        await reads.pull(stage.place, 1)
    await stage.town.does("faults", faults=[{"path": "/pulls/1$", "sort": "secondary", "seconds": 9}])
    with pytest.raises(ForgeBusy) as busy:
        await reads.pull(stage.place, 1)
    assert busy.value.after_s == 9


async def test_what_the_bot_spent_the_publisher_knows(stage: Stage) -> None:
    """One budget at the forge, one memory of it: whoever ran into a limit, nobody asks before it is over."""
    await stage.town.does("faults", faults=[{"path": "/pulls/1$", "sort": "secondary", "seconds": 30}])
    with pytest.raises(ForgeBusy):
        await stage.asking.reads.pull(stage.place, 1)
    with pytest.raises(ForgeBusy):
        await stage.asking.office.forge.add_comment(stage.place, 1, "too early")
    heard = (await stage.town.does("audit"))["heard"]
    assert not any("/issues/" in one["path"] for one in heard)


async def test_strangers_and_other_wishes_are_turned_away(stage: Stage) -> None:
    """No word, a wrong one, questions that are none, and whatever git can do beside fetching."""
    at = meeting.found(stage.home)
    assert at is not None
    assert at.word not in repr(at)
    assert stat.S_IMODE((meeting.folder_of(stage.home) / meeting.NOTE).stat().st_mode) == 0o600
    git = f"/git/{stage.place.installation}/{stage.place.id}/ada/shop.git"
    paths = (
        ("POST", "/reads/place"), ("GET", "/missed/5"), ("POST", "/missed/1/again"), ("POST", "/reads/_access"),
        ("GET", f"{git}/info/refs?service=git-upload-pack"), ("POST", f"{git}/git-receive-pack"),
    )  # fmt: skip
    told = {
        "/reads/_access": (502, "Absent"), "/reads/fetch": (502, "Absent"), "/reads/run": (502, "Refused"),
        f"{git}/git-receive-pack": (403, "only fetching"), f"{git}/HEAD": (403, "only fetching"),
        f"{git}/info/refs?service=git-receive-pack": (403, ""),
        f"{git.replace('shop', '..')}/git-upload-pack": (404, ""),
    }  # fmt: skip
    before = len((await stage.town.does("audit"))["heard"])
    async with httpx.AsyncClient(base_url=at.url, trust_env=False, timeout=PATIENCE_S) as http:
        for header in (
            {},
            {"Authorization": "Bearer x"},
            {"Authorization": "Basic ä"},
            {"Authorization": "Basic eDp5"},
        ):
            for method, path in paths:
                sent = {key.encode(): value.encode() for key, value in header.items()}
                assert (await http.request(method, path, headers=sent)).status_code == 401
        word = {"Authorization": f"Bearer {at.word}"}
        for path, (status, part) in told.items():
            answer = await http.post(path, headers=word, content=b'{"place": {}, "token": 1}')
            assert (path, answer.status_code) == (path, status)
            assert part in answer.text
        pushing = await http.get(f"{git}/info/refs", params={"service": "git-receive-pack"}, headers=word)
        assert pushing.status_code == 403
        huge = await http.post("/reads/run", headers=word, content=b" " * (2 << 20))
        assert "too long" in huge.text
    assert len((await stage.town.does("audit"))["heard"]) == before, "nothing of it reached the forge"


async def test_commits_of_another_repository_are_not_to_be_had_by_its_name(stage: Stage, tmp_path: Path) -> None:
    """The token is for the repository's id, whatever name is said."""
    await stage.town.does("repositories", name="eve/secret", private=True)
    await stage.town.does("commits", repository="eve/secret", branch="main", files={"a": "b"}, by="eve")
    at = meeting.found(stage.home)
    assert at is not None
    async with httpx.AsyncClient(base_url=at.url, trust_env=False, timeout=PATIENCE_S) as http:
        path = f"/git/{stage.place.installation}/{stage.place.id}/eve/secret.git/info/refs?service=git-upload-pack"
        answer = await http.get(path, headers={"Authorization": f"Bearer {at.word}"})
    assert answer.status_code in (403, 404)


async def test_commits_come_while_a_token_is_worth_nothing_any_more(stage: Stage, tmp_path: Path) -> None:
    """One that the forge took back early is asked for anew."""
    await stage.asking.reads.fetch(stage.place, tmp_path / "one", (stage.head,), number=1)
    stage.town.hub.world.tokens.clear()
    await stage.asking.reads.fetch(stage.place, tmp_path / "two", (stage.head, stage.base))
    assert (tmp_path / "two" / "HEAD").is_file()


async def test_nobody_is_waited_for_and_another_publisher_takes_over(stage: Stage, tmp_path: Path) -> None:
    """Without a publisher it is no attempt that counts; of two, the second answers when the first has ended."""
    home = tmp_path / "other"
    async with line(home) as way, office(stage.app) as own:
        reads = BrokerReads(way)
        with pytest.raises(ForgeBusy, match="patchwright github publish"):
            await reads.place(stage.place)
        first, second = (lending(home, own.reads, own.missed, own.access) for _ in range(2))
        async with second if await _entered(first, home) else first:
            one = meeting.found(home)
            assert (await reads.place(stage.place)).id == stage.place.id
            await first.__aexit__(None, None, None)
            await until_async(lambda: meeting.found(home) != one)
            assert (await reads.place(stage.place)).id == stage.place.id
        with pytest.raises(ForgeBusy):
            await reads.place(stage.place)


async def _entered(lent: Any, home: Path) -> bool:
    await lent.__aenter__()
    await until_async(lambda: meeting.found(home))
    return True


# A process of an ordinary user that may be looked into, and a child that looks, before and after it is closed.
LOOKED_INTO = """
import ctypes, os
from workflows.github.publish.process import closed

if os.getuid() == 0:
    os.setgid(65534), os.setuid(65534)
ctypes.CDLL(None).prctl(4, 1)

def looked() -> str:
    out, into = os.pipe()
    if (child := os.fork()) == 0:
        try:
            open(f"/proc/{os.getppid()}/mem", "rb").close()
            open(f"/proc/{os.getppid()}/environ", "rb").close()
            os.write(into, b"seen")
        except PermissionError:
            os.write(into, b"refused")
        os._exit(0)
    os.waitpid(child, 0)
    return os.read(out, 20).decode()

print(looked())
closed()
print(looked())
"""


def test_others_of_the_same_user_cannot_look_into_the_publisher() -> None:
    """The key and tokens are in its memory; the bot and the workers are of the same user."""
    done = subprocess.run([sys.executable, "-c", LOOKED_INTO], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["seen", "refused"], done.stderr
