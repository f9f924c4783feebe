"""A container's limits follow the commands in it: the sum of what those in flight are allowed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from docker.errors import APIError

from sandbox.docker.engine import Engine
from sandbox.docker.specification import OWN_PROCESSES
from sandbox.protocol import Quota, SandboxUnavailable
from sandbox.resident import Governor


@dataclass(slots=True)
class ContainerGovernor(Governor):
    """Asks the engine for other limits when they differ from the present ones, in the background: it takes some 30 ms.

    Until then the runner's own look at memory, twenty times a second, holds. `quota` is what the container began with.
    """

    engine: Engine
    container: str
    quota: Quota
    _set: tuple[int, int] | None = None
    _wanted: tuple[int, int] = (0, 0)
    _task: asyncio.Task[None] | None = field(default=None)

    def changed(self, quotas: Sequence[Quota]) -> None:
        """Adjust the limits."""
        if self._set is None:
            self._set = (self.quota.memory_bytes, self.quota.processes)
        self._wanted = (sum(quota.memory_bytes for quota in quotas), sum(quota.processes for quota in quotas))
        if self._wanted != self._set and (self._task is None or self._task.done()):
            self._task = asyncio.ensure_future(self._adjust())

    async def _adjust(self) -> None:
        while self._wanted != self._set:
            wanted = self._wanted
            try:
                await self.engine.call("change a container's limits", partial(self._update, wanted))
            except (APIError, SandboxUnavailable):
                return  # gone, or more is in use than the new limit; the runner looks at memory itself
            self._set = wanted

    def _update(self, wanted: tuple[int, int], api: Any) -> None:
        memory, processes = wanted
        whole = memory + self.quota.disk_bytes
        limits = {"Memory": whole, "MemorySwap": whole, "PidsLimit": processes + OWN_PROCESSES}
        url = api._url("/containers/{0}/update", self.container)  # noqa: SLF001 - the SDK has no word for pids
        api._raise_for_status(api._post_json(url, data=limits))  # noqa: SLF001
