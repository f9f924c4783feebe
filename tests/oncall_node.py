"""A running node of the service with a configuration of incidents, its log in a file."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from tests.acceptance.command import Patchwright
from tests.ports import free_ports

PATIENCE_S = 600.0


@contextlib.contextmanager
def node(command: Patchwright, address: str, file: Path, *, workers: int = 0) -> Iterator[str]:
    """Its URL. file: what PATCHWRIGHT_ONCALL names. What it says stands in `command.folder / "log"`."""
    port = free_ports()
    arguments = ("serve", "--port", str(port), "--workers", str(workers), "--no-tokens")
    with process(command, *arguments, address=address, file=file) as serving:
        url = f"http://127.0.0.1:{port}"
        until(lambda: _ready(url, serving))
        yield url


@contextlib.contextmanager
def process(command: Patchwright, *arguments: str, address: str, file: Path) -> Iterator[subprocess.Popen[str]]:
    """Any command of the service, ended with the context if it did not end before."""
    logged = ("sh", "-c", f'exec "$@" >>{command.folder}/log 2>&1', "sh")  # a pipe that nobody reads would fill
    started = command.start(*arguments, wrap=logged, database_url=address, oncall=file, drain_seconds=1)
    try:
        yield started
    finally:
        started.terminate()
        started.communicate(timeout=120)


def _ready(url: str, serving: subprocess.Popen[str]) -> bool:
    assert serving.poll() is None, "it ended; its log says why"
    try:
        return httpx.get(f"{url}/readyz", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def until(true: Callable[[], bool], why: Callable[[], object] = str) -> float:
    """Wait for it; the seconds that it took. why: what is said when it does not come."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < PATIENCE_S, why()
        time.sleep(0.02)
    return time.monotonic() - began
