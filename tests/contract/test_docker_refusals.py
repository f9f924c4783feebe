"""Engines that will not do, played by a small server on a socket: each is refused in one line that says what to do."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import Any

import pytest

from sandbox.docker.provider import Choices, DockerSandboxes
from sandbox.protocol import SandboxUnavailable

ANOTHER_USER = """
import asyncio, os, sys
from sandbox.docker.provider import Choices, DockerSandboxes
from sandbox.protocol import SandboxUnavailable

async def main():
    provider = DockerSandboxes(Choices("some:image", environ={"DOCKER_HOST": sys.argv[1]}))
    try:
        await provider.image()
    except SandboxUnavailable as error:
        print(error)
    finally:
        await provider.close()

if os.geteuid() == 0:
    os.setuid(65534)
asyncio.run(main())
"""
GOOD: dict[str, Any] = {"Version": "24.0.5", "ApiVersion": "1.43"}
PODMAN = {**GOOD, "Components": [{"Name": "Podman Engine"}]}
OLD = {"Version": "18.09", "ApiVersion": "1.39"}
MISMATCH = "filesystem layer verification failed for digest sha256:0123"


@contextmanager
def engine(folder: Path, about: dict[str, Any], *, image: tuple[int, str], pull: str = "") -> Iterator[str]:
    """An engine's address. image: status and message for whoever asks for one; pull: what goes wrong with a pull."""

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path.endswith("/version"):
                self._send(200, about)
            elif self.path.endswith("/info"):
                self._send(200, {})
            else:
                self._send(image[0], {"message": image[1]})

        def do_POST(self) -> None:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for line in ({"status": "Pulling"}, {"error": pull}):
                data = json.dumps(line).encode() + b"\r\n"
                self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.write(b"0\r\n\r\n")

        def _send(self, status: int, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Say nothing."""

    place = str(folder / "engine.sock")
    with ThreadingUnixStreamServer(place, Answers) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"unix://{place}"
        finally:
            server.shutdown()
            thread.join()


async def _refusal(address: str) -> str:
    provider = DockerSandboxes(Choices("some:image", pull=True, environ={"DOCKER_HOST": address}))
    try:
        with pytest.raises(SandboxUnavailable) as caught:
            await provider.image()
    finally:
        await provider.close()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(("about", "said"), [(PODMAN, "is Podman"), (OLD, "too old (API 1.39)")])
async def test_engine_of_another_kind_or_age_is_refused(tmp_path: Path, about: dict[str, Any], said: str) -> None:
    with engine(tmp_path, about, image=(404, "")) as address:
        found = await _refusal(address)
    assert said in found
    assert "--sandbox bubblewrap" in found


def test_socket_that_the_user_may_not_open_is_said_with_what_permits_it() -> None:
    """As another user where the tests run as root, to whom every socket is open."""
    with tempfile.TemporaryDirectory() as folder, engine(Path(folder), GOOD, image=(404, "")) as address:
        Path(folder).chmod(0o755)
        Path(folder, "engine.sock").chmod(0)
        command = [sys.executable, "-c", ANOTHER_USER, address]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "may not be used by this user: `sudo usermod -aG docker $USER`" in ended.stdout


async def test_full_disk_of_the_engine_is_said_with_what_frees_it(tmp_path: Path) -> None:
    with engine(tmp_path, GOOD, image=(500, "write /var/lib/x: no space left on device")) as address:
        assert "disk is full" in await _refusal(address)


async def test_digest_that_does_not_match_is_said(tmp_path: Path) -> None:
    """The engine reports it in the middle of an answer that began well."""
    with engine(tmp_path, GOOD, image=(404, "no such image"), pull=MISMATCH) as address:
        assert MISMATCH in await _refusal(address)
