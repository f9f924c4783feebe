"""The tools for assistants over a service: the real application behind a socket, a checkout sent as an archive."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import httpx
import pytest
from mcp import Client
from mcp_types import CallToolResult, TextContent

from tests.acceptance.repositories import repository
from tests.fakes.report import FIX, verified
from tests.service import Site, site
from tests.unit.test_client import _listening, _worker
from tools.triage.values import Note
from workflows.assistant.answers import MOST_PATCH, Task, diagnosis
from workflows.assistant.desk import MOST_RUNS
from workflows.assistant.roots import Roots
from workflows.assistant.server import Logged, Tools, server
from workflows.assistant.there import There
from workflows.client import Client as ServiceClient


async def _no_triage(asked: Logged) -> Note:
    raise AssertionError(asked)


def _served(address: str, token: str, roots: Path) -> Client:
    hands = There(address, lambda: ServiceClient.to(address, token, patience_s=1))
    return Client(server(Tools(hands, Roots.of([roots], urls=False), _no_triage)))


async def test_a_call_cancelled_while_it_submits_leaves_no_run_queued(tmp_path: Path) -> None:
    """The service has the run, and its answer is still on the way."""
    repository(tmp_path / "shop")
    place, token = await _place(tmp_path)
    queued, seen = threading.Event(), threading.Event()

    def slowly(answer: httpx.Response) -> None:
        if answer.status_code == 202 and not queued.is_set():
            queued.set()
            seen.wait(30)

    with _listening(place) as address:

        def service() -> ServiceClient:
            headers = {"Authorization": f"Bearer {token}"}
            return ServiceClient(httpx.Client(base_url=address, headers=headers, event_hooks={"response": [slowly]}))

        starting = asyncio.create_task(There(address, service).start(Task(source=str(tmp_path / "shop"))))
        await asyncio.to_thread(queued.wait, 30)
        starting.cancel()
        await asyncio.sleep(0)
        seen.set()
        with pytest.raises(asyncio.CancelledError):
            await starting
        (run,) = place.store._runs.values()
        assert run.state == "cancelled"


def _words(answer: CallToolResult) -> str:
    return "\n".join(block.text for block in answer.content if isinstance(block, TextContent))


async def _place(tmp_path: Path) -> tuple[Site, str]:
    place = site(tmp_path / "home")
    return place, await place.token("red", "submit", "read")


async def test_a_service_diagnoses_the_checkout_and_its_report_is_read(tmp_path: Path) -> None:
    repository(tmp_path / "shop")
    place, token = await _place(tmp_path)
    told: list[str] = []

    async def progress(progress: float, total: float | None, message: str | None) -> None:
        told.append(message or "")

    with _listening(place) as address, _worker(place, verified()):
        async with _served(address, token, tmp_path / "shop") as client:
            answer = await client.call_tool("diagnose", {"repository": "."}, progress_callback=progress)
            found = answer.structured_content
            assert found, _words(answer)
            assert (found["outcome"], found["verified"], found["patch"]) == ("verified_patch", True, FIX)
            status = (await client.call_tool("status", {"run": found["run"]})).structured_content
            assert status
            assert status["state"] == "finished"
            text = (await client.call_tool("report", {"run": found["run"], "part": "json"})).structured_content
            assert text
            assert '"outcome": "verified_patch"' in text["text"]
            assert (await client.call_tool("verify", {"certificate": "{}", "repository": "."})).is_error
    assert any(row.startswith("verify: ") for row in told)
    (run,) = place.store._runs.values()
    assert run.request.source.startswith("upload:")


async def test_what_a_service_refuses_or_fails_is_told(tmp_path: Path) -> None:
    repository(tmp_path / "shop")
    place, token = await _place(tmp_path)
    with _listening(place) as address:
        async with _served(address, "patchwright_wrong", tmp_path) as client:
            refused = await client.call_tool("diagnose", {"repository": "shop"})
            assert refused.is_error
            assert "PATCHWRIGHT_TOKEN" in _words(refused)
        with _worker(place, None, last="failed"):
            async with _served(address, token, tmp_path) as client:
                failed = await client.call_tool("diagnose", {"repository": "shop"})
                assert failed.is_error
                assert "ended as failed: the disk is full" in _words(failed)
    async with _served(address, token, tmp_path) as client:
        away = await client.call_tool("runs", {})
        assert away.is_error
        assert address in _words(away)
        assert token not in _words(away)


async def test_cancelling_a_run_of_a_service_cancels_it_there(tmp_path: Path) -> None:
    repository(tmp_path / "shop")
    place, token = await _place(tmp_path)
    with _listening(place) as address:
        async with _served(address, token, tmp_path) as client:
            answer = await client.call_tool("diagnose", {"repository": "shop", "wait": False})
            assert answer.structured_content
            run = answer.structured_content["run"]
            await asyncio.sleep(0)  # its following begins
            ended = (await client.call_tool("cancel", {"run": run})).structured_content
            assert ended
            assert ended["state"] == "cancelled"


@pytest.mark.parametrize("url", ["file:///", "FILE://localhost{}/outside", "file://{}/shop"])
async def test_urls_of_files_are_refused_where_git_urls_are_taken(url: str, tmp_path: Path) -> None:
    """Before the service or the sandbox hears of them."""
    place, token = await _place(tmp_path)
    with _listening(place) as address:
        hands = There(address, lambda: ServiceClient.to(address, token, patience_s=1))
        async with Client(server(Tools(hands, Roots.of([tmp_path], urls=True), _no_triage))) as client:
            refused = await client.call_tool("diagnose", {"repository": url.format(tmp_path)})
            assert refused.is_error
            assert "file URLs are not taken: name the directory" in _words(refused)
    assert not place.store._runs


async def test_a_run_too_many_is_refused_before_the_service_has_it(tmp_path: Path) -> None:
    """Those that are being made count too: eight calls at the same time make four runs."""
    repository(tmp_path / "shop")
    place, token = await _place(tmp_path)
    with _listening(place) as address:
        async with _served(address, token, tmp_path) as client:
            asked = {"repository": "shop", "wait": False}
            answers = await asyncio.gather(*(client.call_tool("diagnose", asked) for _ in range(2 * MOST_RUNS)))
            refused = [answer for answer in answers if answer.is_error]
            assert len(refused) == MOST_RUNS
            assert all("runs are going on already" in _words(answer) for answer in refused)
            assert len(place.store._runs) == MOST_RUNS


def test_a_patch_is_given_only_with_a_certificate_and_whole() -> None:
    report = verified()
    assert diagnosis(report, FIX).patch == FIX
    assert diagnosis(report.model_copy(update={"certificate": None}), FIX).verified is False
    assert diagnosis(report.model_copy(update={"certificate": None}), FIX).patch is None
    long = diagnosis(report, FIX + " " * MOST_PATCH)
    assert (long.verified, long.patch) == (True, None)
    assert "`report`" in long.next_steps[0]
