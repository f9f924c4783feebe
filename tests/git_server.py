"""A git server on this machine: https with a certificate of its own, repositories for those who show a password."""

from __future__ import annotations

import base64
import contextlib
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import trustme

BACKEND = ("git", "http-backend")


@dataclass
class GitServer:
    """root: where the repositories are; ca: the file that vouches for it; password: of the user ada.

    shown: what requests had as authorization; seen: lines about processes that had the password in their arguments or
    their environment when it arrived, as (pid's command, where); moved: whither every request is sent instead.
    """

    root: Path
    ca: Path
    password: str
    port: int = 0
    shown: list[str] = field(default_factory=list)
    seen: set[tuple[str, str]] = field(default_factory=set)
    moved: str = ""

    @property
    def authority(self) -> str:
        return f"localhost:{self.port}"

    @property
    def encoded(self) -> str:
        """The password as it is sent."""
        return base64.b64encode(f"ada:{self.password}".encode()).decode()

    def look(self) -> None:
        """Note who has the password now."""
        for process in Path("/proc").iterdir():
            for where in ("cmdline", "environ") if process.name.isdigit() else ():
                with contextlib.suppress(OSError):
                    data = (process / where).read_bytes()
                    if self.password.encode() in data or self.encoded.encode() in data:
                        self.seen.add(((process / "comm").read_text().strip(), where))


@contextlib.contextmanager
def running(root: Path, password: str) -> Iterator[GitServer]:
    """Serve the bare repositories below `root`."""
    authority = trustme.CA()
    root.mkdir(parents=True, exist_ok=True)
    server = GitServer(root, root.parent / "ca.pem", password)
    authority.cert_pem.write_to_path(server.ca)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)

    class Handler(_Handler):
        git = server

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.socket = context.wrap_socket(http.socket, server_side=True, do_handshake_on_connect=False)
    server.port = http.server_port
    thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    git: GitServer

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

    def _serve(self, body: bytes) -> None:
        shown = self.headers.get("Authorization", "")
        self.git.shown.append(shown)
        if self.git.moved:
            self._answer(302, {"Location": self.git.moved + self.path}, b"")
            return
        if shown != f"Basic {self.git.encoded}":
            self._answer(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"")
            return
        self.git.look()
        head, _, content = self._backend(body).partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self._answer(int(headers.pop("Status", "200").split()[0]), headers, content)

    def _backend(self, body: bytes) -> bytes:
        path, _, query = self.path.partition("?")
        variables = {
            "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(self.git.root), "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command, "PATH_INFO": path, "QUERY_STRING": query, "CONTENT_LENGTH": str(len(body)),
            "CONTENT_TYPE": self.headers.get("Content-Type", ""), "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }  # fmt: skip
        return subprocess.run(BACKEND, input=body, env=variables, capture_output=True, check=True).stdout

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        pass
