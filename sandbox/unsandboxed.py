"""Kind "none": commands run on this machine as this user, over a private copy of the workspace. For one's own code
only.

The same runner as in a sandbox ends whole trees and limits time, output and each process; nothing is hidden and nothing
is protected: not the network, not the home directory, not other processes. /workspace and the inside paths of mounts
are rewritten to where they are on this machine, in commands, variables and paths.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path, PurePosixPath

from sandbox import bubblewrap_args, copies, places
from sandbox.bubblewrap_args import ENV
from sandbox.launcher import launch
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
from sandbox.resident import ResidentSandbox

NOTES = (
    "No isolation: the code can read and change everything that you can. Use it for your own code only.",
    "Memory and processes of a whole command are counted twenty times a second; disk is limited per file.",
    "A command that kills the runner escapes being ended.",
)


class UnsandboxedSandboxes:
    """Implements Sandboxes."""

    @property
    def kind(self) -> Kind:
        """See the protocol."""
        return "none"

    async def probe(self) -> Capabilities:
        """See the protocol."""
        _check_system()
        return Capabilities(
            kind="none",
            version="1",
            isolates_network=False,
            isolates_files=False,
            isolates_processes=False,
            limits={
                "wall": "tree",
                "cpu": "process",
                "memory": "process",
                "processes": "tree",
                "output": "tree",
                "disk": "process",
                "open_files": "process",
            },
            notes=NOTES,
        )

    def open(
        self,
        workspace: Workspace,
        *,
        mounts: Sequence[Mount] = (),
        network: bool = False,  # noqa: ARG002
        env: Mapping[str, str] | None = None,
        quota: Quota | None = None,
    ) -> AbstractAsyncContextManager[Sandbox]:
        """See the protocol. `network` changes nothing; mounts are the host's own files, whether writable or not."""
        return self._open(workspace, mounts, dict(env or {}), quota or Quota())

    @asynccontextmanager
    async def _open(
        self, workspace: Workspace, mounts: Sequence[Mount], env: dict[str, str], quota: Quota
    ) -> AsyncIterator[Sandbox]:
        _check_system()
        async with contextlib.AsyncExitStack() as made:
            home = places.fresh()
            made.push_async_callback(asyncio.to_thread, places.remove, home)
            tree = home / "workspace"
            for name in ("workspace", "tmp", "home"):
                (home / name).mkdir()
            layers = workspace.layers if workspace.upper is None else (workspace.upper, *workspace.layers)
            before = await asyncio.to_thread(copies.lay, layers, tree)
            if workspace.upper is not None:
                made.push_async_callback(asyncio.to_thread, copies.keep_changes, tree, before, workspace.upper)
            shown = _shown(mounts, home / "mounts")
            interpreter, _ = bubblewrap_args.interpreter()
            own = {**ENV, "HOME": str(home / "home"), "TMPDIR": str(home / "tmp")}
            launched = await launch(lambda argv: argv, interpreter=interpreter, facts={}, cwd=tree, env=own)
            made.push_async_callback(launched.stop)
            freed = made.pop_all()
        sandbox = ResidentSandbox(
            channel=launched.channel,
            kind="none",
            workspace=str(tree),
            env={**own, **env},
            quota=quota,
            stop=freed.aclose,
            translate=_translator({**shown, WORKSPACE: str(tree)}),
        )
        try:
            yield sandbox
        finally:
            await sandbox.close()


def _check_system() -> None:
    if not sys.platform.startswith("linux"):
        raise SandboxUnavailable('kind "none" needs Linux (it finds processes in /proc). Use --sandbox docker here.')


def _shown(mounts: Sequence[Mount], links: Path) -> dict[str, str]:
    """Where inside paths are on this machine. Directories that hold mounted files are made, with links to them."""
    found: dict[str, str] = {}
    for mount in mounts:
        inside = PurePosixPath(mount.inside)
        found[str(inside)] = str(mount.host)
        if mount.host.is_file():
            folder = links / inside.parent.relative_to("/")
            folder.mkdir(parents=True, exist_ok=True)
            (folder / inside.name).unlink(missing_ok=True)
            (folder / inside.name).symlink_to(mount.host)
            found.setdefault(str(inside.parent), str(folder))
    return found


def _translator(places: Mapping[str, str]) -> Callable[[str], str]:
    """Rewrites inside paths, where they stand as whole path components, to those of this machine."""
    names = sorted(places, key=len, reverse=True)
    pattern = re.compile(rf"(?<![\w./-])({'|'.join(map(re.escape, names))})(?![\w.-])")
    return lambda text: pattern.sub(lambda found: places[found[1]], text)
