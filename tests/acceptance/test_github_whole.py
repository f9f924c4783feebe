"""The whole path of the bot on the hub: a red pull request, a comment with a verified patch, a button, a green branch.

Every part is the product's own process: hub, service with a worker, bot, publisher.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests import canary
from tests.acceptance.test_github_demo import TAKEN_S, demo, told

REPOSITORY = "ada/duesbook"
STEP_S = 0.5
LOG = """\
Run python -m pytest -q
F                                                                        [100%]
=================================== FAILURES ===================================
__________________________________ test_{0} __________________________________

    def test_{0}():
>       assert {0}(2.5) == 3
E       assert 2 == 3

tests/test_{0}.py:4: AssertionError
=========================== short test summary info ============================
FAILED tests/test_{0}.py::test_{0} - assert 2 == 3
1 failed in 0.05s
##[error]Process completed with exit code 1.
"""


@dataclass(frozen=True)
class Town:
    """The hub as somebody sees it who looks at its interface, and as its people act."""

    web: str
    word: str
    http: httpx.AsyncClient
    process: int
    key: Path

    async def asked(self, path: str) -> Any:
        answer = await self.http.get(f"{self.web}/api/v3/repos/{REPOSITORY}/{path}")
        answer.raise_for_status()
        return answer.json()

    async def does(self, what: str, **told: Any) -> Any:
        bearer = {"Authorization": f"Bearer {self.word}"}
        answer = await self.http.post(f"{self.web}/_hub/{what}", json=told, headers=bearer)
        answer.raise_for_status()
        return answer.json()

    async def comments(self, number: int) -> list[str]:
        """Those of the bot."""
        said = await self.asked(f"issues/{number}/comments")
        return [one["body"] for one in said if one["user"]["type"] == "Bot"]

    async def ours(self, sha: str) -> dict[str, Any]:
        """The bot's own check run of a commit, empty before there is one."""
        runs = (await self.asked(f"commits/{sha}/check-runs"))["check_runs"]
        return next((run for run in runs if run["app"]["slug"] == "patchwright"), {})

    async def ended(self) -> dict[tuple[str, str], str]:
        runs = (await self.asked("actions/runs"))["workflow_runs"]
        return {(run["event"], run["head_branch"]): run["conclusion"] for run in runs}


async def until(what: Callable[[], Awaitable[bool]], why: str) -> None:
    for _ in range(int(TAKEN_S / STEP_S)):
        if await what():
            return
        await asyncio.sleep(STEP_S)
    raise AssertionError(why)


def secrets(key: Path) -> re.Pattern[bytes]:
    """Any token of the hub, any JWT, and the App's private key: as it is in its file, and as numbers in memory."""
    private = load_pem_private_key(key.read_bytes(), None)
    assert isinstance(private, RSAPrivateKey)
    number = private.private_numbers().d
    forms = [key.read_bytes().splitlines()[2], *(number.to_bytes(256, order)[64:192] for order in ("big", "little"))]
    known = (rb"ghs_[0-9a-f]{36}", rb"eyJhbGciOiJSUzI1NiIs[\w-]+\.eyJ[\w-]{20}", *map(re.escape, forms))
    return re.compile(b"|".join(known))


def only_the_publisher_holds(hub: Town, wanted: re.Pattern[bytes]) -> None:
    """Environments and memories of all processes but the forge's own, and every file but the key's own."""
    folder, key = hub.key.parent, hub.key
    found: dict[bool, set[canary.Place]] = {True: set(), False: set()}
    seen: list[str] = []
    for pid in canary.around(hub.process, folder):
        seen.append(canary.command(pid))
        found[" github publish" in seen[-1]] |= set(canary.in_process(pid, wanted))
    for part in ("serve", "worker", "github bot", "github publish", "postgres"):
        assert any(part in one for one in seen), part
    assert {one.what for one in found[True]} == {"memory"}, "whoever looks must find what is there"
    assert found[False] == set()
    assert list(canary.in_files(folder, wanted, but=(key,))) == []


@contextlib.asynccontextmanager
async def town(home: Path) -> AsyncIterator[tuple[Town, int]]:
    """The demonstration with its pull request open, and that one's number."""
    async with demo(home, "--port", "0", "--service-port", "0") as process:
        web = (await told(process, "hub: ")).rstrip("/")
        word = Path(await told(process, "word: "))
        page = await told(process, "a pull request is open: ")
        async with httpx.AsyncClient(timeout=TAKEN_S, trust_env=False) as http:
            yield (
                Town(web, word.read_text(), http, process.pid, word.with_name("app.pem")),
                int(page.rpartition("/")[2]),
            )
        process.terminate()
        async with asyncio.timeout(90):
            await process.wait()


async def test_a_red_pull_request_is_answered_by_a_proven_fix_that_a_button_makes_a_green_branch(
    tmp_path: Path,
) -> None:
    async with town(tmp_path) as (hub, number):
        head = (await hub.asked(f"pulls/{number}"))["head"]["sha"]
        wanted = secrets(hub.key)

        async def begun() -> bool:
            return bool(await hub.comments(number))

        await until(begun, "no comment")
        await asyncio.to_thread(only_the_publisher_holds, hub, wanted)

        async def proven() -> bool:
            said = await hub.comments(number)
            return bool(said) and "Verified fix" in said[0]

        await until(proven, "no comment with a verified fix")
        (said,) = await hub.comments(number)
        assert "+        self.billed_to = day" in said
        assert "Settle pauses and plan changes in one place" in said, "the culprit"
        assert "certificate.json" in said
        asked = await hub.does("comments", repository=REPOSITORY, number=number, body="/patchwright explain", by="ada")

        async def answered() -> bool:
            given = (await hub.asked(f"issues/comments/{asked['id']}"))["reactions"]
            return (given["eyes"], given["rocket"], given["confused"]) == (1, 1, 0)

        await until(answered, "no reaction to the command")
        check = await hub.ours(head)
        assert (check["status"], check["conclusion"]) == ("completed", "neutral")
        await hub.does("press", repository=REPOSITORY, check=check["id"], by="ada", identifier="apply")

        async def green() -> bool:
            await hub.does("settle")
            ended = await hub.ended()
            return any(branch.startswith("patchwright/") and how == "success" for (_, branch), how in ended.items())

        await until(green, "no green run of a branch with the fix")
        (fix,) = [pull for pull in await hub.asked("pulls") if pull["title"].startswith("Fix: ")]
        assert fix["base"]["ref"] == "tidy-up"
        await hub.does("close", repository=REPOSITORY, number=fix["number"], by="ada", merge=True)
        await Change(hub, number, "tidy-up", head).says("Patchwright: It passes again**")
        await _only_the_publisher_asked(hub)
        await asyncio.to_thread(only_the_publisher_holds, hub, wanted)


async def _only_the_publisher_asked(hub: Town) -> None:
    """As the forge saw it: whoever asked for a token, and whoever used one."""
    told = await hub.does("audit")
    assert {one["process"] for one in told["tokens"]} == {"patchwright-publish"}
    assert {one["process"] for one in told["heard"] if "installation" in one["who"]} == {"patchwright-publish"}


def job(test: str, name: str = "test", *, passes: bool = False) -> dict[str, Any]:
    """A job's results: this test fails, or all is well."""
    end = "success" if passes else "failure"
    log = "1 passed in 0.05s" if passes else LOG.format(test)
    return {"name": name, "conclusion": end, "steps": [{"name": "Run tests", "conclusion": end, "log": log}]}


@dataclass(frozen=True)
class Change:
    """A pull request whose runs are given. head: its commit."""

    hub: Town
    number: int
    branch: str
    head: str

    async def run(self, *jobs: dict[str, Any], home: str = REPOSITORY) -> int:
        where = {"repository": REPOSITORY, "home": home, "head": self.head, "branch": self.branch, "by": "ada"}
        return int((await self.hub.does("runs", **where, event="pull_request", jobs=list(jobs)))["id"])

    async def says(self, *words: str) -> str:
        """The only comment, once it has all these words."""
        only = ""
        for _ in range(int(TAKEN_S / STEP_S)):
            (only, *more) = await self.hub.comments(self.number) or [""]
            assert not more
            if all(word in only for word in words):
                return only
            await asyncio.sleep(STEP_S)
        raise AssertionError(f"it never said {words}, but {only!r}")


async def change(hub: Town, branch: str, *, by: str = "ada") -> Change:
    """A pull request of a new branch, of one's own repository, of which no workflow runs by itself."""
    tip = (await hub.asked("branches/main"))["commit"]["sha"]
    files = {f"notes/{branch}.md": "note\n"}
    made = await hub.does("commits", repository=f"{by}/duesbook", branch=branch, files=files, by=by, parent=tip)
    head = branch if by == "ada" else f"{by}:{branch}"
    opened = await hub.does("pulls", repository=REPOSITORY, title=branch, head=head, by=by)
    return Change(hub, opened["number"], branch, made["sha"])


async def expired(hub: Town) -> Change:
    """A pull request whose logs are gone by the time at which the bot may ask for them."""
    made = await change(hub, "expired")
    (installation,) = {one["installation"] for one in (await hub.does("audit"))["tokens"]}
    await hub.does("limits", installation=installation, seconds=5)
    run = await made.run(job("lost"))
    await hub.does("expire", repository=REPOSITORY, run=run)
    return made


async def test_what_is_not_the_changes_fault_is_said_and_what_is_over_is_over(tmp_path: Path) -> None:
    """Red on the base too; passed before on the same commit; a matrix; a newer push; logs that are gone."""
    async with town(tmp_path) as (hub, _):
        await hub.does("automatic", on=False)
        await hub.does("settle")
        files: dict[str, str | None] = {".patchwright.yml": "github:\n  silent: false\n"}
        await hub.does("commits", repository=REPOSITORY, branch="main", files=files, by="ada")
        main = {"repository": REPOSITORY, "head": "main", "branch": "main", "by": "ada"}
        await hub.does("runs", **main, jobs=[job("rounded")])
        based = await change(hub, "based")
        await based.run(job("rounded"))
        await based.says("Patchwright: Not this change**", "on the base branch too")

        flaky = await change(hub, "flaky")
        run = await flaky.run(job("timed", passes=True))
        await hub.does("settle")
        await hub.does("rerun", repository=REPOSITORY, run=run, failed_only=False, jobs=[job("timed")])
        await flaky.says("Patchwright: Flaky**", "passes and fails on the same commit")

        matrix = await change(hub, "matrix")
        await matrix.run(job("summed", "test (3.12)"), job("summed", "test (3.13)"))
        await matrix.says("test (3.12)", "test (3.13)")
        files = {"notes/more.md": "more\n"}
        await hub.does("commits", repository=REPOSITORY, branch="matrix", files=files, by="ada")
        await matrix.says("Patchwright: Superseded**")

        await hub.does("repositories", name="bob/duesbook", fork_of=REPOSITORY)
        forked = await change(hub, "forked", by="bob")
        await forked.run(job("rounded"), home="bob/duesbook")
        await forked.says("Patchwright: Not this change**", "on the base branch too")

        await (await expired(hub)).says("Patchwright: The logs have expired**")
