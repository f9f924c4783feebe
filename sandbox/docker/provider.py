"""Docker sandboxes: one container per sandbox, over an overlay that the engine mounts, around a resident runner."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from docker.errors import APIError

from sandbox import bubblewrap_args, disk_watch, places, trials
from sandbox.bubblewrap_args import ENV
from sandbox.docker import images, lending, reaper, systems
from sandbox.docker.choosing import Choices, Chooser
from sandbox.docker.engine import Engine
from sandbox.docker.governing import ContainerGovernor
from sandbox.docker.ground import Ground, Lower, Site, clear, user
from sandbox.docker.labels import fresh_name, labels
from sandbox.docker.launching import Launched, PythonMissing, discard, launch
from sandbox.docker.notes import notes, version
from sandbox.docker.pool import Pool
from sandbox.docker.records import Records
from sandbox.docker.specification import OWN, Shape, Specification, check_mounts
from sandbox.docker.sweeping import sweep
from sandbox.protocol import (
    WORKSPACE,
    Blueprint,
    Capabilities,
    Kind,
    Mount,
    Need,
    Quota,
    Sandbox,
    SandboxUnavailable,
    System,
    Workspace,
)
from sandbox.resident import ResidentSandbox

__all__ = ["Choices", "DockerSandboxes"]
LOOK_S = 0.1  # how often the free space is looked at; it costs microseconds


@dataclass(frozen=True, slots=True)
class Box:
    """A started container and its directories. failed: names of those that could not be removed."""

    launched: Launched
    site: Site
    failed: list[str]

    @property
    def alive(self) -> bool:
        """Whether its container runs."""
        return not self.launched.channel.gone.done()

    async def discard(self) -> None:
        """Remove it when nobody waits for that; its name is kept when the engine is in trouble."""
        try:
            await self.launched.stop()
        except (SandboxUnavailable, APIError):
            self.failed.append(self.launched.name)


class DockerSandboxes:
    """Implements Sandboxes. `close` removes what is kept between sandboxes: warm containers, copies, connections."""

    def __init__(self, choices: Choices) -> None:
        self.engine = Engine(choices.environ)
        self._choices = choices
        self._ground = Ground(user())
        self._pool: Pool[Box] = Pool(choices.warm)
        self._chooser = Chooser(self.engine, choices)
        self._bare: set[str] = set()  # images without a Python
        self._capabilities: Capabilities | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self._stubborn: list[Path] = []
        self._failed: list[str] = []

    @property
    def kind(self) -> Kind:
        """See the protocol."""
        return "docker"

    @property
    def records(self) -> Records:
        """What is known of images."""
        return self._chooser.records

    async def image(self) -> images.Image:
        """The image that sandboxes are made from. Raises SandboxUnavailable."""
        return await self._chooser.image()

    async def suit(self, need: Callable[[], Need]) -> tuple[str, ...]:
        """See Imaged in the protocol."""
        return await self._chooser.suit(need)

    async def furnish(self, blueprint: Blueprint, *, wall_s: float) -> tuple[str, ...]:
        """See Imaged in the protocol."""
        return await self._chooser.furnish(blueprint, wall_s=wall_s)

    async def probe(self) -> Capabilities:
        """See the protocol. Takes a few seconds the first time."""
        if self._capabilities is None:
            image = await self.image()
            findings = await trials.run(self)
            self._capabilities = Capabilities(
                kind="docker",
                version=version(self.engine.about),
                isolates_network=findings.network,
                isolates_files=findings.files,
                isolates_processes=findings.processes,
                limits=findings.limits,
                notes=notes(self.engine.info, image, self._ground.owner),
            )
        return self._capabilities

    async def system(self) -> System:
        """See Imaged in the protocol. Looked up in a sandbox once for each image. Raises SandboxUnavailable."""
        image = await self.image()
        known = self.records.system(image.identity)
        if known is None:
            async with self.open(Workspace(())) as sandbox:
                lent = self._lent(image.identity)
                known = await systems.look(sandbox, image, lent.program if lent else OWN)
            self.records.keep(known)
        self.records.use(image.identity)
        return replace(known, reference=image.reference, furnished=self._chooser.furnished)

    async def reap(self) -> int:
        """Remove what killed processes left on the engine and in the temporary directory. Raises SandboxUnavailable."""
        removed = await reaper.reap(self.engine)
        self._stubborn += places.stale()
        await self._sweep()
        return removed

    async def close(self) -> None:
        """Remove everything that outlives a sandbox. The provider can be used again."""
        try:
            await self._pool.close()
            while self._leaving:
                await asyncio.wait(list(self._leaving))
            await self._sweep()
            while self._failed:
                await self.engine.call("remove a container", partial(discard, name=self._failed.pop()))
        finally:
            await self.engine.run(self._ground.close)
            await self.engine.close()

    async def _sweep(self) -> None:
        stubborn, self._stubborn = self._stubborn, []
        if stubborn:
            image = (await self.image()).identity
            await sweep(self.engine, image, stubborn, self._lent(image))

    def open(
        self,
        workspace: Workspace,
        *,
        mounts: Sequence[Mount] = (),
        network: bool = False,
        env: Mapping[str, str] | None = None,
        quota: Quota | None = None,
    ) -> AbstractAsyncContextManager[Sandbox]:
        """See the protocol. Commands get the image's own variables too, `env` wins."""
        return self._open(workspace, tuple(mounts), network, dict(env or {}), quota or Quota())

    @asynccontextmanager
    async def _open(
        self, workspace: Workspace, mounts: tuple[Mount, ...], network: bool, env: dict[str, str], quota: Quota
    ) -> AsyncIterator[Sandbox]:
        bubblewrap_args.check_places(workspace, mounts)
        await self.engine.client()
        check_mounts(mounts, self.engine.endpoint.socket if self.engine.endpoint else None)
        image = await self.image()
        shape = Shape(
            image=image.identity,
            user="0:0" if self.engine.rootless else str(self._ground.owner),
            users="host" if self.engine.remaps else "",
            mounts=mounts,
            network=self._choices.network if network else "none",
            memory_bytes=quota.memory_bytes,
            disk_bytes=quota.disk_bytes,
            processes=quota.processes,
            cpus=self._choices.cpus,
            runtime=self._choices.runtime,
            volumes=image.volumes,
            niceness=os.getpriority(os.PRIO_PROCESS, 0),
        )
        box = await self._python_box(workspace, shape)
        sandbox = ResidentSandbox(
            channel=box.launched.channel,
            kind="docker",
            workspace=WORKSPACE,
            env={**ENV, **dict(image.env), "HOME": ENV["HOME"], **env},
            quota=quota,
            stop=partial(self._end, box, later=_writes_nothing_here(workspace, mounts)),
            governor=ContainerGovernor(self.engine, box.launched.name, quota),
        )
        try:
            async with _watched(box.site, mounts, sandbox):
                yield sandbox
        finally:
            await sandbox.close()

    async def _end(self, box: Box, *, later: bool) -> None:
        """See everything in it end; remove what is left of it now, or `later` behind the caller's back."""
        await box.launched.end()
        removal = asyncio.create_task(box.discard() if later else box.launched.stop())
        self._leaving.add(removal)
        removal.add_done_callback(self._leaving.discard)
        if not later:
            await asyncio.shield(removal)

    def _lent(self, image: str) -> lending.Loan | None:
        """The Python of this machine, for an image that has none."""
        return lending.loan() if image in self._bare else None

    async def _python_box(self, workspace: Workspace, shape: Shape) -> Box:
        """A container whose runner has an interpreter: the image's, or where it has none, this machine's."""
        if shape.image in self._bare:
            return await self._box(workspace, lending.lent(shape) or shape)
        try:
            return await self._box(workspace, shape)
        except PythonMissing as missing:
            lent = lending.lent(shape)
            if lent is None:
                raise
            try:
                box = await self._box(workspace, lent)
            except SandboxUnavailable as error:
                raise PythonMissing(f"{missing}; this machine's does not start in it: {error}") from error
        self._bare.add(shape.image)
        return box

    async def _box(self, workspace: Workspace, shape: Shape) -> Box:
        """A container over the workspace: a warm one, if there is one and nothing of it outlives it; else a new one."""
        lower = await self.engine.run(partial(self._ground.lower, workspace.layers))
        if not self._choices.warm or not _writes_nothing_here(workspace, shape.mounts):
            return await self._start(workspace, shape, lower)

        async def make() -> Box:
            again = await self.engine.run(partial(self._ground.lower, workspace.layers))
            return await self._start(workspace, shape, again)

        self._ground.release(lower)
        return await self._pool.take((lower.stamp, shape), make)

    async def _start(self, workspace: Workspace, shape: Shape, lower: Lower) -> Box:
        site: Site | None = None

        async def freed() -> None:
            self._ground.release(lower)
            if site is not None:
                left = await self.engine.run(partial(clear, site.scratch))
                if left and workspace.upper is not None:
                    await sweep(self.engine, shape.image, left, self._lent(shape.image))  # beside the caller's own
                else:
                    self._stubborn += left

        try:
            for mount in shape.mounts:
                if mount.writable:
                    await self.engine.run(partial(self._ground.give, mount.host.resolve()))
            site = await self.engine.run(partial(self._ground.site, workspace, lower))
            overlay = replace(site.overlay, unprivileged=self.engine.rootless)
        except BaseException:
            await freed()
            raise
        name = fresh_name()
        order = Specification(name, shape, overlay, labels(self._choices.run, name))
        return Box(await launch(self.engine, order, freed), site, self._failed)


def _writes_nothing_here(workspace: Workspace, mounts: Sequence[Mount]) -> bool:
    """Whether all that is written goes with the sandbox."""
    return workspace.upper is None and not any(mount.writable for mount in mounts)


@asynccontextmanager
async def _watched(site: Site, mounts: Sequence[Mount], sandbox: ResidentSandbox) -> AsyncIterator[None]:
    """While the sandbox is open, bound what it writes to directories of this machine."""
    directories = [site.written, *(mount.host for mount in mounts if mount.writable)]
    limit = sandbox.quota.disk_bytes
    task = asyncio.create_task(disk_watch.watch(directories, limit, lambda: sandbox.kill_all("disk"), every_s=LOOK_S))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
