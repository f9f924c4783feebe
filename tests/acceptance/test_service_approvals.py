"""Runs that ask, on a real Postgres with real workers: killed while they wait, answered at another node."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.domain import Limits, Request
from tests import postgres
from tests.acceptance.command import Patchwright
from tests.acceptance.repositories import FAILING, PRICES, RIGHT_SHOP, SHOP, git, repository, write
from tests.acceptance.test_service_runs import ADA, STALL_S, Service, opened
from tests.service import resolve
from workflows.service.api import create_app
from workflows.service.store import open_store
from workflows.service.values import Run, Scope, Submission
from workflows.settings import Settings

# Nothing that search tries mends it; the given patch also writes a conftest.py, which the guard keeps.
UNWRITTEN = {**SHOP, "shop/prices.py": PRICES[: PRICES.index("    best = None")] + "    return None\n"}
GUARDED = {**RIGHT_SHOP, "conftest.py": "collect_ignore = ['build']\n"}
LIMITS = Limits(repeats=2, rounds=1, workers=1, wall_s=240, test_s=20, suite_s=60, candidates=1)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with postgres.running() as running:
        yield running


@pytest.fixture
async def service(address: str, patchwright: Patchwright) -> AsyncIterator[Service]:
    async with opened(address, patchwright) as made:
        yield made


class Node:
    """The API of another node: connections of its own, and no worker."""

    def __init__(self, client: httpx.AsyncClient, secrets: dict[str, str]) -> None:
        self._client = client
        self._secrets = secrets

    async def ask(self, who: str, method: str, path: str, body: Any = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._secrets[who]}"}
        return await self._client.request(method, f"/v1/diagnoses/{path}", json=body, headers=headers)


@asynccontextmanager
async def node(service: Service, **more: Any) -> AsyncIterator[Node]:
    settings = Settings(home=service.patchwright.home, **more)
    async with open_store(service.address, settings, poll_s=0.5) as store:
        scopes: dict[str, tuple[str, frozenset[Scope]]] = {
            "approver": ("ada", frozenset({"approve"})), "author": ("ada", frozenset({"submit", "read"})),
            "stranger": ("eve", frozenset({"submit", "read", "approve", "admin"})),
        }  # fmt: skip
        secrets = {who: (await store.issue(tenant, who, some))[1] for who, (tenant, some) in scopes.items()}
        app = create_app(store, settings=settings, folder=settings.home / "runs", resolve=resolve)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://node") as client:
            yield Node(client, secrets)


async def submit(service: Service, request: Request, *patches: str, candidates: int = 1) -> Run:
    limits = LIMITS.model_copy(update={"candidates": candidates})
    wanted = Submission(request=request.model_copy(update={"ask": True, "limits": limits}), patches=patches)
    return (await service.store.submit(ADA, wanted, key=None, fingerprint="f"))[0]


def guarded(tmp_path: Path) -> tuple[Path, str]:
    """A repository, and the patch that mends it and writes what the guard keeps."""
    repo = repository(tmp_path / "shop", UNWRITTEN)
    write(repo, GUARDED)
    git(repo, "add", "-A")
    diff = git(repo, "diff", "--cached") + "\n"
    git(repo, "reset", "-q", "--hard")
    return repo, diff


async def test_a_waiting_run_outlives_its_worker_and_goes_on_where_it_is_answered(
    service: Service, tmp_path: Path
) -> None:
    """Not reproduced; the worker is killed while the run waits, and nothing runs; the message comes to another node."""
    request = Request(source=str(repository(tmp_path / "shop")), tests=(f"{FAILING[:-5]}_none",))
    run = await submit(service, request, candidates=1000)
    first = service.worker()
    await service.until(run, "approval_requested")
    await service.assert_nothing_runs(run)
    first.kill()
    await asyncio.to_thread(first.wait)
    async with node(service) as other:
        assert (await other.ask("author", "GET", run.id)).json()["state"] == "waiting_for_approval"
        assert (await other.ask("stranger", "POST", f"{run.id}/messages", {"text": "x"})).status_code == 404
        assert (await other.ask("approver", "POST", f"{run.id}/messages", {"text": "x"})).status_code == 403
        assert (await other.ask("author", "POST", f"{run.id}/messages", {})).status_code == 422
        told = {"tests": [FAILING], "text": "the cheapest of several is wrong"}
        twice = await asyncio.gather(*(other.ask("author", "POST", f"{run.id}/messages", told) for _ in range(2)))
        assert [answer.status_code for answer in twice] == [200, 200]
        assert (await other.ask("author", "POST", f"{run.id}/messages", {"text": "y"})).status_code == 409
        service.worker()
        events = await service.until(run, "finished")
        known = (await other.ask("author", "GET", run.id)).json()
        report = (await other.ask("author", "GET", f"{run.id}/report")).json()
    assert (known["outcome"], known["attempts"]) == ("verified_patch", 2)
    assert report["request"]["tests"] == [FAILING]
    said = ["queued", "started", "approval_requested", "message", "queued", "resumed", "finished"]
    assert [event.kind for event in events if event.kind != "progress"] == said
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    done = [event.node for event in events if event.text.startswith("finished:")]
    assert (done.count("prepare"), done.count("reproduce")) == (1, 2)
    await service.assert_nothing_runs(run)


async def test_a_patch_of_a_guarded_file_waits_for_somebody_who_may_approve(service: Service, tmp_path: Path) -> None:
    """The same answer to two nodes at once counts once; the certificate names the rule that was lifted."""
    repo, diff = guarded(tmp_path)
    run = await submit(service, Request(source=str(repo), tests=(FAILING,)), diff)
    service.worker()
    await service.until(run, "approval_requested")
    async with node(service) as one, node(service) as two:
        place = f"{run.id}/approvals/q1"
        (asked,) = (await one.ask("author", "GET", f"{run.id}/approvals")).json()["approvals"]
        assert (asked["subject"], asked["decision"]) == ("guard", None)
        assert "conftest.py" in asked["question"]
        assert asked["detail"] == diff
        for who, status in (("author", 403), ("stranger", 404)):
            assert (await one.ask(who, "POST", place, {"decision": "approve"})).status_code == status
        yes = {"decision": "approve", "note": "build is ours"}
        answers = await asyncio.gather(*(node.ask("approver", "POST", place, yes) for node in (one, two)))
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].json() == answers[1].json()
        assert (await two.ask("approver", "POST", place, {"decision": "deny"})).status_code == 409
        events = await service.until(run, "finished")
        assert [event.kind for event in events].count("approval_decided") == 1
        certificate = (await two.ask("author", "GET", f"{run.id}/certificate")).json()
        assert certificate["predicate"]["guard"]["allowed"] == ["test-config"]


async def test_denied_then_left_alone_a_run_ends_with_what_it_knows(service: Service, tmp_path: Path) -> None:
    """The guarded patch is denied; the question for more time lapses; another run is cancelled while it waits.

    With a key nothing of the answers lies in a file as plain text.
    """
    repo, diff = guarded(tmp_path)
    (tmp_path / "key").write_bytes(base64.b64encode(os.urandom(32)))
    sealed = {"artifacts_key": f"file:{tmp_path}/key"}
    run = await submit(service, Request(source=str(repo), tests=(FAILING,)), diff)
    given: dict[str, Any] = {"database_url": service.address, "stall_seconds": STALL_S, "wait_seconds": 4, **sealed}
    service.workers.append(service.patchwright.start("worker", **given))
    await service.until(run, "approval_requested")
    async with node(service, **sealed) as other:
        denied = await other.ask("approver", "POST", f"{run.id}/approvals/q1", {"decision": "deny", "note": "not ours"})
        assert denied.status_code == 200
        await service.until(run, "approval_decided", text="q2: expired")
        await service.until(run, "finished")
        assert (await other.ask("author", "GET", run.id)).json()["outcome"] == "diagnosed"
        evidence = json.dumps((await other.ask("author", "GET", f"{run.id}/report")).json()["evidence"])
        assert "not ours" in evidence
        assert service.patchwright.files_with("not ours") == []
        assert "nobody answered in time" in evidence
        late = await other.ask("approver", "POST", f"{run.id}/approvals/q2", {"decision": "approve"})
        assert late.status_code == 409
        again = await submit(service, Request(source=str(repo), tests=(FAILING,)), diff)
        await service.until(again, "approval_requested")
        assert (await other.ask("author", "POST", f"{again.id}/cancel")).json()["state"] == "cancelled"
    assert (await service.until(again, "cancelled"))[-1].last
    await service.assert_nothing_runs(again)
