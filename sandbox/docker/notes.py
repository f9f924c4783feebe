"""What a reader of a Docker engine's capabilities should know beside the limits that were tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.docker.ground import User
from sandbox.docker.images import Image


def version(about: Mapping[str, Any]) -> str:
    """The engine's version and that of its API."""
    return f"{about.get('Version', '?')} (API {about.get('ApiVersion', '?')})"


def notes(info: Mapping[str, Any], image: Image, user: User) -> tuple[str, ...]:
    """From what the engine says of itself."""
    return (*_facts(info, image, user), *_warnings(info))


def _facts(info: Mapping[str, Any], image: Image, user: User) -> Iterator[str]:
    yield (
        f"storage driver {info.get('Driver', '?')}, control groups version {info.get('CgroupVersion', '?')} "
        f"({info.get('CgroupDriver', '?')}), runtime {info.get('DefaultRuntime', '?')}, "
        f"data in {info.get('DockerRootDir', '?')}"
    )
    yield f"image {image.reference}: {image.digest or image.identity}"
    yield f"Commands run as user {user}, without capabilities."
    yield (
        "What is written to the workspace is on this machine's disk: measured ten times a second, single files "
        "limited; /tmp, /var/tmp and /dev/shm are in memory, each of bounded size."
    )
    yield "With the network open (environment builds) the engine's own networks and this machine can be reached."


def _warnings(info: Mapping[str, Any]) -> Iterator[str]:
    security = [str(word) for word in info.get("SecurityOptions") or ()]
    if not any(word.startswith("name=seccomp") and "unconfined" not in word for word in security):
        yield "The engine has no system call filter: start it without --seccomp-profile=unconfined."
    if not info.get("MemoryLimit", True):
        yield "The engine cannot limit memory: enable the memory control group."
    if not info.get("PidsLimit", True):
        yield "The engine cannot limit processes: enable the pids control group."
    if not info.get("SwapLimit", True):
        yield "The engine cannot limit swap: memory limits hold without it."
