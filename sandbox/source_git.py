"""git on somebody else's repository: in a sandbox, over read-only mounts, with nothing of ours in reach.

Whatever its configuration, hooks or attributes make git run, runs there. What comes out are plain files in one
directory: a pack, a list of refs, a list of file names.
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from sandbox.access import Access
from sandbox.git import ENV, HARDENING, configured
from sandbox.protocol import ExecResult, Mount, Quota, Sandbox, Sandboxes, Workspace
from sandbox.redact import redact
from sandbox.snapshot import listed
from sandbox.tree import Tree

GIT_QUOTA = Quota(wall_s=1800, memory_bytes=4 << 30, disk_bytes=8 << 30)
_MAX_LIST = 128 << 20
_SOURCE, _GIT, _COMMON, _OUT = "/source", "/git", "/common", "/out"


class GitRefused(Exception):
    """git in the sandbox ended with an error; the message is its own, without credentials."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where a local repository is.

    top: the working tree (None for a bare one); git: its git directory; common: the directory with objects and refs
    when it is another one (linked working trees).
    """

    git: Path
    top: Path | None = None
    common: Path | None = None


@dataclass(frozen=True, slots=True)
class Export:
    """What was read of a repository.

    head: the commit of HEAD ("" without one); branch: its ref ("" when detached); pack: where the objects are (None:
    no history, `problem` says why); files: names of the working tree (None when not asked for).
    """

    head: str
    branch: str
    refs: dict[bytes, bytes]
    pack: Path | None
    shallow: str = ""
    sha256: bool = False
    files: tuple[bytes, ...] | None = None
    problem: str = ""


def find_places(path: Path) -> Places | None:
    """The repository that `path` (a directory, resolved) is in, or None. Looks at names and small files only."""
    for directory in (path, *path.parents):
        dot = directory / ".git"
        if dot.is_dir() and not dot.is_symlink() and (dot / "HEAD").is_file():
            return Places(dot, directory)
        if dot.is_file() and (linked := _linked(dot)):
            return linked
    bare = (path / "HEAD").is_file() and (path / "objects").is_dir() and (path / "refs").is_dir()
    return Places(path) if bare else None


def _linked(dot: Path) -> Places | None:
    """A `.git` file: of a linked working tree (its git directory must point back) or of a submodule.

    Nothing else is believed: the file could name any directory, which would then be shown inside.
    """
    text = Tree(dot.parent).read(".git", max_bytes=4_096) or ""
    match = re.match(r"gitdir: (.+)", text.strip())
    if not match:
        return None
    git = Path(os.path.normpath(dot.parent / match[1])).resolve()
    back = Tree(git).read("gitdir", max_bytes=4_096)
    if back is not None and (git / back.strip()).resolve() == dot.resolve():
        common = (git / (Tree(git).read("commondir", max_bytes=4_096) or ".").strip()).resolve()
        return Places(git, dot.parent, common) if git.parent == common / "worktrees" else None
    above = [parent / ".git" / "modules" for parent in dot.parent.parents]
    inside = any(git.is_relative_to(modules) for modules in above)
    return Places(git, dot.parent) if inside and (git / "HEAD").is_file() else None


async def read_local(places: Places, out: Path, *, sandboxes: Sandboxes, worktree: bool, below: str) -> Export:
    """Read history and, when `worktree`, the names of the files to copy.

    below: a directory that must hold tracked files ("" for none); out: an empty directory for the results. Raises
    NotTracked and GitRefused.
    """
    # A linked one is read where its `commondir` file leads: git looks for refs there, whatever GIT_COMMON_DIR says.
    git = f"{_COMMON}/worktrees/{places.git.name}" if places.common else _GIT
    mounts = [Mount(places.common, _COMMON) if places.common else Mount(places.git, _GIT)]
    env = {"GIT_DIR": git}
    if places.top is not None:
        mounts.append(Mount(places.top, _SOURCE))
        env["GIT_WORK_TREE"] = _SOURCE
    common = places.common or places.git
    async with _sandbox(sandboxes, out, mounts, env) as (sandbox, results):
        if below and not (await _git(sandbox, "ls-files", "--", below)).strip():
            raise NotTracked
        files = await _file_list(sandbox, results) if worktree else None
        exported = await _export(sandbox, results)
    shallow = Tree(common).read("shallow", max_bytes=4 << 20) or ""
    return replace(exported, shallow=shallow, files=files)


class NotTracked(GitRefused):
    """The directory is below a repository that does not know its files."""


async def clone(
    url: str,
    out: Path,
    *,
    sandboxes: Sandboxes,
    access: Access,
    rev: str | None,
    settings: Sequence[tuple[str, str]],
    local: Path | None = None,
    shown: tuple[str, str] | None = None,
) -> Export:
    """Clone `url` (all branches and tags, and `rev` when it is none of theirs) and read the clone.

    settings: protocols and pins; local: the host directory of a file: URL; shown: a setting with a secret, which only
    the git that speaks to the host has. Raises GitRefused.
    """
    mounts = [*access.mounts, *([Mount(local, _SOURCE)] if local else [])]
    address = _SOURCE if local else url
    env = {"GIT_DIR": f"{_OUT}/clone", **dict(access.env)}
    async with _sandbox(sandboxes, out, mounts, env, network=local is None, settings=settings) as (sandbox, results):
        clone = ("clone", "--bare", "--quiet", "--no-local", "--template=", "--", address, f"{_OUT}/clone")
        speaking = _Speaking(sandbox, len(HARDENING) + len(settings), shown)
        await speaking.git(
            "env", "-u", "GIT_DIR", "git", *clone
        )  # the variable must be absent, an empty one is an error
        if rev is not None and not await _known(sandbox, rev):
            await _fetch_revision(speaking, rev)
        exported = await _export(sandbox, results)
    return replace(exported, shallow=Tree(out / "clone").read("shallow", max_bytes=4 << 20) or "")


@asynccontextmanager
async def _sandbox(
    sandboxes: Sandboxes,
    out: Path,
    mounts: Sequence[Mount],
    env: dict[str, str],
    *,
    network: bool = False,
    settings: Sequence[tuple[str, str]] = (),
) -> AsyncIterator[tuple[Sandbox, Path]]:
    """A sandbox for git, with `out` writable; its own workspace is empty."""
    empty = out / "empty"
    empty.mkdir()
    variables = {**ENV, **configured((*HARDENING, *settings)), **env}
    places = (*mounts, Mount(out, _OUT, writable=True))
    async with sandboxes.open(
        Workspace((empty,)), mounts=places, network=network, env=variables, quota=GIT_QUOTA
    ) as sandbox:
        yield sandbox, out


# The setting of number $1 is called $2 and has what comes on stdin as its value: no other process of the sandbox and no
# command line has it. The rest is the command.
_SHOWING = """\
IFS= read -r value
export GIT_CONFIG_COUNT=$(($1 + 1)) "GIT_CONFIG_KEY_$1=$2" "GIT_CONFIG_VALUE_$1=$value"
shift 2
exec "$@" </dev/null
"""


@dataclass(frozen=True, slots=True)
class _Speaking:
    """git that speaks to the host. number: of settings that the sandbox has; shown: one more, with a secret."""

    sandbox: Sandbox
    number: int
    shown: tuple[str, str] | None = field(repr=False)

    async def run(self, *argv: str) -> ExecResult:
        """Run a command that is, or starts, git."""
        if self.shown is None:
            return await self.sandbox.exec(argv)
        name, value = self.shown
        late = ("sh", "-c", _SHOWING, "sh", str(self.number), name)
        return await self.sandbox.exec((*late, *argv), stdin=f"{value}\n".encode())

    async def git(self, *argv: str) -> None:
        """Run it. Raises GitRefused, without the secret."""
        result = await self.run(*argv)
        if not result.ok:
            told = result.stderr.text.strip()[-1_500:]
            if self.shown is not None:
                told = told.replace(self.shown[1], "***").replace(self.shown[1].rpartition(" ")[2], "***")
            raise GitRefused(
                "it took too long" if result.timed_out else redact(told) or f"git ended with {result.exit_code}"
            )


async def _git(sandbox: Sandbox, *arguments: str) -> str:
    """Stdout of git in the sandbox; raises GitRefused."""
    result = await sandbox.exec(("git", *arguments))
    if not result.ok:
        reason = _complaint(result) or f"git {arguments[0]} ended with {result.exit_code}"
        raise GitRefused("it took too long" if result.timed_out else reason)
    return result.stdout.text


async def _to_file(sandbox: Sandbox, name: str, *arguments: str, stdin: str = "") -> None:
    """Run git with its stdout in a file of the results."""
    argv = ("sh", "-c", f'exec git "$@" > {_OUT}/{name}', "git", *arguments)
    result = await sandbox.exec(argv, stdin=f"{stdin}\n".encode())
    if not result.ok:
        raise GitRefused(_complaint(result) or f"git {arguments[0]} failed")


def _complaint(result: ExecResult) -> str:
    """What git says, but for the places of the sandbox that it runs in."""
    said = redact(result.stderr.text.strip()[-1_500:])
    damaged = "git cannot read its .git, it is damaged: see `git status`, or diagnose a copy of the files without it"
    return damaged if "not a git repository" in said else said


async def _known(sandbox: Sandbox, rev: str) -> bool:
    result = await sandbox.exec(("git", "rev-parse", "-q", "--verify", "--end-of-options", f"{rev}^{{commit}}"))
    return result.ok


async def _fetch_revision(speaking: _Speaking, rev: str) -> None:
    """A commit or ref that no branch reaches, such as that of a pull request; the caller finds out whether it came."""
    name = f"refs/{rev}" if re.fullmatch(r"pull/\d+/(head|merge)", rev) else rev
    if re.fullmatch(r"[0-9a-f]{40,64}|refs/[\w./-]+", name):
        refspec = f"+{name}:refs/heads/{rev}"
        await speaking.run("git", "fetch", "--quiet", "--no-tags", "origin", refspec)


async def _file_list(sandbox: Sandbox, out: Path) -> tuple[bytes, ...]:
    """Tracked files and those that are neither tracked nor ignored."""
    await _to_file(sandbox, "files", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    return tuple(listed(_result(out, "files")))


async def _export(sandbox: Sandbox, out: Path) -> Export:
    """Refs and a pack with everything they reach; where objects are missing, `problem` says why there is no pack."""
    head = await _optional(sandbox, "rev-parse", "-q", "--verify", "HEAD^{commit}")
    branch = await _optional(sandbox, "symbolic-ref", "-q", "HEAD")
    sha256 = await _optional(sandbox, "rev-parse", "--show-object-format") == "sha256"
    try:
        wanted = ("refs/heads", "refs/tags", "refs/remotes")
        await _to_file(sandbox, "refs", "for-each-ref", "--format=%(refname) %(objectname)", *wanted)
        refs = _refs(_result(out, "refs"))
        if not refs and not head:
            return Export("", branch, {}, None)
        objects = ("pack-objects", "--revs", "--all", "--stdout", "-q", "--delta-base-offset", "--window=0")
        await _to_file(sandbox, "pack", *objects, stdin=head or next(iter(refs.values())).decode())
    except GitRefused as error:
        return Export(head, branch, {}, None, sha256=sha256, problem=str(error) or "git failed")
    return Export(head, branch, refs, out / "pack", sha256=sha256)


async def _optional(sandbox: Sandbox, *arguments: str) -> str:
    try:
        return (await _git(sandbox, *arguments)).strip()
    except GitRefused:
        return ""


def _refs(data: bytes) -> dict[bytes, bytes]:
    lines = (line.rpartition(b" ") for line in data.splitlines())
    return {name: value for name, _, value in lines if name}


def _result(out: Path, name: str) -> bytes:
    """A file of the results; a link or device that was put there instead is refused."""
    data = Tree(out).read_bytes(name, max_bytes=_MAX_LIST)
    if data is None:
        raise GitRefused(f"the list of {name} is too large or was tampered with")
    return data
