"""What arrives before there is a request: heads without end, heads that trickle in, and what is no HTTP, on a real
connection to the server as it is started.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.service import site
from workflows.service.api.wire import Wire
from workflows.service.node import Server, configured

GET = b"GET /livez HTTP/1.1\r\nHost: here\r\n"


class Impatient(Wire):
    """The same with little time."""

    head_s = 0.2


@asynccontextmanager
async def serving(home: Path, wire: type[Wire] | None = None) -> AsyncIterator[int]:
    """The port of a service."""
    config = configured(site(home).app, "127.0.0.1", 0)
    config.http = wire or config.http
    server = Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        task = asyncio.create_task(server.serve([listening]))
        try:
            yield int(listening.getsockname()[1])
        finally:
            server.stop()
            await task


async def said(port: int, *pieces: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of all that is answered until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    first, *lines = head.decode().splitlines() or ["HTTP/1.1 0"]
    return int(first.split()[1]), dict(line.lower().split(": ", 1) for line in lines), body


def problem(answer: tuple[int, dict[str, str], bytes]) -> tuple[int, Any]:
    """Status and kind of a problem, which it must be."""
    status, headers, body = answer
    assert headers["content-type"] == "application/problem+json"
    assert headers["connection"] == "close"
    assert len(body) == int(headers["content-length"])
    return status, json.loads(body)["type"].removeprefix("urn:patchwright:problem:")


@pytest.mark.parametrize(
    "sent",
    [
        b"hello\r\n\r\n",
        b"FROB /livez HTTP/1.1\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        GET + b"X: a\x01b\r\n\r\n",
        GET + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
        GET + b"Content-Length: -4\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(50),
    ],
)
async def test_what_is_no_http_gets_a_problem(sent: bytes, tmp_path: Path) -> None:
    async with serving(tmp_path) as port:
        assert problem(await said(port, sent)) == (400, "not-http")


@pytest.mark.parametrize("filler", [b"a" * 65_536, b"X-More: " + b"a" * 60_000 + b"\r\n"], ids=["one", "many"])
@pytest.mark.parametrize("start", [GET, GET + b"\r\n" + GET], ids=["first", "second"])
async def test_a_head_without_end_is_not_kept(start: bytes, filler: bytes, tmp_path: Path) -> None:
    """Before anybody has shown a token: one header or many, of the first request or of a later one."""
    async with serving(tmp_path) as port:
        with pytest.raises(ConnectionError):  # long before 64 MB
            await said(port, start + b"X-A: ", *[filler] * 1000)
        assert problem(await said(port, GET, b"X-A: " + b"a" * 65_536)) == (431, "head-too-large")
        assert (await said(port, GET, b"X-A: " + b"a" * 60_000 + b"\r\nConnection: close\r\n\r\n"))[0] == 200


async def test_a_head_that_trickles_in_is_given_up(tmp_path: Path) -> None:
    """Also where nothing comes at all; what is answered slowly is not."""
    async with serving(tmp_path, Impatient) as port:
        assert problem(await said(port, GET)) == (408, "too-slow")
        assert await said(port) == (0, {}, b"")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /v1/tokens HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\nConnection: close\r\n\r\n")
        await asyncio.sleep(3 * Impatient.head_s)
        writer.write(b"something")
        assert (await reader.read()).startswith(b"HTTP/1.1 401 ")
        writer.close()
