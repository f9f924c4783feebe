"""Servers of the Model Context Protocol at an address of this machine: real ones, and those that say anything."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.mcp_server import TOKEN
from workflows.observing.servers import Servers, read_servers

ROOT = Path(__file__).parents[1]


@contextmanager
def remote(how: str, tmp_path: Path) -> Iterator[str]:
    """The address of a server in a process of its own."""
    (tmp_path / "token").write_text(TOKEN)
    command = [sys.executable, "-m", "tests.mcp_server", how, str(tmp_path / "count"), "http"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout
    with process:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def allowing(url: str, tmp_path: Path, **more: Any) -> Servers:
    """The server at an address, asked for its events."""
    entry = {
        "url": url, "headers": {"Authorization": f"file:{tmp_path / 'token'}"}, "tools": {"events": {}}, **more
    }  # fmt: skip
    query = {"name": "events", "server": "far", "tool": "events", "arguments": {"namespace": "{service}"}}
    return read_servers(json.dumps({"servers": {"far": entry}, "queries": [query]}))


Says = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def saying(say: Says) -> Iterator[str]:
    """The address of something that answers every request so."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Standard error stays quiet."""

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))  # unread, it would reset the connection
            with suppress(OSError):
                say(self)

        def do_POST(self) -> None:
            self.do_GET()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/mcp"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def said(handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)
