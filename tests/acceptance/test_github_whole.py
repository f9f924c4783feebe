"""The whole path of the bot on the hub: a red pull request, a comment with a verified patch, a button, a green branch.

Every part is the product's own process: hub, service with a worker, bot, publisher.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.acceptance.test_github_demo import TAKEN_S, demo, told

REPOSITORY = "ada/duesbook"
STEP_S = 0.5


@dataclass(frozen=True)
class Town:
    """The hub as somebody sees it who looks at its interface, and as its people act."""

    web: str
    word: str
    http: httpx.AsyncClient

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
        return [one["body"] for one in await self.asked(f"issues/{number}/comments")]

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


@contextlib.asynccontextmanager
async def town(home: Path) -> AsyncIterator[tuple[Town, int]]:
    """The demonstration with its pull request open, and that one's number."""
    async with demo(home, "--port", "0", "--service-port", "0") as process:
        web = (await told(process, "hub: ")).rstrip("/")
        word = Path(await told(process, "word: ")).read_text()
        page = await told(process, "a pull request is open: ")
        async with httpx.AsyncClient(timeout=TAKEN_S, trust_env=False) as http:
            yield Town(web, word, http), int(page.rpartition("/")[2])
        process.terminate()
        async with asyncio.timeout(90):
            await process.wait()


async def test_a_red_pull_request_is_answered_by_a_proven_fix_that_a_button_makes_a_green_branch(
    tmp_path: Path,
) -> None:
    async with town(tmp_path) as (hub, number):
        head = (await hub.asked(f"pulls/{number}"))["head"]["sha"]

        async def proven() -> bool:
            said = await hub.comments(number)
            return bool(said) and "Verified fix" in said[0]

        await until(proven, "no comment with a verified fix")
        (said,) = await hub.comments(number)
        assert "+        self.billed_to = day" in said
        assert "Settle pauses and plan changes in one place" in said, "the culprit"
        assert "certificate.json" in said
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

        async def passes() -> bool:
            return "Patchwright: It passes again**" in (await hub.comments(number))[0]

        await until(passes, "the comment never said that it passes again")
        await _only_the_publisher_wrote(hub)


async def _only_the_publisher_wrote(hub: Town) -> None:
    """As the forge saw it: whoever changed anything there, beside asking for a token of its own."""
    heard = (await hub.does("audit"))["heard"]
    wrote = {one["process"] for one in heard if one["method"] != "GET" and one["path"].startswith("/api/v3/repos/")}
    assert len(wrote) == 1, wrote
    assert "publish" in wrote.pop()
