"""A worker's reaper: while it works, what killed attempts left on the Docker engine is removed, at its start and on.

What bears the labels of a process that lives, on this machine or another, and what was not made here, is left alone.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from sandbox.protocol import SandboxError
from workflows.engines import docker_is_likely, docker_sandboxes
from workflows.settings import Settings, host_variables

if TYPE_CHECKING:
    from sandbox.docker.reaper import Reapable


@dataclass(slots=True)
class Told:
    """A provider whose rounds are logged. trouble: what the last one met, told once."""

    provider: Reapable
    trouble: str = ""

    async def reap(self) -> int:
        """See the protocol."""
        log = structlog.get_logger()
        try:
            removed = await self.provider.reap()
        except SandboxError as error:
            if str(error) != self.trouble:
                log.warning("the Docker engine is not swept", why=str(error))
            self.trouble = str(error)
            raise
        self.trouble = ""
        if removed:
            log.info("leftovers of killed runs were removed", removed=removed)
        return removed


async def reap(settings: Settings) -> None:
    """Remove leftovers every `reap_seconds` until cancelled; nothing to do where no run can have used an engine."""
    named = settings.sandbox == "docker" or bool(settings.image)
    if not named and not docker_is_likely(host_variables()):
        return
    from sandbox.docker.reaper import reaping  # noqa: PLC0415 - the SDK takes time to import

    provider = docker_sandboxes(settings, pull=False)
    try:
        async with reaping(Told(provider), settings.reap_seconds):
            await asyncio.Event().wait()
    finally:
        await provider.close()
