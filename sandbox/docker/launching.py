"""One container from its creation to its removal: attached before it starts, spoken to when its runner answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import docker
from docker.errors import APIError

from sandbox import bundle
from sandbox.docker import specification
from sandbox.docker.attach import AttachedChannel, channel_over, hang_up
from sandbox.docker.engine import CONFLICT, Engine
from sandbox.docker.labels import NAME
from sandbox.docker.specification import Specification
from sandbox.protocol import SandboxUnavailable

START_S = 60.0
END_S = 2.0
GONE_S = 30.0
_ATTACH = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}


class PythonMissing(SandboxUnavailable):
    """The image has no interpreter that the runner could be started with."""


@dataclass(frozen=True, slots=True)
class Launched:
    """A running container and the channel to the runner in it. freed: what to do when it is gone."""

    engine: Engine
    name: str
    channel: AttachedChannel
    freed: Callable[[], Awaitable[None]]

    async def end(self) -> None:
        """Hang up, at which everything inside ends, and see it end."""
        await self.channel.hang_up(END_S)

    async def stop(self) -> None:
        """End it, then remove the container with its volume and what was made for it, and wait for that."""
        await self.end()
        try:
            await self.engine.call("remove a container", lambda api: discard(api, self.name))
        finally:
            await self.freed()


async def launch(engine: Engine, order: Specification, freed: Callable[[], Awaitable[None]]) -> Launched:
    """Create, attach, start, and wait for the runner. Whatever fails, nothing is left, also when cancelled.

    Raises SandboxUnavailable.
    """
    starting = asyncio.ensure_future(_launch(engine, order, freed))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        started = (await asyncio.gather(starting, return_exceptions=True))[0]
        if isinstance(started, Launched):
            await started.stop()
        raise


async def _launch(engine: Engine, order: Specification, freed: Callable[[], Awaitable[None]]) -> Launched:
    try:
        attached = await engine.call("start a container", lambda api: _start(api, order))
        channel = await channel_over(attached)
        channel.boot(bundle.stream())
        launched = Launched(engine, order.name, channel, freed)
        await _ready(launched)
    except BaseException:
        try:
            await asyncio.shield(engine.call("remove a container", lambda api: discard(api, order.name)))
        finally:
            await freed()
        raise
    return launched


def _start(api: Any, order: Specification) -> Any:
    try:
        identity = api.create_container_from_config(specification.container(order), order.name)["Id"]
        attached = api.attach_socket(identity, _ATTACH)
        try:
            api.start(identity)
        except BaseException:
            hang_up(attached)
            raise
    except docker.errors.NotFound as error:
        raise SandboxUnavailable(f"the engine has lost the image {order.shape.image}: {error.explanation}") from error
    except APIError as error:
        if "python3" in str(error.explanation):
            raise PythonMissing(
                "the image has no python3 on its PATH: sandboxes need Python 3.8 or later in it, whatever its language"
            ) from error
        raise
    return attached


async def _ready(launched: Launched) -> None:
    channel = launched.channel
    await asyncio.wait([channel.ready], timeout=START_S)
    if channel.ready.done() and not channel.ready.cancelled():
        return
    said = channel.complaint.decode(errors="replace").strip()
    raise SandboxUnavailable(f"the container started, but not its runner: {said[-1500:] or 'it does not say why'}")


def discard(api: Any, name: str) -> None:
    """Remove a sandbox's container and its volume, also when somebody else has removed the one without the other."""
    remove(api, name)
    for found in api.volumes(filters={"label": [f"{NAME}={name}"]}).get("Volumes") or ():
        _remove_volume(api, found["Name"])


def _remove_volume(api: Any, name: str) -> None:
    for wait_s in (0.02, 0.05, 0.1, 0.3, 1.0, 2.0):
        try:
            api.remove_volume(name, force=True)
        except docker.errors.NotFound:
            return
        except APIError as error:
            if error.status_code != CONFLICT:  # the engine has not quite let go of it
                raise
            time.sleep(wait_s)
        else:
            return


def remove(api: Any, name: str) -> None:
    """Remove a container with its volumes, and wait until it is gone, whoever removes it."""
    try:
        api.remove_container(name, v=True, force=True)
    except docker.errors.NotFound:
        return
    except APIError as error:
        if error.status_code != CONFLICT:  # being removed already
            raise
        try:
            api.wait(name, timeout=GONE_S, condition="removed")
        except docker.errors.NotFound:
            return
