"""Every request that the client makes, judged once by Prism, which read GitHub's description on its own.

    python -m tests.github_prism [--port 4010]

GitHub's media types are not among those that the description has for answers, so Accept is the one header that is
changed on the way. What Prism itself cannot do is counted apart (`CANNOT`). Needs npm: Prism comes into
.cache/npm/prism, and nothing of it is run at its installation. Ends with 1 on a violation.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from tests.contract.test_github_client import CALLS, FIX, KEY, PLACE
from tests.github_description import FILE
from workflows.exits import Refused
from workflows.github import setup
from workflows.github.client import App, GithubForge
from workflows.github.client.access import Access
from workflows.github.client.address import address_of
from workflows.github.client.credentials import AppKey, Clock
from workflows.github.client.missed import GithubMissed
from workflows.github.client.wire import Wire
from workflows.github.forge import ForgeError

CACHE = Path(__file__).parents[1] / ".cache/npm/prism"
VERSION = "5.14.2"
START_S = 300.0
CANNOT = (  # both are judged by tests/github_description.py
    ("/git/ref/", "Route not resolved"),  # no parameter of several segments: "heads/main"
    ("/actions/workflows/", "match exactly one schema in oneOf"),  # a number in a path is a text as well
)


def _any(request: httpx.Request) -> None:
    request.headers["Accept"] = "application/json"


async def _anyhow(request: httpx.Request) -> None:
    _any(request)


@dataclass
class Judged:
    """What Prism said of each request: its violations by method and path."""

    seen: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def hear(self, answer: httpx.Response) -> None:
        """Prism names violations in a header; a path that the description lacks is a 404 of its own."""
        about = f"{answer.request.method} {answer.request.url.path}"
        self.seen[about] += 1
        told = json.loads(answer.headers.get("sl-violations", "[]"))
        self.wrong += [f"{about}: {one['message']} at {one.get('location')}" for one in told if _ours(one)]
        if answer.headers.get("content-type", "").startswith("application/problem+json"):
            answer.read()
            told = answer.json()
            self.wrong.append(f"{about}: {told.get('title')}: {told.get('validation') or told.get('detail')}")

    async def heard(self, answer: httpx.Response) -> None:
        """The same, of a client that is asynchronous."""
        if answer.headers.get("content-type", "").startswith("application/problem+json"):
            await answer.aread()
        self.hear(answer)


def _ours(violation: dict[str, object]) -> bool:
    """Whether it is about the request: what Prism answers itself is GitHub's own example."""
    where = violation.get("location")
    return not (isinstance(where, list) and where[:1] == ["response"])


async def asked(forge: GithubForge, missed: GithubMissed) -> None:
    """Each call once. What comes back is an example, which need not be an answer to what was asked."""
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        **{name: (lambda acted=acted: acted(forge)) for name, acted in CALLS.items()},  # type: ignore[misc]
        "file": lambda: forge.file(PLACE, "a b#c.md", "main"), "branch": lambda: forge.branch(PLACE, FIX),
        "missed": lambda: _drained(missed), "redeliver": lambda: missed.redeliver(5),
    }  # fmt: skip
    for call in calls.values():
        with contextlib.suppress(ForgeError):
            await call()


async def _drained(missed: GithubMissed) -> None:
    async for _ in missed.failed(datetime.now(UTC) - timedelta(days=1)):
        pass


def set_up(url: str, judged: Judged) -> None:
    """What `patchwright github setup` asks."""
    with httpx.Client(timeout=60, trust_env=False, event_hooks={"request": [_any], "response": [judged.hear]}) as http:
        for ask in (
            lambda: setup.converted(address_of(url), "c0de", http),
            lambda: setup.missing(App(address_of(url), AppKey(77, KEY)), http),
        ):
            with contextlib.suppress(Refused):
                ask()


def _installed() -> Path:
    program = CACHE / "node_modules/.bin/prism"
    if not program.exists():
        package = f"@stoplight/prism-cli@{VERSION}"
        command = ("npm", "install", "--prefix", str(CACHE), "--ignore-scripts", "--no-audit", "--no-fund", package)
        subprocess.run(command, check=True)
    return program


@contextlib.asynccontextmanager
async def prism(port: int) -> AsyncIterator[str]:
    """Prism with GitHub's description, once it answers."""
    program = await asyncio.to_thread(_installed)
    with tempfile.TemporaryFile() as log:
        process = await asyncio.create_subprocess_exec(
            str(program), "mock", "--host", "127.0.0.1", "--port", str(port), str(FILE), stdout=log, stderr=log
        )
        try:
            await _answers(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            await process.wait()


async def _answers(port: int, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(START_S):
        while process.returncode is None:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.5)
    raise RuntimeError("Prism did not start")


async def judge(port: int) -> Judged:
    """All requests, judged."""
    judged = Judged()
    async with prism(port) as url:
        async with httpx.AsyncClient(
            timeout=60, trust_env=False, event_hooks={"request": [_anyhow], "response": [judged.heard]}
        ) as http:
            access = Access(Wire(http, address_of(url), Clock()), AppKey(77, KEY), writes=True)
            await asked(GithubForge(access, http), GithubMissed(access))
        await asyncio.to_thread(set_up, url, judged)
    return judged


def main() -> int:
    """Run it and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=4010)
    judged = asyncio.run(judge(parser.parse_args().port))
    for about, many in sorted(judged.seen.items()):
        print(f"{many:4} {about}")
    told = sorted(set(judged.wrong))
    wrong = [one for one in told if not any(where in one and what in one for where, what in CANNOT)]
    print("\n".join(wrong))
    print(
        f"{sum(judged.seen.values())} requests to {len(judged.seen)} addresses, {len(wrong)} violations, "
        f"{len(told) - len(wrong)} that Prism cannot judge"
    )
    return 1 if wrong or len(judged.seen) < len(CALLS) else 0


if __name__ == "__main__":
    sys.exit(main())
