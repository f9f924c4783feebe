"""`patchwright mcp serve --http`, the real process: the protocol's own client, and whoever has no business there."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import anyio
import httpx
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.acceptance import leftovers
from tests.acceptance.command import Patchwright
from tests.acceptance.repositories import FAILING, repository
from tests.acceptance.test_mcp import HANGS, held, no_longer_running, words
from tests.waiting import PATIENCE_S

TOKEN = "a-token-of-the-test-2b7d"
HELLO = {
    "jsonrpc": "2.0", "id": 1, "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}  # fmt: skip
TAKES = {"Accept": "application/json, text/event-stream"}
SHOWN = {**TAKES, "Authorization": f"Bearer {TOKEN}"}


@contextmanager
def listening(patchwright: Patchwright, roots: Path, *arguments: str) -> Iterator[str]:
    """The address of a server, which is ended by a signal, and has left nothing then."""
    (patchwright.folder / "token").write_text(TOKEN)
    process = patchwright.start("mcp", "serve", "--root", roots, "--http", "127.0.0.1:0", *arguments)
    assert process.stdout
    try:
        yield process.stdout.readline().strip()
    finally:
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 128 + signal.SIGTERM, err
    assert "Traceback" not in err
    assert TOKEN not in out + err
    patchwright.assert_nothing_left(os.getpid())


@asynccontextmanager
async def assistant(address: str, mode: str = "auto") -> AsyncIterator[Client]:
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=120) as http,
        Client(streamable_http_client(address, http_client=http), mode=mode, read_timeout_seconds=120) as client,
    ):
        yield client


async def test_a_diagnosis_over_http_is_told_meanwhile_and_one_that_is_cancelled_ends(
    patchwright: Patchwright, tmp_path: Path
) -> None:
    roots = tmp_path / "roots"
    repository(roots / "shop")
    repository(roots / "hangs", {"tests/test_hangs.py": HANGS})
    told: list[str] = []
    began = anyio.Event()

    async def progress(progress: float, total: float | None, message: str | None) -> None:
        told.append((message or "").partition(":")[0])
        began.set()

    with listening(patchwright, roots, "--token", f"file:{patchwright.folder / 'token'}") as address:
        async with assistant(address) as client:
            asked = {"repository": "shop", "tests": [FAILING]}
            found = held(await client.call_tool("diagnose", asked, progress_callback=progress))
            assert (found["outcome"], found["verified"]) == ("verified_patch", True)
            assert {"reproduce", "verify"} <= set(told)
            refused = await client.call_tool("diagnose", {"repository": "/etc"})
            assert "not below a directory that the user allowed" in words(refused)
        for mode in ("legacy", "auto"):
            async with assistant(address, mode) as client, anyio.create_task_group() as group:
                began = anyio.Event()

                async def ask(client: Client = client) -> None:
                    await client.call_tool("diagnose", {"repository": "hangs"}, progress_callback=progress)

                group.start_soon(ask)
                await began.wait()
                rows = held(await client.call_tool("runs", {}))["runs"]
                (row,) = [each for each in rows if each["state"] == "running"]
                group.cancel_scope.cancel()
                with anyio.CancelScope(shield=True):
                    await no_longer_running(client, row["run"])
                    assert [found for found in leftovers.processes(tmp_path) if "bwrap" in found] == []
        async with assistant(address) as client:
            left = held(await client.call_tool("diagnose", {"repository": "hangs", "wait": False}))["run"]
            assert held(await client.call_tool("status", {"run": left}))["state"] == "running"


def test_strangers_pages_in_browsers_and_what_is_too_much_are_refused(tmp_path: Path) -> None:
    """Each with its own word, before any tool is asked; the server goes on."""
    patchwright = Patchwright(tmp_path / "command", tmp_path / "cache")
    (tmp_path / "roots").mkdir()
    arguments = ("--token", f"file:{patchwright.folder / 'token'}", "--allow-host", "mcp.example.org")
    with (
        listening(patchwright, tmp_path / "roots", *arguments) as address,
        httpx.Client(trust_env=False, timeout=PATIENCE_S) as http,
    ):

        def status(body: object = HELLO, **headers: str) -> int:
            spelled = {name.replace("_", "-"): value for name, value in headers.items()}
            return http.post(address, json=body, headers={**SHOWN, **spelled}).status_code

        assert status(Authorization="") == 401
        assert status(Authorization=f"Bearer {TOKEN}x") == 401
        assert status(Authorization=f"Basic {TOKEN}") == 401
        assert status(Host="evil.example:80") == 421
        assert status(Origin="https://evil.example") == 403
        assert status(Origin="null") == 403
        assert status(Mcp_Protocol_Version="2026-07-28", Host="evil.example") == 421
        assert status(Host="mcp.example.org", Origin="https://mcp.example.org") == 200
        assert status({**HELLO, "more": "x" * (5 << 20)}) == 413
        assert status(Mcp_Session_Id="no-such-session") == 404
        assert status(Content_Type="text/plain") == 400
        opened = [status() for _ in range(40)]
        assert set(opened) == {200, 503}, opened
        assert opened.count(200) < 33


def test_where_others_could_connect_it_wants_a_token_and_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    patchwright = Patchwright(tmp_path / "command", tmp_path / "cache")
    open_to_all = patchwright.run("mcp", "serve", "--root", tmp_path, "--http", "0.0.0.0:0")
    assert (open_to_all.code, "others could connect to 0.0.0.0: name a token" in open_to_all.err) == (64, True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        second = patchwright.run("mcp", "serve", "--root", tmp_path, "--http", address)
    assert (second.code, "cannot listen" in second.err) == (74, True), second.text
