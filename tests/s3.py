"""An S3 server on this machine (moto, installed by deploy/test-parts.sh), as a process of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import obstore
from obstore.store import S3Store

from tests.ports import free_ports
from tests.waiting import PATIENCE_S, until

BUCKET = "runs"


@dataclass(frozen=True)
class Storage:
    """url: of the server; it has one empty bucket. process: the server's."""

    url: str
    process: subprocess.Popen[bytes]

    @property
    def settings(self) -> dict[str, Any]:
        """What names it, as settings; the credentials are any."""
        return {
            "artifacts": f"s3://{BUCKET}/some/where", "artifacts_endpoint": self.url, "artifacts_id": "env:TEST_S3_ID",
            "artifacts_secret": "env:TEST_S3_SECRET",
        }  # fmt: skip

    def objects(self, prefix: str = "") -> dict[str, bytes]:
        """What is kept below a prefix, by key."""
        config = {"endpoint": self.url, "access_key_id": "any", "secret_access_key": "one", "region": "us-east-1"}
        store = S3Store(BUCKET, config=config, client_options={"allow_http": True})  # type: ignore[arg-type]
        keys = [one["path"] for page in obstore.list(store, prefix=prefix or None) for one in page]
        return {key: bytes(obstore.get(store, key).bytes()) for key in keys}


@contextlib.contextmanager
def running(port: int = 0) -> Iterator[Storage]:
    """A server for as long as the context lasts. port: 0 for a free one."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    place = Path(os.environ.get("TEST_S3") or cache / "patchwright-tests" / "s3")
    program = place / "bin" / "moto_server"
    assert program.exists(), f"{program} is missing: run `sh deploy/test-parts.sh`"
    port = port or free_ports()
    server = subprocess.Popen(
        [str(program), "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        url = f"http://127.0.0.1:{port}"
        until(lambda: _answers(url), lambda: f"the S3 server does not answer; its exit code: {server.poll()}")
        httpx.put(f"{url}/{BUCKET}", timeout=PATIENCE_S).raise_for_status()
        yield Storage(url, server)
    finally:
        server.kill()
        server.wait()


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(url, timeout=PATIENCE_S).status_code > 0
    return False
