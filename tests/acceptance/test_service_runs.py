"""Runs of the service on a real Postgres with real worker processes: whatever happens to those, a run ends once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pickle
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import ormsgpack
import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from agent.bench import Progress
from agent.diagnose import serializer
from agent.domain import Limits, Report, Request
from tests import postgres
from tests.acceptance import leftovers
from tests.acceptance.command import Patchwright
from tests.acceptance.repositories import SHOP, repository
from tests.ports import free_ports
from tests.waiting import PATIENCE_S
from workflows.packing import pack
from workflows.service.attempt import Attempt
from workflows.service.fence import EXIT, Fence, FencedSaver
from workflows.service.files import kept_in
from workflows.service.journal import Journal
from workflows.service.store import PostgresStore, open_store
from workflows.service.store.attempts import Claim, Superseded
from workflows.service.values import Event, Principal, Run, Submission
from workflows.service.worker import watch_clock
from workflows.settings import Settings

ADA = Principal(tenant="ada", token="t1", scopes=frozenset({"submit", "read"}))
LIMITS = Limits(repeats=2, rounds=1, workers=1, wall_s=240, test_s=60, suite_s=60)
STALL_S = 4.0  # of a busy machine no process waits so long for its turn
SLOW = "import time\n\n\ndef test_slow():\n    time.sleep(0.8)\n"
HANGING = "import time\n\n\ndef test_hanging():\n    time.sleep(300)\n"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with postgres.running() as running:
        yield running


@dataclass
class Service:
    """A store, worker processes, and the directory that they share."""

    store: PostgresStore
    address: str
    patchwright: Patchwright
    workers: list[subprocess.Popen[str]] = field(default_factory=list)

    def worker(self) -> subprocess.Popen[str]:
        """A process that takes runs as soon as it is there."""
        process = self.patchwright.start(
            "worker", database_url=self.address, stall_seconds=STALL_S, drain_seconds=5
        )  # fmt: skip
        self.workers.append(process)
        return process

    async def shared(self, repo: Path, node: str) -> tuple[Run, subprocess.Popen[str]]:
        """A run whose first worker has begun that node, with a second worker waiting."""
        run = await self.submit(repo)
        first = self.worker()
        await self.until(run, "started")
        self.worker()
        await self.until(run, "progress", node, "started")
        return run, first

    async def submit(self, repo: Path, deadline_s: float | None = None) -> Run:
        wanted = Submission(request=Request(source=str(repo), limits=LIMITS), deadline_s=deadline_s)
        run, _ = await self.store.submit(ADA, wanted, key=None, fingerprint="f")
        return run

    async def until(self, run: Run, kind: str, node: str = "", text: str = "", who: Principal = ADA) -> list[Event]:
        """Wait for an event; all events up to it."""
        end = time.monotonic() + 2 * PATIENCE_S
        async with self.store.watch(run.id) as watch:
            while time.monotonic() < end:
                events = list(await self.store.events(who.tenant, run.id))
                for at, event in enumerate(events):
                    if event.kind == kind and node in event.node and text in event.text:
                        return events[: at + 1]
                await watch.wait(2.0)
        raise AssertionError(f"no {kind} {node} {text}: {[(e.kind, e.node, e.text) for e in events[-5:]]}")

    async def assert_finished_once(self, run: Run) -> list[Event]:
        """With a report, events without a gap of which exactly the last one ends it, and no finished node twice."""
        events = await self.until(run, "finished")
        known = await self.store.run(ADA.tenant, run.id)
        assert known is not None
        assert (known.state, known.outcome, known.last_seq) == ("finished", "verified_patch", len(events))
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert [event.last for event in events] == [False] * (len(events) - 1) + [True]
        done = [event.node for event in events if event.text.startswith("finished:")]
        # What was in flight when a worker died may run again; what came before it may not.
        assert all(done.count(node) == 1 for node in ("prepare", "reproduce", "verify", "report")), done
        folder = self.patchwright.home / "runs" / run.id
        Report.model_validate_json((folder / "report.json").read_text(encoding="utf-8"))
        assert "price <" in (folder / "patch.diff").read_text(encoding="utf-8")
        return events

    async def assert_nothing_runs(self, run: Run) -> None:
        folder = self.patchwright.home / "runs" / run.id
        assert await asyncio.to_thread(leftovers.wait_for_none, folder) == []

    def close(self) -> None:
        for process in self.workers:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.communicate()


@asynccontextmanager
async def opened(address: str, patchwright: Patchwright) -> AsyncIterator[Service]:
    settings = Settings(home=patchwright.home, cache=patchwright.cache, stall_seconds=STALL_S)
    async with open_store(address, settings, poll_s=0.5) as store:
        service = Service(store, address, patchwright)
        try:
            yield service
        finally:
            service.close()


@pytest.fixture
async def service(address: str, patchwright: Patchwright) -> AsyncIterator[Service]:
    async with opened(address, patchwright) as made:
        yield made


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A repository whose suite takes long enough to be interrupted."""
    return repository(tmp_path / "shop", {**SHOP, "tests/test_slow.py": SLOW})


async def test_a_killed_workers_run_is_taken_over_and_finished_once(service: Service, shop: Path) -> None:
    """kill -9 in mid-run: soon after the stall time another worker goes on after the last finished node."""
    run, first = await service.shared(shop, "localize")
    first.kill()
    await service.until(run, "resumed")
    events = await service.assert_finished_once(run)
    assert [event.kind for event in events if event.kind != "progress"] == ["queued", "started", "resumed", "finished"]
    await service.assert_nothing_runs(run)


async def test_a_paused_worker_that_was_taken_over_ends_and_changes_nothing(service: Service, shop: Path) -> None:
    """STOP, taken over and finished elsewhere, CONT: the process ends with 70 and leaves no trace in the run."""
    run, first = await service.shared(shop, "reproduce")
    first.send_signal(signal.SIGSTOP)
    events = await service.assert_finished_once(run)
    first.send_signal(signal.SIGCONT)
    assert await asyncio.to_thread(first.wait, PATIENCE_S) == EXIT
    assert list(await service.store.events(ADA.tenant, run.id)) == events
    await service.assert_nothing_runs(run)


async def test_a_drained_worker_gives_its_run_back(service: Service, shop: Path) -> None:
    """SIGTERM: it ends by itself with 0, and another worker goes on after the last finished node."""
    run, first = await service.shared(shop, "reproduce")
    first.terminate()
    assert await asyncio.to_thread(first.wait, PATIENCE_S) == 0
    events = await service.assert_finished_once(run)
    kinds = [event.kind for event in events if event.kind != "progress"]
    assert kinds == ["queued", "started", "queued", "resumed", "finished"]


async def test_cancelled_and_overdue_runs_end_with_their_sandboxes(service: Service, tmp_path: Path) -> None:
    """In the middle of a test that hangs; the worker lives and takes the next run."""
    repo = repository(tmp_path / "hanging", {**SHOP, "tests/test_hanging.py": HANGING})
    run = await service.submit(repo)
    service.worker()
    await service.until(run, "progress", "reproduce")
    began = time.monotonic()
    asked = await service.store.cancel(ADA, run.id)
    assert asked is not None
    assert asked.cancelling
    events = await service.until(run, "cancelled")
    assert events[-1].last
    assert time.monotonic() - began < LIMITS.test_s / 2, "it was the limit of a test that ended it"
    await service.assert_nothing_runs(run)
    late = await service.submit(repo, deadline_s=3.0)
    assert (await service.until(late, "timed_out"))[-1].last
    await service.assert_nothing_runs(late)
    known = await service.store.run(ADA.tenant, late.id)
    assert known is not None
    assert (known.state, known.problem) == ("timed_out", "its deadline passed")


def test_the_service_refuses_to_answer_strangers(address: str, patchwright: Patchwright) -> None:
    """Without tokens it listens on this machine alone, and beyond it only when there is one."""
    for arguments in (("--no-tokens",), ()):
        refused = patchwright.run("serve", "--host", "0.0.0.0", *arguments, database_url=address)  # noqa: S104
        assert refused.code == 64, refused.text
        assert "token" in refused.err
    patchwright.settings |= {"oidc_issuer": "https://id.example", "oidc_audience": "us"}
    refused = patchwright.run("serve", "--host", "0.0.0.0", "--no-tokens", database_url=address)  # noqa: S104
    assert refused.code == 64
    with socket.create_server(("0.0.0.0", 0)) as taken:  # noqa: S104
        port = str(taken.getsockname()[1])
        ended = patchwright.run("serve", "--host", "0.0.0.0", "--port", port, database_url=address)  # noqa: S104
    assert (ended.code, "cannot listen" in ended.err) == (74, True), "whoever asks shows a token of the issuer"


def test_a_database_or_a_port_that_cannot_be_had_is_said(address: str, patchwright: Patchwright) -> None:
    """In one line, without the password."""
    nobody = "postgresql://ada:canary-word@127.0.0.1:1/none"
    refused = patchwright.run("serve", database_url=nobody)
    assert refused.code == 69
    assert "127.0.0.1:1 does not answer" in refused.err
    assert "canary-word" not in refused.text
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = patchwright.run("serve", "--no-tokens", "--port", str(port), database_url=address)
    assert refused.code == 74
    assert f"port {port}" in refused.err


async def test_serve_takes_an_upload_to_its_patch(
    address: str, patchwright: Patchwright, shop: Path, tmp_path: Path
) -> None:
    """The first token is shown once; a child process works on the run; SIGTERM ends all of it with 0. The certificate
    holds where the service's files are not.
    """
    elsewhere = Patchwright(tmp_path / "elsewhere", patchwright.cache)
    port = free_ports()
    serving = patchwright.start("serve", "--port", str(port), "--workers", "1", database_url=address)
    try:
        assert serving.stdout is not None
        said = await asyncio.to_thread(serving.stdout.readline)
        secret = said.rsplit(" ", 1)[1].strip()
        assert secret.startswith("pw_")
        archive = BytesIO()
        pack(shop, archive)
        form = {"request": json.dumps({"limits": LIMITS.model_dump(mode="json")})}
        bearer = {"Authorization": f"Bearer {secret}"}
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=bearer, timeout=PATIENCE_S) as client:
            sent = {"archive": ("shop.tgz", archive.getvalue())}
            asked = await client.post("/v1/diagnoses", files=sent, data=form)
            assert asked.status_code == 202, asked.text
            run = asked.json()["id"]
            answer = await client.get(f"/v1/diagnoses/{run}", headers={"Authorization": "Bearer pw_wrong"})
            assert answer.status_code == 401
            async with client.stream("GET", f"/v1/diagnoses/{run}/events") as events:
                assert "event: finished" in [line async for line in events.aiter_lines()]
            patch, report, certificate = [
                await client.get(f"/v1/diagnoses/{run}/{part}") for part in ("patch", "report", "certificate")
            ]
        assert "price <" in patch.text
        assert str(patchwright.folder) not in report.text + certificate.text, "paths of the service's machine"
        (tmp_path / "certificate.json").write_text(certificate.text)
    finally:
        serving.terminate()
        out, err = await asyncio.to_thread(serving.communicate, timeout=PATIENCE_S)
    assert serving.returncode == 0, err[-3000:]
    assert secret not in out + err
    await asyncio.to_thread(patchwright.assert_nothing_left, serving.pid)
    refused = await asyncio.to_thread(elsewhere.run, "verify", tmp_path / "certificate.json")
    assert (refused.code, "--repo PATH" in refused.err) == (65, True), refused.text
    again = await asyncio.to_thread(elsewhere.run, "verify", tmp_path / "certificate.json", "--repo", shop)
    assert again.code == 0, again.text


async def test_an_upload_is_needed_as_long_as_its_run_lives(service: Service) -> None:
    run = await service.submit(Path("upload:abc/top"))
    assert "abc" in await service.store.uploads()
    await service.store.cancel(ADA, run.id)
    assert "abc" not in await service.store.uploads()


async def test_what_is_wrong_with_an_upload_is_said_without_paths_of_the_machine(service: Service) -> None:
    place = Settings(home=service.patchwright.home).uploads / "def"
    place.mkdir(parents=True)
    (place / "a.py").write_text("")
    wanted = Submission(request=Request(source="upload:def", rev="v1", limits=LIMITS))
    run, _ = await service.store.submit(ADA, wanted, key=None, fingerprint="f")
    await _attempt(service.store, await _claimed(service.store, run), service.patchwright)
    known = await service.store.run(ADA.tenant, run.id)
    assert known is not None
    assert (known.state, "upload:def" in known.problem) == ("failed", True), known.problem
    assert str(service.patchwright.home) not in known.problem


async def test_a_source_that_cannot_be_used_is_said(service: Service, tmp_path: Path) -> None:
    """The run fails with one line for its owner."""
    run = await service.submit(tmp_path / "nowhere")
    await _attempt(service.store, await _claimed(service.store, run), service.patchwright)
    known = await service.store.run(ADA.tenant, run.id)
    assert known is not None
    assert known.state == "failed"
    assert "nowhere" in known.problem
    assert "\n" not in known.problem


async def test_a_run_that_kills_its_workers_is_given_up(service: Service, shop: Path) -> None:
    """After five attempts that ended without a word; attempts that were given back do not count."""
    run = await service.submit(shop)
    for _ in range(3):
        await service.store.release(await _claimed(service.store, run))
    for _ in range(6):
        claim = await _claimed(service.store, run)
    assert (claim.run.epoch, claim.lost) == (9, 5)
    assert await _attempt(service.store, claim, service.patchwright) == "ended"
    known = await service.store.run(ADA.tenant, run.id)
    assert known is not None
    assert known.state == "failed"
    assert "died 5 times" in known.problem


async def test_a_superseded_attempt_writes_no_checkpoint(service: Service, shop: Path) -> None:
    """The process ends before anything is written; the newer attempt writes."""
    run = await service.submit(shop)
    old, new = await _claimed(service.store, run), await _claimed(service.store, run)
    ended: list[int] = []
    with pytest.raises(Superseded):
        await _put(FencedSaver(service.store.pool, Fence(old, ended.append)), run, {"reason": "late"})
    assert ended == [EXIT]
    saver = FencedSaver(service.store.pool, Fence(new, ended.append))
    assert await saver.aget_tuple(_config(run)) is None
    await _put(saver, run, {"reason": "mine\0\udcff"})
    kept = await saver.aget_tuple(_config(run))
    assert kept is not None
    assert kept.checkpoint["channel_values"] == {"reason": "mine\ufffd?"}, "what jsonb has no place for"
    assert ended == [EXIT]


async def test_progress_is_written_in_few_lines_and_before_the_end(service: Service, shop: Path) -> None:
    """Of a node's lines that come too fast the last is kept, of what begins and ends everything."""
    run = await service.submit(shop)
    fence = Fence(await _claimed(service.store, run))
    journal = Journal(service.store, fence)
    async with journal.kept():
        for text in ("started", *(f"{count} tried\0\x1b[31m" for count in range(1000)), "finished: two"):
            journal.emit(Progress(node="search", text=text))
        for text in ("started", *(f"{count} of 9" for count in range(9))):
            journal.emit(Progress(node="verify", text=text))
    await journal.write()
    await service.store.end(fence.claim, "finished", "finished")
    events = (await service.store.events(ADA.tenant, run.id))[2:]
    assert [(event.node, event.text) for event in events] == [
        ("search", "started"),
        ("search", "finished: two"),
        ("verify", "started"),
        ("verify", "8 of 9"),
        ("", ""),
    ]


def crafted(mark: Path) -> dict[str, tuple[str, bytes]]:
    """Rows (type, blob) that name a function to call, in every form that the library reads."""
    call = f"touch {mark}"

    def packed(code: int, *parts: object) -> tuple[str, bytes]:
        return "msgpack", ormsgpack.packb(ormsgpack.Ext(code, ormsgpack.packb(parts)))

    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.system, (call,)

    command = {"lc": 2, "type": "constructor", "id": ["os", "system"]}
    return {
        "one argument": packed(0, "os", "system", call),
        "arguments": packed(1, "os", "system", [call]),
        "named arguments": packed(2, "os", "system", {"command": call}),
        "method": packed(3, "os", "path", call, "os.system"),
        "method of a class": packed(3, "subprocess", "Popen", ["touch", str(mark)], "__call__"),
        "pydantic 1": packed(4, "subprocess", "Popen", {"args": ["touch", str(mark)]}, "construct"),
        "pydantic 2": packed(5, "subprocess", "Popen", {"args": ["touch", str(mark)]}, "model_validate_json"),
        "within a snapshot": ("msgpack", ormsgpack.packb(ormsgpack.Ext(7, packed(0, "os", "system", call)[1]))),
        "json": ("json", json.dumps({**command, "args": [call]}).encode()),
        "json with names": ("json", json.dumps({**command, "kwargs": {"command": call}}).encode()),
        "pickle": ("pickle", pickle.dumps(Bomb())),
    }


def test_what_is_crafted_would_execute_elsewhere(tmp_path: Path) -> None:
    """So that the tests below can fail: the same bytes under the library's most trusting settings."""
    trusting = JsonPlusSerializer(allowed_msgpack_modules=True, allowed_json_modules=True, pickle_fallback=True)
    rows = crafted(tmp_path / "executed")
    for name in ("one argument", "arguments", "named arguments", "within a snapshot", "json", "pickle"):
        with contextlib.suppress(NotImplementedError):
            trusting.loads_typed(rows[name])
        assert (tmp_path / "executed").exists(), name
        (tmp_path / "executed").unlink()


@pytest.mark.parametrize("form", list(crafted(Path("any"))))
def test_crafted_bytes_execute_nothing(form: str, tmp_path: Path) -> None:
    row = crafted(tmp_path / "executed")[form]
    with contextlib.suppress(NotImplementedError):  # an unknown kind of row
        serializer().loads_typed(row)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("form", ["one argument", "json", "pickle"])
async def test_a_run_whose_checkpoint_was_crafted_executes_nothing(
    service: Service, shop: Path, tmp_path: Path, form: str
) -> None:
    """Every value that a killed attempt left is exchanged in the database; whoever goes on calls nothing of it, says in
    one line that it cannot, and takes the next run.
    """
    kind, blob = crafted(tmp_path / "executed")[form]
    run = await service.submit(shop)
    first = service.worker()
    await service.until(run, "progress", "localize", "started")
    first.kill()
    first.wait()
    async with service.store.pool.connection() as connection:
        for table in ("checkpoint_blobs", "checkpoint_writes"):
            update = f"update {table} set blob = %s, type = %s where thread_id = %s"  # noqa: S608 - two names of ours
            changed = await connection.execute(update.encode(), (blob, kind, run.id))
            assert changed.rowcount > 0
    service.worker()
    events = await service.until(run, "failed")
    assert "Traceback" not in events[-1].text
    assert not (tmp_path / "executed").exists()
    await service.assert_finished_once(await service.submit(shop))


def test_a_process_that_was_paused_ends_when_it_wakes() -> None:
    """It cannot know what was taken over meanwhile."""
    ended: list[int] = []
    watch_clock(0.05, lambda: False, end=ended.append, every_s=0.1)
    assert ended == [EXIT]


async def _claimed(store: PostgresStore, run: Run) -> Claim:
    async with store.pool.connection() as connection:
        row = await (await connection.execute("select job from runs where id = %s", (run.id,))).fetchone()
    assert row is not None
    claim = await store.claim(run.tenant, run.id, row["job"])
    assert claim is not None
    return claim


async def _attempt(store: PostgresStore, claim: Claim, patchwright: Patchwright) -> str:
    settings = Settings(home=patchwright.home, cache=patchwright.cache)
    kept = kept_in(settings, settings.home / "runs")
    return await Attempt(store, settings, Fence(claim), asyncio.Event(), kept).work()


def _config(run: Run) -> RunnableConfig:
    return {"configurable": {"thread_id": run.id, "checkpoint_ns": ""}}


async def _put(saver: FencedSaver, run: Run, values: dict[str, object]) -> None:
    versions = dict.fromkeys(values, "1")
    checkpoint = {
        "v": 4, "ts": "2026-01-01T00:00:00+00:00", "id": "1f0e0000-0000-6000-8000-000000000000",
        "channel_values": values, "channel_versions": versions, "versions_seen": {}, "updated_channels": None,
    }  # fmt: skip
    await saver.aput(_config(run), checkpoint, {"source": "loop", "step": 1, "parents": {}}, versions)  # type: ignore[arg-type]
