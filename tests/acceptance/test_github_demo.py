"""`patchwright github demo` as a process of its own: the example's pull request breaks its tests for real."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from tests.acceptance import leftovers
from tests.acceptance.command import COMMAND

TAKEN_S = 240.0
NOBODY = "http://127.0.0.1:9/webhooks/github"


@contextlib.asynccontextmanager
async def demo(home: Path, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    env = {**os.environ, "PATCHWRIGHT_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    process = await asyncio.create_subprocess_exec(
        COMMAND, "github", "demo", *arguments, env=env, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def told(process: asyncio.subprocess.Process, start: str) -> str:
    """The rest of the first line that starts so."""
    assert process.stdout is not None
    async with asyncio.timeout(TAKEN_S):
        async for line in process.stdout:
            if line.decode().startswith(start):
                return line.decode().removeprefix(start).strip()
    raise AssertionError(f"it never said {start!r}")


async def test_the_demos_pull_request_fails_and_main_does_not(tmp_path: Path) -> None:
    async with demo(tmp_path, "--port", "0", "--webhook", NOBODY) as process:
        word = Path(await told(process, "word: ")).read_text()
        assert await told(process, "PATCHWRIGHT_GITHUB_URL=")
        key = Path(await told(process, "PATCHWRIGHT_GITHUB_KEY_FILE="))
        assert key.stat().st_mode & 0o777 == 0o600
        page = await told(process, "a pull request is open: ")
        web = page.rpartition("/ada/")[0]
        async with httpx.AsyncClient(timeout=TAKEN_S, trust_env=False) as http:
            await http.post(f"{web}/_hub/settle", json={}, headers={"Authorization": f"Bearer {word}"})
            runs = (await http.get(f"{web}/api/v3/repos/ada/duesbook/actions/runs")).json()["workflow_runs"]
            ended = {(one["event"], one["head_branch"]): one["conclusion"] for one in runs}
            assert ended == {
                ("push", "main"): "success", ("push", "tidy-up"): "failure", ("pull_request", "tidy-up"): "failure",
            }  # fmt: skip
            shown = await http.get(page)
            assert "Tidy up invoices" in shown.text
            jobs = (await http.get(f"{web}/api/v3/repos/ada/duesbook/actions/runs/{runs[0]['id']}/jobs")).json()["jobs"]
            log = await http.get(f"{web}/ada/duesbook/actions/runs/{runs[0]['id']}/job/{jobs[0]['id']}")
            assert "FAILED tests/" in log.text
            assert "##[error]Process completed with exit code 1." in log.text
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(TAKEN_S):
            assert await process.wait() == 130
    assert not key.exists()


async def test_an_empty_hub_is_filled_through_its_control(tmp_path: Path) -> None:
    async with demo(tmp_path, "--port", "0", "--empty") as process:
        web = (await told(process, "hub: ")).rstrip("/")
        word = {"Authorization": f"Bearer {Path(await told(process, 'word: ')).read_text()}"}
        async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
            assert "none yet" in (await http.get(web)).text
            made = await http.post(f"{web}/_hub/repositories", json={"name": "ada/shop"}, headers=word)
            assert made.json()["clone_url"] == f"{web}/ada/shop.git"
            assert "ada/shop" in (await http.get(web)).text


async def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        async with demo(tmp_path, "--port", str(taken.getsockname()[1]), "--webhook", NOBODY) as process:
            assert "Address already in use" in await told(process, "patchwright: the hub cannot listen on port")
            assert await process.wait() != 0


async def test_killed_it_leaves_nothing_at_work(tmp_path: Path) -> None:
    async with demo(tmp_path, "--port", "0", "--service-port", "0") as process:
        word = Path(await told(process, "word: "))
        await told(process, "service: ")
        assert len(leftovers.processes(word.parent)) >= 3
        process.kill()
    assert leftovers.wait_for_none(word.parent, 60) == []
