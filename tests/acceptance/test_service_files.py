"""Reports and artifacts of the service on S3 and encrypted: nothing shared but the storage, no plain text anywhere."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.domain import Request
from tests import postgres, s3
from tests.acceptance.command import Patchwright
from tests.acceptance.repositories import SHOP, TEST_PRICES, repository
from tests.acceptance.test_service_runs import ADA, LIMITS, SLOW, opened
from tests.ports import free_ports
from tests.waiting import PATIENCE_S
from workflows.packing import pack
from workflows.service.values import SCOPES, Submission

CANARY = "canary-b81f70d2"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with postgres.running() as running:
        yield running


@pytest.fixture(scope="module")
def storage() -> Iterator[s3.Storage]:
    os.environ |= {"TEST_S3_ID": "any", "TEST_S3_SECRET": "one"}
    with s3.running() as made:
        yield made


@asynccontextmanager
async def api(patchwright: Patchwright, address: str, token: str) -> AsyncIterator[httpx.AsyncClient]:
    """A node without workers."""
    port = free_ports()
    node = patchwright.start("serve", "--port", str(port), "--workers", "0", database_url=address)
    try:
        assert node.stdout is not None
        assert "listens" in await asyncio.to_thread(node.stdout.readline)
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=PATIENCE_S
        ) as client:
            yield client
    finally:
        node.terminate()
        out, err = await asyncio.to_thread(node.communicate, timeout=PATIENCE_S)
    assert CANARY not in out + err
    assert node.returncode == 0, err[-3000:]


async def test_a_killed_workers_run_is_finished_by_one_with_another_directory(
    address: str, storage: s3.Storage, cache: Path, tmp_path: Path
) -> None:
    """It takes the source again and goes on after the last finished node; an API node that has neither directory
    serves the results; a worker keeps nothing of what ended.
    """
    repo = repository(tmp_path / "shop", {**SHOP, "tests/test_slow.py": SLOW})
    node, first, second = (Patchwright(tmp_path / name, cache) for name in ("node", "first", "second"))
    for one in (node, first, second):
        one.settings |= storage.settings
    async with opened(address, first) as service:
        run = await service.submit(repo)
        dying = service.worker()
        await service.until(run, "progress", "localize", "started")
        service.patchwright = second
        service.worker()
        dying.kill()
        events = await service.until(run, "finished")
        done = [event.node for event in events if event.text.startswith("finished:")]
        assert [done.count(name) for name in ("prepare", "reproduce", "verify", "report")] == [1] * 4, done
        _, token = await service.store.issue("ada", "t", frozenset(SCOPES))
        async with api(node, address, token) as client:
            where = f"/v1/diagnoses/{run.id}"
            report, patch, transcript = [await client.get(f"{where}/{n}") for n in ("report", "patch", "transcript")]
            assert (report.status_code, patch.status_code, transcript.status_code) == (200, 200, 200), report.text
            assert "price <" in patch.text
            cited = [one["id"] for one in report.json()["evidence"] if one["artifact"]]
            evidence = await client.get(f"{where}/evidence/{cited[0]}")
            assert evidence.json()["text"]
    assert (first.home / "runs" / run.id).exists(), "the killed one had no time"
    assert not (second.home / "runs" / run.id).exists()
    assert not (node.home / "runs" / run.id).exists()


async def test_runs_wait_for_storage_that_is_away(address: str, cache: Path, tmp_path: Path) -> None:
    """Nothing is lost, and no attempt counts as one that died."""
    repo = repository(tmp_path / "shop")
    os.environ |= {"TEST_S3_ID": "any", "TEST_S3_SECRET": "one"}
    worker = Patchwright(tmp_path / "worker", cache)
    with s3.running() as storage:
        worker.settings |= storage.settings
        async with opened(address, worker) as service:
            service.worker()
            first = await service.submit(repo)
            await service.until(first, "finished")
            storage.process.kill()
            storage.process.wait()
            run = await service.submit(repo)
            await service.until(run, "queued", text="files cannot be reached")
            with s3.running(int(storage.url.rpartition(":")[2])) as again:
                await service.until(run, "finished")
                assert any(key.endswith(f"{run.id}/report.json") for key in again.objects())
            async with service.store.pool.connection() as connection:
                row = await (await connection.execute("select lost from runs where id = %s", (run.id,))).fetchone()
            assert row == {"lost": 0}


@pytest.mark.parametrize("where", ["disk", "s3"])
async def test_with_a_key_no_plain_text_lies_anywhere(
    where: str, address: str, storage: s3.Storage, cache: Path, tmp_path: Path
) -> None:
    """A word in the source, the tests' output, the issue and the log is in the results, and in no file once the run
    has ended. Without the key, nothing is shown.
    """
    loud = TEST_PRICES.replace("    assert", f"    print('{CANARY}')\n    assert")
    repo = repository(tmp_path / "shop", {**SHOP, "tests/test_prices.py": loud})
    (tmp_path / "key").write_bytes(base64.b64encode(os.urandom(32)))
    node = Patchwright(tmp_path / "node", cache)
    node.settings |= storage.settings if where == "s3" else {}
    keyless = Patchwright(tmp_path / "node", cache, settings=dict(node.settings))
    node.settings |= {"artifacts_key": f"file:{tmp_path}/key"}
    archive = BytesIO()
    pack(repo, archive)
    wanted = {"issue": f"since {CANARY}", "log": CANARY, "limits": LIMITS.model_dump(mode="json")}
    async with opened(address, node) as service:
        _, token = await service.store.issue("ada", "t", frozenset(SCOPES))
        service.worker()
        async with api(node, address, token) as client:
            sent = {"archive": ("shop.tgz", archive.getvalue())}
            asked = await client.post("/v1/diagnoses", files=sent, data={"request": json.dumps(wanted)})
            run = await service.store.run("ada", asked.json()["id"])
            assert run is not None
            while True:
                events = await client.get(f"/v1/diagnoses/{run.id}/events")
                if "event: finished" in events.text:
                    break
            report = await client.get(f"/v1/diagnoses/{run.id}/report")
            assert report.json()["outcome"] == "verified_patch"
            texts = [
                (await client.get(f"/v1/diagnoses/{run.id}/evidence/{piece['id']}")).text
                for piece in report.json()["evidence"]
            ]
            assert any(CANARY in text for text in texts)
        service.close()
        held = {name for name, row in await postgres.dump(service.store.pool) if CANARY in row}
        assert held == set()
        kept = storage.objects() if where == "s3" else {}
        async with api(keyless, address, token) as client:
            for part in ("report", "patch", "certificate"):
                assert (await client.get(f"/v1/diagnoses/{run.id}/{part}")).status_code == 404
            assert (await client.get(f"/v1/diagnoses/{run.id}/transcript")).text == ""
    assert node.files_with(CANARY) == []
    assert [key for key, data in kept.items() if CANARY.encode() in data] == []
    sealed = [key for key in kept if run.id in key] or list(map(str, (node.home / "runs" / run.id).rglob("*.sealed")))
    assert len(sealed) > 5


async def test_a_key_that_is_set_later_encrypts_what_there_is(cache: Path, tmp_path: Path) -> None:
    """In files and in the database: there is nothing of it in clear afterwards, and the report is read as before."""
    with postgres.running() as own:
        await _encrypted_later(own, cache, tmp_path)


async def _encrypted_later(address: str, cache: Path, tmp_path: Path) -> None:
    repo = repository(tmp_path / "shop", {**SHOP, "note.txt": CANARY})
    node = Patchwright(tmp_path / "node", cache)
    async with opened(address, node) as service:
        run = await service.submit(repo)
        service.worker()
        await service.until(run, "finished")
        service.close()
        assert any(name == "submissions" and str(repo) in row for name, row in await postgres.dump(service.store.pool))
        _, token = await service.store.issue("ada", "t", frozenset(SCOPES))
        refused = await asyncio.to_thread(node.run, "artifacts", "reseal", database_url=address)
        assert (refused.code, "PATCHWRIGHT_ARTIFACTS_KEY" in refused.err) == (64, True)
        (tmp_path / "key").write_bytes(base64.b64encode(os.urandom(32)))
        node.settings |= {"artifacts_key": f"file:{tmp_path}/key"}
        done = await asyncio.to_thread(node.run, "artifacts", "reseal", database_url=address)
        assert done.code == 0, done.text
        assert "files are encrypted anew, and 2 texts that were submitted" in done.out
        held = await postgres.dump(service.store.pool)
        left = {name for name, row in held if str(repo) in row or (name.startswith("checkpoint") and run.id in row)}
        assert left == set()
        assert not (node.home / "runs" / run.id / "report.json").exists()
        async with api(node, address, token) as client:
            assert (await client.get(f"/v1/diagnoses/{run.id}/report")).json()["outcome"] == "verified_patch"


async def test_a_text_that_is_too_large_ends_its_run(address: str, cache: Path, tmp_path: Path) -> None:
    """With the reason, and the worker goes on."""
    repo = repository(tmp_path / "shop")
    node = Patchwright(tmp_path / "node", cache)
    node.settings |= {"artifact_mb": 1}
    async with opened(address, node) as service:
        service.worker()
        request = Request(source=str(repo), limits=LIMITS)
        wanted = Submission(request=request, issue="x" * (2 << 20))
        run, _ = await service.store.submit(ADA, wanted, key=None, fingerprint="f")
        failed = (await service.until(run, "failed"))[-1]
        assert "more than one may have (1 MiB)" in failed.text
        await service.until(await service.submit(repo), "finished")


def test_storage_that_does_not_answer_is_said_at_the_start(address: str, patchwright: Patchwright) -> None:
    os.environ |= {"TEST_S3_ID": "any", "TEST_S3_SECRET": "canary-secret"}
    port = free_ports()
    named: dict[str, Any] = {
        "artifacts": "s3://runs", "artifacts_endpoint": f"http://127.0.0.1:{port}", "artifacts_id": "env:TEST_S3_ID",
        "artifacts_secret": "env:TEST_S3_SECRET",
    }  # fmt: skip
    refused = patchwright.run("worker", database_url=address, **named)
    assert refused.code == 69
    assert "storage of artifacts" in refused.err
    assert "canary-secret" not in refused.text
    refused = patchwright.run("worker", database_url=address, **{**named, "artifacts": "ftp://runs"})
    assert refused.code == 65
    assert "PATCHWRIGHT_ARTIFACTS" in refused.err
