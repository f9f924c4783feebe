"""The real Docker engine for tests. Without one they fail, and say what to do."""

from __future__ import annotations

import functools
import os
import subprocess
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
    """Containers and volumes of ours on the engine, running or not; of these runs when any are named."""
    if len(runs) > 1:
        return [name for run in runs for name in engine_holds(run)]
    api = docker.from_env(version="auto").api
    mine = {"label": [f"{RUN}={run}" for run in runs] or [OWNER]}
    try:
        containers = [found["Names"][0] for found in api.containers(all=True, filters=mine)]
        return [*containers, *(found["Name"] for found in api.volumes(filters=mine).get("Volumes") or ())]
    finally:
        api.close()
