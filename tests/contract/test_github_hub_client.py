"""The hub and the product's own client, git, browsers, and runs in a real sandbox."""

from __future__ import annotations

import asyncio
import os
import subprocess
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.bubblewrap import BubblewrapSandboxes
from tests.broker import asking, speaker
from tests.hub import FILES, Town, town
from tools.ci.workflow import read_workflow
from workflows.github.client import App, app_of, office
from workflows.github.forge import Absent, Expired, Forbidden, ForgeAway, ForgeBusy, Refused
from workflows.github.hub import git
from workflows.github.hub.pages import markdown
from workflows.github.hub.runner import Outcome, Planned, SandboxRunner
from workflows.github.hub.things import now
from workflows.github.names import RepositoryName
from workflows.github.values import Button, Check, FixBranch, Note, Place, Suggestion


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path / "hub") as made:
        yield made


async def pulled(hub: Town) -> tuple[Place, str, str]:
    """The repository as the bot sees it, the base and the head of pull 1, whose workflow failed."""
    base = (await hub.does("commits", repository="ada/shop", branch="main", files=FILES, by="ada"))["sha"]
    await hub.settled()
    await hub.does("automatic", on=False)
    changed = {"a.py": "one = 1\ntwo = 3\n"}
    head = (await hub.does("commits", repository="ada/shop", branch="work", files=changed, by="ada"))["sha"]
    await hub.does("pulls", repository="ada/shop", title="Three", head="work", by="ada")
    hub.runner.ends[head] = "failure"
    await hub.does("runs", repository="ada/shop", head=head, branch="work", by="ada", event="pull_request")
    await hub.settled()
    known = hub.hub.world.named("ada", "shop")
    assert known is not None
    name = RepositoryName(owner="ada", name="shop")
    place = Place(id=known.repository.id, name=name, installation=hub.installation, private=True, default_branch="main")
    return place, base, head


def app(hub: Town, folder: Path) -> App:
    key = folder / "key.pem"
    key.write_text(hub.pem)
    return app_of(hub.hub.world.api, hub.app, key)


async def test_the_client_reads_what_there_is(hub: Town, tmp_path: Path) -> None:
    place, base, head = await pulled(hub)
    async with speaker(app(hub, tmp_path)) as forge:
        assert (await forge.place(place)) == place
        pull = await forge.pull(place, 1)
        assert (pull.head_sha, pull.base_sha, pull.fork, pull.open) == (head, base, False, True)
        assert [one.number for one in await forge.pulls_with(place, head)] == [1]
        assert [one.number for one in await forge.pulls_from(place, place.name, "work")] == [1]
        assert [one.path for one in await forge.changed(place, 1)] == ["a.py"]
        assert await forge.merge_base(place, base, head) == (base, 1)
        assert await forge.file(place, "a.py", head) == b"one = 1\ntwo = 3\n"
        assert await forge.file(place, "absent.py", head) is None
        assert [await forge.permission(place, who) for who in ("ada", "nobody")] == ["admin", "none"]
        (failed,) = await forge.runs(place, head_sha=head)
        assert (failed.conclusion, failed.pull_requests, failed.path) == ("failure", (1,), ".github/workflows/ci.yml")
        assert len(await forge.runs(place, workflow=failed.workflow, branch="main", status="success")) == 1
        (job,) = await forge.jobs(place, failed.id, 1)
        assert (job.name, job.step) == ("test", "Run make test")
        async with forge.archive(place, failed.id, 1) as file:
            assert "0_test.txt" in zipfile.ZipFile(file).namelist()
        async with forge.job_log(place, job.id) as file:
            assert b"it ran" in file.read()
        await hub.does("expire", repository="ada/shop", run=failed.id)
        with pytest.raises(Expired):
            async with forge.archive(place, failed.id, 1):
                pass


async def test_the_client_says_what_it_has_to_say(hub: Town, tmp_path: Path) -> None:
    place, _, head = await pulled(hub)
    async with speaker(app(hub, tmp_path)) as forge:
        comment = await forge.add_comment(place, 1, "hello")
        await forge.edit_comment(place, comment, "other")
        await forge.react(place, comment, "eyes")
        (said,) = await forge.comments(place, 1)
        assert (said.body, said.app, said.author) == ("other", forge.app, "patchwright[bot]")
        notes = tuple(
            Note(path="a.py", start=at, end=at, level="failure", title="t", message="m") for at in range(1, 121)
        )
        check = Check(
            name="patchwright", head_sha=head, external="key", status="completed", conclusion="neutral", title="T",
            summary="S", notes=notes, buttons=(Button(label="Apply", description="d", identifier="apply"),),
        )  # fmt: skip
        made = await forge.add_check(place, check)
        await forge.edit_check(place, made, check)
        assert await forge.checks(place, head) == {"key": made}
        assert len(hub.hub.world.places[place.id].checks[made].annotations) == 120
        line = Suggestion(path="a.py", start=2, end=2, body="```suggestion\ntwo = 2\n```")
        await forge.suggest(place, 1, head, "Words", (line,))
        with pytest.raises(Refused):
            await forge.suggest(place, 1, head, "Words", (line, line.model_copy(update={"start": 80, "end": 80})))
        await hub.does("uncomment", repository="ada/shop", comment=comment, by="ada")
        assert await forge.comment(place, comment) is None


async def test_the_client_makes_branches_and_pulls_once_and_runs_again(hub: Town, tmp_path: Path) -> None:
    place, _, head = await pulled(hub)
    async with speaker(app(hub, tmp_path)) as forge:
        (failed,) = await forge.runs(place, head_sha=head)
        fix = FixBranch(
            branch="patchwright/fix", parent=head, message="fix: it", files={"a.py": "x = 1\n", "docs/b.md": None}
        )
        done = await forge.branch(place, fix)
        assert await forge.branch(place, fix) == done == await forge.head_of(place, "patchwright/fix")
        assert await forge.file(place, "docs/b.md", done) is None
        number = await forge.open_pull(place, title="Fix", body="b", head="patchwright/fix", base="work")
        assert number == await forge.open_pull(place, title="Fix", body="b", head="patchwright/fix", base="work")
        await forge.rerun(place, failed.id)
        await hub.settled()
        assert (await forge.run(place, failed.id)).attempt == 2


async def test_commits_come_by_git_after_a_rename_and_from_forks(hub: Town, tmp_path: Path) -> None:
    place, base, _ = await pulled(hub)
    await hub.does("repositories", name="ben/shop", private=True, fork_of="ada/shop")
    files = {"b.py": "b = 1\n"}
    away = (await hub.does("commits", repository="ben/shop", branch="mine", files=files, by="ben"))["sha"]
    await hub.does("pulls", repository="ada/shop", title="Mine", head="ben:mine", by="ben")
    await hub.does("rename", repository="ada/shop", name="store", by="ada")
    async with asking(app(hub, tmp_path), tmp_path / "home") as made:
        forge, folder = made.reads, tmp_path / "fetched"
        await forge.fetch(place, folder, (base, away), number=2)
        assert (await git.one(folder, away)).parents == (base,)
        assert (await forge.pull(place, 2)).fork
        await hub.does("delete", repository="ben/shop")
        assert (await forge.pull(place, 2)).head_repository is None


async def test_what_goes_wrong_becomes_the_clients_errors(hub: Town, tmp_path: Path) -> None:
    place, _, _ = await pulled(hub)
    key = app(hub, tmp_path)
    async with speaker(key) as forge:
        await hub.does("faults", faults=[{"path": "/pulls/1$", "status": 502}])
        with pytest.raises(ForgeAway):
            await forge.pull(place, 1)
        await hub.does("faults", faults=[{"path": "/comments$", "method": "POST", "sort": "lost"}])
        with pytest.raises(ForgeAway):
            await forge.add_comment(place, 1, "heard all the same")
        assert len(await forge.comments(place, 1)) == 1
        await hub.does("permissions", installation=hub.installation, permissions={"contents": "read"})
        with pytest.raises(Forbidden):
            await forge.add_comment(place, 1, "no")
    async with speaker(key) as forge:
        await hub.does("faults", faults=[{"path": "access_tokens$", "sort": "secondary", "seconds": 9}])
        with pytest.raises(ForgeBusy) as busy:
            await forge.pull(place, 1)
        assert busy.value.after_s == 9
    await hub.does("uninstall", installation=hub.installation)
    async with office(key) as own:
        with pytest.raises(Absent):
            await own.reads.pull(place, 1)


async def test_missed_deliveries_are_found_and_sent_again(hub: Town, tmp_path: Path) -> None:
    await pulled(hub)
    await hub.does("disorder", lost=1.0)
    await hub.does("comments", repository="ada/shop", number=1, body="lost", by="ada")
    await hub.settled()
    count = len(hub.received)
    async with asking(app(hub, tmp_path), tmp_path / "home") as made:
        log = made.missed
        (lost,) = [one async for one in log.failed(datetime.now(UTC) - timedelta(hours=1))]
        await log.redeliver(lost)
        await hub.settled()
        assert [one async for one in log.failed(datetime.now(UTC) - timedelta(hours=1))] == []
    assert len(hub.received) == count + 1


def run_git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    env |= {"GIT_TERMINAL_PROMPT": "0", "HOME": str(folder)}
    who = ("-c", "user.name=ada", "-c", "user.email=ada@example.org")
    return subprocess.run(["git", *who, *arguments], cwd=folder, env=env, capture_output=True, text=True, check=False)


async def test_people_push_with_git_and_it_is_told(hub: Town, tmp_path: Path) -> None:
    _, _, head = await pulled(hub)
    passwords = {who: (await hub.does("people", login=who))["password"] for who in ("ada", "eve")}
    hub.runner.ends.clear()
    await hub.does("automatic", on=True)

    def url(who: str) -> str:
        return hub.hub.world.web.replace("://", f"://{who}:{passwords[who]}@") + "/ada/shop.git"

    def pushed() -> tuple[int, int, int]:
        plain = run_git(tmp_path, "clone", "-q", f"{hub.hub.world.web}/ada/shop.git", "plain").returncode
        stranger = run_git(tmp_path, "clone", "-q", url("eve"), "stranger").returncode
        run_git(tmp_path, "clone", "-q", "-b", "work", url("ada"), "own")
        (tmp_path / "own/c.py").write_text("c = 1\n")
        run_git(tmp_path / "own", "add", ".")
        run_git(tmp_path / "own", "commit", "-qm", "feat: c")
        return plain, stranger, run_git(tmp_path / "own", "push", "-q").returncode

    plain, stranger, own = await asyncio.to_thread(pushed)
    assert plain != 0
    assert stranger != 0
    assert own == 0
    await hub.settled()
    pull = hub.hub.world.places[next(iter(hub.hub.world.places))].pulls[1]
    assert pull.head != head
    assert [one.sha for one in hub.runner.ran[-2:]] == [pull.head, pull.head]
    assert hub.wrong == []


async def test_pages_show_hostile_texts_as_texts_and_take_only_their_own_forms(hub: Town) -> None:
    _, _, head = await pulled(hub)
    body = "<script>alert(1)</script> <!-- concealed --> [x](javascript:a()) ![i](https://evil.example/i.png) **bold**"
    await hub.does("comments", repository="ada/shop", number=1, body=body, by="ada")
    token = await hub.token()
    check = {
        "name": "<b>check</b>", "head_sha": head, "output": {"title": "t", "summary": "s"},
        "actions": [{"label": "Apply", "description": "d", "identifier": "apply"}],
    }  # fmt: skip
    made = (await hub.asks("POST", "/repos/ada/shop/check-runs", token, json=check)).json()["id"]
    web, page = hub.hub.world.web, f"{hub.hub.world.web}/ada/shop/pull/1"
    shown = await hub.http.get(page)
    assert shown.status_code == 200
    assert "default-src 'none'" in shown.headers["content-security-policy"]
    assert not any(one in shown.text for one in ("<script", "concealed", 'href="javascript', "<img", "<b>check"))
    assert "<strong>bold</strong>" in shown.text
    assert ">Apply</button>" in shown.text
    form = {"check": str(made), "identifier": "apply"}
    assert (
        await hub.http.post(f"{page}/press", data=form, headers={"Origin": "https://evil.example"})
    ).status_code == 403
    assert (await hub.http.post(f"{page}/press", data=form)).status_code == 403
    assert (await hub.http.post(f"{page}/press", data=form, headers={"Origin": web})).status_code == 303
    received = await hub.settled()
    assert b'"requested_action": {"identifier": "apply"}' in received[-1].body
    run = next(iter(hub.hub.world.places.values())).runs
    others = ["", "/ada/shop", f"/ada/shop/runs/{made}", f"/ada/shop/commit/{head}", f"/ada/shop/blob/{head}/a.py"]
    others += [f"/ada/shop/actions/runs/{one}" for one in run]
    others += [f"/ada/shop/actions/runs/{r.id}/job/{r.last.jobs[0].id}" for r in run.values()]
    for path in others:
        assert (await hub.http.get(web + path)).status_code == 200, path
    assert (await hub.http.get(f"{web}/ada/none")).status_code == 404


def test_folds_are_the_only_html_of_a_text() -> None:
    shown = markdown("<details><summary>More</summary>\n\n| a |\n|---|\n| 1 |\n\n</details> <details open onclick=x>")
    assert "<details><summary>More</summary>" in shown
    assert "<table>" in shown
    assert "onclick=x&gt;" in shown


WORKFLOW = """\
name: CI
on: push
jobs:
  test:
    name: test
    strategy:
      matrix:
        n: [0, 3]
    steps:
      - uses: actions/checkout@v4
      - name: Say
        run: |
          echo "n is ${{ matrix.n }}"
          cat a.txt
      - name: End
        run: exit ${{ matrix.n }}
      - name: Never
        run: echo never
      - name: After
        if: always()
        run: echo after
"""


async def test_workflows_really_run_and_logs_look_like_githubs(tmp_path: Path) -> None:
    path = tmp_path / "r.git"
    await git.create(path)
    who = git.Signature("ada", "ada@example.org", now())
    sha = await git.commit_files(path, {"a.txt": "content\n"}, parent=None, message="one", author=who)
    (job,) = read_workflow(WORKFLOW).jobs
    runner = SandboxRunner(BubblewrapSandboxes(), tmp_path / "cache")
    good, bad = [await runner.run(Planned(path, sha, job, one)) for one in job.matrix]
    assert (good.conclusion, bad.conclusion) == ("success", "failure")
    assert [(one.name, one.conclusion) for one in bad.steps] == [
        ("Set up job", "success"), ("Run actions/checkout@v4", "success"), ("Say", "success"), ("End", "failure"),
        ("Never", "skipped"), ("After", "success"), ("Complete job", "success"),
    ]  # fmt: skip
    assert _lines(bad, "Say")[-2:] == ["n is 3", "content"]
    assert _lines(bad, "End")[-1] == "##[error]Process completed with exit code 3."
    assert _lines(bad, "End")[0] == "##[group]Run exit ${{ matrix.n }}"


def _lines(outcome: Outcome, step: str) -> list[str]:
    log = next(one.log for one in outcome.steps if one.name == step)
    return [line.partition("Z ")[2] for line in log.splitlines()]
