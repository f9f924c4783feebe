"""The real Docker engine for tests. Without one they fail, and say what to do."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest

from sandbox.docker import labels
from sandbox.docker.building import CACHE
from sandbox.docker.labels import OWNER, RUN
from sandbox.docker.provider import Choices, DockerSandboxes
from sandbox.docker.records import Records
from tests import images
from tests.neighbours import named_by_others
from tests.waiting import until

NO_ENGINE = "these tests need a Docker engine, and none answers: run `sh deploy/test-parts.sh` (as root on Debian)"


@functools.lru_cache(maxsize=2)
def docker_image(*, go: bool = False) -> str:
    """The name of the image for tests, made on the engine if it is not there. go: the one with Go in it."""
    try:
        api = docker.from_env(version="auto").api
    except docker.errors.DockerException as error:
        pytest.fail(f"{NO_ENGINE} ({error})")
    try:
        return images.ensure(api, go=go)
    finally:
        api.close()


def docker_sandboxes(*, warm: int = 0) -> DockerSandboxes:
    """A provider on the real engine with the image for tests."""
    return DockerSandboxes(Choices(docker_image(), environ=dict(os.environ), warm=warm))


def built_for(cache: Path) -> list[dict[str, Any]]:
    """Images that were built with this folder as the cache."""
    api = docker.from_env(version="auto").api
    try:
        found: list[dict[str, Any]] = api.images(filters={"label": [f"{CACHE}={Records(cache / 'images').mark}"]})
        return found
    finally:
        api.close()


def remove_built(cache: Path) -> None:
    """Remove them."""
    api = docker.from_env(version="auto").api
    try:
        for image in built_for(cache):
            api.remove_image(image["Id"], force=True)
    finally:
        api.close()


def dead_owner() -> str:
    """How a process of this machine that has ended would have marked what it made."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    return f"patchwright-{Path('/proc/self/ns/pid').stat().st_ino}-{ended.pid}-1"


def leftover(api: Any, owner: str) -> str:
    """The id of a container that was made in the name of `owner`, and never started."""
    marks = {**labels.labels("", f"{owner}-0"), OWNER: owner}
    return str(api.create_container(docker_image(), ["true"], labels=marks)["Id"])


def engine_holds(*runs: str) -> list[str]:
    """Containers and volumes of ours on the engine, running or not; of these runs when any are named.

    Without names, those that somebody made who works beside the tests are left out.
    """
    if len(runs) > 1:
        return [name for run in runs for name in engine_holds(run)]
    api = docker.from_env(version="auto").api
    mine = {"label": [f"{RUN}={run}" for run in runs] or [OWNER]}
    try:
        found = [*api.containers(all=True, filters=mine), *(api.volumes(filters=mine).get("Volumes") or ())]
        return [
            one["Names"][0] if "Names" in one else one["Name"]
            for one in found
            if runs or not named_by_others((one.get("Labels") or {}).get(OWNER, ""))
        ]
    finally:
        api.close()


@dataclass
class OwnEngine:
    """A second engine of this machine, for tests that stop it. folder: a short path, as its sockets need.

    In a network of its own: at its start it would take the first one's bridge away.
    """

    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """For DOCKER_HOST."""
        return f"unix://{self.folder}/d.sock"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = ["unshare", "--net", "dockerd", "--host", self.address, "--iptables=false", "--ip6tables=false"]
        for name in ("data-root", "exec-root", "pidfile"):
            command += [f"--{name}", str(self.folder / name)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        started = self.process
        until(lambda: started.poll() is not None or self._answers(), self._log)
        if started.poll() is not None:
            pytest.fail(f"a second Docker engine (as root) does not start: {self._log()}")

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as trial, contextlib.suppress(OSError):
            trial.connect(f"{self.folder}/d.sock")
            return True
        return False

    def _log(self) -> str:
        return (self.folder / "log").read_text()[-2000:]

    def api(self) -> Any:
        """A client of it, for the caller to close."""
        return docker.APIClient(base_url=self.address, version="auto")

    def stop(self) -> None:
        """Stop it; it ends its containers."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(120)
            self.process = None

    def holds(self) -> list[str]:
        """Containers and volumes on it."""
        api = self.api()
        try:
            volumes = api.volumes().get("Volumes") or ()
            return [found["Id"] for found in api.containers(all=True)] + [found["Name"] for found in volumes]
        finally:
            api.close()


@contextmanager
def own_engine() -> Iterator[OwnEngine]:
    """A second engine with the image for tests as the first one has it: environments built there fit here."""
    engine = OwnEngine(Path(tempfile.mkdtemp(prefix="pw-engine-")))
    try:
        engine.start()
        api = engine.api()
        try:
            theirs = docker.from_env(version="auto").api
            api.load_image(theirs.get_image(docker_image()))
            theirs.close()
        finally:
            api.close()
        yield engine
    finally:
        engine.stop()
        shutil.rmtree(engine.folder, ignore_errors=True)
