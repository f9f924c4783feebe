"""A server on this machine that answers as GitHub's description does by example, unless a test says otherwise.

What arrived is in `asked`. It keeps no state: the stateful one is `workflows.github.hub`.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import subprocess
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.github_description import Asked, example, operation

TOKEN = "ghs_thetokenofthistest00000000000000000000"


@dataclass
class Said:
    """An answer. drop: hang up instead, after the request was read."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    drop: bool = False

    @property
    def data(self) -> bytes:
        """The body's bytes."""
        return self.raw if self.raw is not None else b"" if self.body is None else json.dumps(self.body).encode()


Script = Said | Callable[[Asked], Said]


@dataclass
class GithubServer:
    """answers: by "METHOD /path" (without the query), said in order; the last one stays."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    answers: dict[str, list[Script]] = field(default_factory=lambda: defaultdict(list))
    expires: str = "2999-01-01T00:00:00Z"
    projects: Path | None = None  # a folder with bare repositories OWNER/NAME.git, for git

    def on(self, what: str, *answers: Script) -> None:
        """Script a call."""
        self.answers[what] = list(answers)

    def calls(self, method: str, part: str) -> list[Asked]:
        """The requests of a kind."""
        return [one for one in self.asked if one.method == method and part in one.target]

    def answer(self, asked: Asked) -> Said:
        """What to say now."""
        self.asked.append(asked)
        if script := self.answers.get(f"{asked.method} {asked.target.partition('?')[0]}"):
            told = script.pop(0) if len(script) > 1 else script[0]
            return told(asked) if callable(told) else told
        if asked.target.endswith("/access_tokens"):
            wanted = json.loads(asked.body)
            body = {"token": TOKEN, "expires_at": self.expires, "permissions": wanted["permissions"]}
            return Said(201, body)
        return Said(*example(operation(asked)))


def _git(known: GithubServer, asked: Asked) -> Said:
    """What git's own server says over HTTP, to whoever has the token."""
    known.asked.append(asked)
    right = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()
    if asked.headers.get("authorization") != f"Basic {right}":
        return Said(401, headers={"WWW-Authenticate": 'Basic realm="GitHub"'})
    path, _, query = asked.target.partition("?")
    data = gzip.decompress(asked.body) if asked.headers.get("content-encoding") == "gzip" else asked.body
    env = {
        "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(known.projects), "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": asked.method, "CONTENT_LENGTH": str(len(data)),
        "CONTENT_TYPE": asked.headers.get("content-type", ""), "REMOTE_USER": "app", "REMOTE_ADDR": "127.0.0.1",
        "GIT_PROTOCOL": asked.headers.get("git-protocol", ""),
    }  # fmt: skip
    out = subprocess.run(["git", "http-backend"], input=data, env=env, capture_output=True, check=False).stdout
    head, _, body = out.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
    status = int(headers.pop("Status", "200").split()[0])
    return Said(status, raw=body, headers=headers)


@contextmanager
def github_server() -> Iterator[GithubServer]:
    """The server, for as long as the block runs."""
    known = GithubServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, body)
            said = _git(known, asked) if ".git/" in self.path and known.projects else known.answer(asked)
            if said.drop:
                self.close_connection = True
                return
            self.send_response_only(said.status)
            for name, value in {"Date": self.date_time_string(), **said.headers}.items():
                self.send_header(name, value)
            data = b"" if said.status == 304 else said.data
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _any  # noqa: N815 - names of the standard library

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the same
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    known.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield known
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
