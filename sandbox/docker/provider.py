"""Docker sandboxes: one container per sandbox, over an overlay that the engine mounts, around a resident runner."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from docker.errors import APIError

from sandbox import bubblewrap_args, disk_watch, places, trials
from sandbox.bubblewrap_args import ENV
from sandbox.docker import images, reaper, systems
from sandbox.docker.engine import Engine
from sandbox.docker.governing import ContainerGovernor
from sandbox.docker.ground import Ground, Lower, Site, clear, user
from sandbox.docker.labels import fresh_name, labels
from sandbox.docker.launching import Launched, discard, launch
from sandbox.docker.notes import notes, version
from sandbox.docker.pool import Pool
from sandbox.docker.specification import Shape, Specification, check_mounts
from sandbox.docker.sweeping import sweep
from sandbox.protocol import WORKSPACE, Capabilities, Kind, Mount, Quota, Sandbox, SandboxUnavailable, System, Workspace
from sandbox.resident import ResidentSandbox

LOOK_S = 0.1  # how often the free space is looked at; it costs microseconds


@dataclass(frozen=True, slots=True)
class Choices:
    """What a user may choose. image: name, digest or id; pull: whether a missing one may be fetched; environ: variables
    that name the engine (DOCKER_HOST and its kind); runtime: of the engine ("runsc", "kata"), "" for its default;
    cpus: how many a sandbox may use, 0 for all; warm: containers kept ready for the next sandboxes over a workspace
    that has been asked for; run: the run they are for; network: of builds.
    """

    image: str
    pull: bool = False
    environ: Mapping[str, str] = field(default_factory=dict)
    runtime: str = ""
    cpus: float = 0.0
    warm: int = 0
    run: str = ""
    network: str = "bridge"


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
        self._image: images.Image | None = None
        self._system: System | None = None
        self._capabilities: Capabilities | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self._stubborn: list[Path] = []
        self._failed: list[str] = []

    @property
    def kind(self) -> Kind:
        """See the protocol."""
        return "docker"

    async def image(self) -> images.Image:
        """The image that sandboxes are made from. Raises SandboxUnavailable."""
        if self._image is None:
            self._image = await images.fetch(self.engine, self._choices.image, pull=self._choices.pull)
        return self._image

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
        """See Imaged in the protocol. Raises SandboxUnavailable."""
        if self._system is None:
            image = await self.image()
            async with self.open(Workspace(())) as sandbox:
                self._system = await systems.look(sandbox, image)
        return self._system

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
            await sweep(self.engine, (await self.image()).identity, stubborn)

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
        )
        box = await self._box(workspace, shape)
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
                    await sweep(self.engine, shape.image, left)  # beside the caller's own
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
