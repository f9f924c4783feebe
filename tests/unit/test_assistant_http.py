"""The server over HTTP, in this process: a request that trickles in is cut, and ends nobody else's."""

from __future__ import annotations

import asyncio

import pytest
from mcp.server.mcpserver import MCPServer

from workflows.assistant.streamable import Listening, serve
from workflows.exits import Refused


async def test_a_request_that_does_not_arrive_is_cut() -> None:
    told: asyncio.Queue[str] = asyncio.Queue()
    serving = asyncio.create_task(serve(MCPServer("slow"), Listening("127.0.0.1", 0, body_s=0.05), told.put_nowait))
    try:
        address = await told.get()
        port = int(address.removesuffix("/mcp").rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: 100\r\n\r\n{{".encode())
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 408 "), answer
        assert answer.endswith(b"did not arrive in time")
        writer.close()
        await writer.wait_closed()
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
    assert serving.cancelled()


@pytest.mark.parametrize(
    ("address", "token", "message"),
    [
        ("0.0.0.0:0", "", "others could connect"), ("[::]:0", "", "others could connect"),
        ("mcp.example.org:80", "", "others could connect"), ("8322", "", "HOST:PORT"), ("::1:8322", "", "HOST:PORT"),
        ("127.0.0.1:99999", "", "HOST:PORT"), ("127.0.0.1:", "", "HOST:PORT"), ("0.0.0.0:0", "short", "16 characters"),
    ],
)  # fmt: skip
def test_where_it_may_not_listen_is_refused(address: str, token: str, message: str) -> None:
    with pytest.raises(Refused, match=message):
        Listening.of(address, token=token, names=())


def test_this_machine_needs_no_token_and_others_do() -> None:
    assert Listening.of("[::1]:8322", token="", names=()).host == "::1"
    assert Listening.of("0.0.0.0:8322", token="x" * 16, names=()).port == 8322
