"""What comes after a run: whoever asked is told, signed, however often it takes; one day all of it is removed."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook

from agent.domain import Request
from tests import postgres
from tests.acceptance.command import Patchwright
from tests.acceptance.repositories import SHOP, repository
from tests.ports import free_ports
from tests.unit.test_callbacks import receiving
from tests.waiting import EVERY_S, PATIENCE_S, until
from workflows.client import Client
from workflows.packing import pack
from workflows.service.bodies import RunView, Wanted, WantedLimits
from workflows.service.store import PostgresStore, open_store
from workflows.service.values import Principal, Submission
from workflows.settings import Settings

LIMITS = WantedLimits(repeats=2, rounds=1, workers=1)


@pytest.fixture
def address() -> Iterator[str]:
    with postgres.running() as running:
        yield running


def _ended(client: Client, archive: bytes, callback: str) -> RunView:
    run = client.submit(Wanted(tests=("tests",), limits=LIMITS, callback=callback), BytesIO(archive))
    assert list(client.events(run.id))[-1].kind == "finished"
    return client.run(run.id)


def test_the_end_is_told_again_until_it_is_heard_and_old_runs_go(
    address: str, patchwright: Patchwright, tmp_path: Path
) -> None:
    """The receiver fails first; the message verifies with the secret that the command prints."""
    archive, port = BytesIO(), free_ports()
    pack(repository(tmp_path / "shop", SHOP), archive)
    serve = ("serve", "--port", str(port), "--workers", "1", "--no-tokens")
    serving = patchwright.start(*serve, database_url=address, private_hosts=True)
    try:
        with receiving(503, 200) as (receiver, at), Client.to(f"http://127.0.0.1:{port}") as client:
            url = f"http://127.0.0.1:{at}/done?key=S3CRET-OF-THE-RECEIVER"
            run = _ended(client, archive.getvalue(), url)
            until(lambda: (told := client.callback(run.id)) and told.state != "due", lambda: client.callback(run.id))
            told = client.callback(run.id)
            assert told is not None
            assert (told.state, told.status, told.tries) == ("delivered", 200, 2)
            secret = client.callback_secret()
    finally:
        serving.terminate()
        out, err = serving.communicate(timeout=PATIENCE_S)
    assert serving.returncode == 0, err[-3000:]
    assert secret not in out + err
    assert "S3CRET-OF-THE-RECEIVER" not in out + err
    printed = patchwright.run("token", "callback-secret")
    assert printed.out.strip() == secret
    for headers, body in receiver.got:
        message = Webhook(secret).verify(body, headers)
        assert (message["data"]["id"], message["data"]["outcome"]) == (run.id, "verified_patch")
    _removed(patchwright, serve, address, run, port)


def _removed(patchwright: Patchwright, serve: tuple[str, ...], address: str, run: RunView, port: int) -> None:
    """A service that keeps runs for less than a second removes it with its files."""
    folder = patchwright.home / "runs" / run.id
    assert (folder / "report.json").exists()
    serving = patchwright.start(*serve, database_url=address, keep_days=0.000001)
    try:
        _wait_for_none(serving, folder)
        with Client.to(f"http://127.0.0.1:{port}") as client:
            until(lambda: not client.runs().runs, lambda: client.runs().runs)  # rows go after files
    finally:
        serving.terminate()
        serving.communicate(timeout=PATIENCE_S)


def _wait_for_none(serving: subprocess.Popen[str], folder: Path) -> None:
    until(lambda: serving.poll() is not None or not folder.exists(), lambda: list(folder.parent.iterdir()))
    assert serving.poll() is None, serving.communicate()


async def test_the_oldest_runs_go_where_a_tenant_has_no_room(address: str, patchwright: Patchwright) -> None:
    """Not those of others, nor what ended a moment ago; with report, rows and all."""
    settings = Settings(home=patchwright.home)
    async with open_store(address, settings) as store:
        runs = [await _kept(store, patchwright, "ada", hours) for hours in (0, 3, 4, 5)]
        other = await _kept(store, patchwright, "bob", 9)
        worker = patchwright.start("worker", database_url=address, keep_tenant_gb=0.0027)
        try:
            for folder in runs[2:]:
                await asyncio.to_thread(_wait_for_none, worker, folder)
                await _row_goes(store, folder.name)
        finally:
            worker.terminate()
            _, err = worker.communicate(timeout=PATIENCE_S)
        assert worker.returncode == 0, err[-3000:]
        assert [folder.exists() for folder in (*runs, other)] == [True, True, False, False, True]
        known = [await store.run("ada", folder.name) is not None for folder in runs]
        assert known == [True, True, False, False]
        assert await store.run("bob", other.name) is not None


async def _row_goes(store: PostgresStore, run: str) -> None:
    """Rows go after files."""
    async with asyncio.timeout(PATIENCE_S):
        while await store.run("ada", run) is not None:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(EVERY_S)


async def _kept(store: PostgresStore, patchwright: Patchwright, tenant: str, hours: int) -> Path:
    """The directory, of 1 MB, of a run that ended so many hours ago."""
    who = Principal(tenant=tenant, token="t", scopes=frozenset())
    wanted = Submission(request=Request(source="https://example.org/r.git"))
    run, _ = await store.submit(who, wanted, key=None, fingerprint="f")
    await store.cancel(who, run.id)
    async with store.pool.connection() as connection:
        moved = "update runs set finished = now() - make_interval(hours => %s) where id = %s"
        await connection.execute(moved, (hours, run.id))
    folder = patchwright.home / "runs" / run.id
    folder.mkdir(parents=True)
    (folder / "report.json").write_bytes(os.urandom(1_000_000))
    return folder
