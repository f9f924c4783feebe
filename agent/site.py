"""Where tests are run: the engine, the built environment, the base tree, and the limits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox.protocol import Mount, Quota, Sandbox, Sandboxes, Workspace
from sandbox.recipe import Environment


@dataclass(frozen=True)
class Site:
    """A place to open sandboxes over one base with one environment."""

    sandboxes: Sandboxes
    environment: Environment
    base: Path
    quota: Quota
    mounts: tuple[Mount, ...] = ()

    @asynccontextmanager
    async def open(self, workspace: Workspace | None = None) -> AsyncIterator[Sandbox]:
        """A sandbox over the base, or over another workspace of the same environment."""
        async with self.sandboxes.open(
            workspace or self.environment.workspace(self.base),
            mounts=self.mounts,
            env=dict(self.environment.env),
            quota=self.quota,
        ) as sandbox:
            yield sandbox
