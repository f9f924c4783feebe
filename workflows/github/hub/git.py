"""The hub's bare repositories: made and read by git, without a working tree."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sandbox.git import GitFailed, run_git

SHA = re.compile(r"^[0-9a-f]{40}$")
NOTHING = "0" * 40
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
MODE = "100644"


@dataclass(frozen=True)
class Signature:
    """Who did it, and when."""

    name: str
    email: str
    when: datetime


@dataclass(frozen=True)
class Commit:
    """A commit as git tells it."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Signature
    committer: Signature
    message: str


@dataclass(frozen=True)
class Entry:
    """An entry of a tree; size: -1 of what is no blob."""

    mode: str
    kind: str
    sha: str
    size: int
    path: str


@dataclass(frozen=True)
class Changed:
    """A file that a diff changes. patch: its hunks, "" of a binary file."""

    path: str
    status: str
    added: int
    removed: int
    sha: str
    patch: str
    was: str = ""


async def create(path: Path) -> None:
    """A bare repository that takes pushes of every kind."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir()
    await run_git(path, "init", "--bare", "--quiet", "--template=", "--initial-branch=main", str(path))
    for key in ("http.receivepack", "uploadpack.allowAnySHA1InWant", "uploadpack.allowFilter"):
        await run_git(path, "config", key, "true")


async def copy(source: Path, target: Path, *revisions: str) -> None:
    """Bring the objects of commits from one repository into another one."""
    wanted = "\n".join(revisions or ("--all",)) + "\n"
    pack = await run_git(source, "pack-objects", "--revs", "--stdout", "--quiet", stdin=wanted.encode())
    await run_git(target, "unpack-objects", "-q", stdin=pack)


async def resolve(path: Path, revision: str) -> str | None:
    """The commit that a branch, tag, ref or id means."""
    if revision.startswith("-") or not revision:
        return None
    for name in (f"refs/heads/{revision}", f"refs/tags/{revision}", revision):
        try:
            found = await run_git(path, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        except GitFailed:
            continue
        return found.decode().strip()
    return None


async def refs(path: Path) -> dict[str, str]:
    """Every ref with what it points to."""
    out = await run_git(path, "for-each-ref", "--format=%(refname) %(objectname)")
    return dict(line.split(" ", 1) for line in out.decode(errors="replace").splitlines())


async def set_ref(path: Path, ref: str, sha: str | None) -> None:
    """Point a ref to a commit, or remove it. Raises GitFailed."""
    if sha is None:
        await run_git(path, "update-ref", "-d", ref)
    else:
        await run_git(path, "update-ref", ref, sha)


async def kind(path: Path, sha: str) -> str | None:
    """commit, tree, blob or tag; None when there is no such object."""
    if not SHA.match(sha):
        return None
    try:
        return (await run_git(path, "cat-file", "-t", sha)).decode().strip()
    except GitFailed:
        return None


async def blob(path: Path, sha: str) -> bytes:
    """A blob's bytes. Raises GitFailed."""
    return await run_git(path, "cat-file", "blob", sha)


async def store(path: Path, data: bytes) -> str:
    """Keep a blob; its id."""
    return (await run_git(path, "hash-object", "-w", "--stdin", stdin=data)).decode().strip()


async def entries(path: Path, tree: str, *, recursive: bool = False) -> list[Entry]:
    """What a tree holds. Raises GitFailed."""
    options = ["-r", "-t"] if recursive else []
    out = await run_git(path, "ls-tree", "-z", "--long", *options, tree)
    found = []
    for row in out.decode(errors="replace").split("\0")[:-1]:
        what, name = row.split("\t", 1)
        mode, sort, sha, size = what.split()
        found.append(Entry(mode, sort, sha, int(size) if size.isdigit() else -1, name))
    return found


async def entry(path: Path, revision: str, name: str) -> Entry | None:
    """The entry at a path of a commit."""
    wanted = name.strip("/")
    out = await run_git(path, "ls-tree", "-z", "--long", revision, "--", wanted)
    for row in out.decode(errors="replace").split("\0")[:-1]:
        what, found = row.split("\t", 1)
        mode, sort, sha, size = what.split()
        if found == wanted:
            return Entry(mode, sort, sha, int(size) if size.isdigit() else -1, found)
    return None


async def tree_of(path: Path, base: str | None, changes: Sequence[tuple[str, str, str | None]]) -> str:
    """A tree made of another one with changes (mode, path, blob; None removes). Raises GitFailed."""
    index = {"GIT_INDEX_FILE": str(path / f"index-{id(changes)}")}
    try:
        await run_git(path, "read-tree", base or EMPTY_TREE, env=index) if base else None
        lines = "".join(f"{mode if sha else '0'} {sha or NOTHING}\t{name}\n" for mode, name, sha in changes)
        await run_git(path, "update-index", "--add", "--index-info", stdin=lines.encode(), env=index)
        return (await run_git(path, "write-tree", env=index)).decode().strip()
    finally:
        Path(index["GIT_INDEX_FILE"]).unlink(missing_ok=True)


async def commit_tree(path: Path, tree: str, parents: Sequence[str], message: str, author: Signature) -> str:
    """A commit; its id."""
    who = {
        f"GIT_{role}_{key}": value
        for role in ("AUTHOR", "COMMITTER")
        for key, value in (("NAME", author.name), ("EMAIL", author.email), ("DATE", author.when.isoformat()))
    }
    options = [part for parent in parents for part in ("-p", parent)]
    return (await run_git(path, "commit-tree", tree, *options, stdin=message.encode(), env=who)).decode().strip()


async def commit_files(
    path: Path, files: Mapping[str, str | bytes | None], *, parent: str | None, message: str, author: Signature
) -> str:
    """A commit that writes files (None removes one) over its parent's."""
    changes: list[tuple[str, str, str | None]] = []
    for name, text in files.items():
        data = text.encode() if isinstance(text, str) else text
        changes.append((MODE, name, None if data is None else await store(path, data)))
    tree = await tree_of(path, parent, changes)
    return await commit_tree(path, tree, [parent] if parent else [], message, author)


_FORMAT = "%H%x00%T%x00%P%x00%an%x00%ae%x00%at%x00%cn%x00%ce%x00%ct%x00%B%x00%x01"


async def log(path: Path, *selection: str, limit: int = 250, paths: Sequence[str] = ()) -> list[Commit]:
    """Commits, the newest first, that change one of these paths where some are named. Raises GitFailed."""
    out = await run_git(path, "log", f"--max-count={limit}", f"--format={_FORMAT}", *selection, "--", *paths)
    return [_commit(row) for row in out.decode(errors="replace").split("\x01")[:-1]]


def _commit(row: str) -> Commit:
    sha, tree, parents, *people, message, _ = row.lstrip("\n").split("\0")
    author, committer = (
        Signature(name, email, datetime.fromtimestamp(int(when), UTC))
        for name, email, when in (tuple(people[:3]), tuple(people[3:6]))
    )
    return Commit(sha, tree, tuple(parents.split()), author, committer, message.strip("\n"))


async def one(path: Path, sha: str) -> Commit:
    """A commit. Raises GitFailed."""
    return (await log(path, "--no-walk", sha, limit=1))[0]


async def merge_base(path: Path, left: str, right: str) -> str | None:
    """Where two histories part; None when they have nothing in common."""
    try:
        return (await run_git(path, "merge-base", left, right)).decode().strip()
    except GitFailed:
        return None


async def diff(path: Path, left: str, right: str) -> list[Changed]:
    """What the step from one commit to another changes, file by file."""
    options = ("--no-ext-diff", "--no-textconv", "-M", "--full-index")
    raw = (await run_git(path, "diff", *options, "--raw", "-z", left, right)).decode(errors="replace").split("\0")
    text = (await run_git(path, "diff", *options, left, right)).decode(errors="replace")
    patches = re.split(r"(?m)^diff --git ", text)[1:]
    found, at, place = [], 0, 0
    while at < len(raw) - 1:
        *_, sha, letter = raw[at].split()
        renamed = letter[0] in "RC"
        was, name = (raw[at + 1], raw[at + 2]) if renamed else ("", raw[at + 1])
        at += 3 if renamed else 2
        found.append(_changed(patches[place], name, was, sha, letter[0]))
        place += 1
    return found


def _changed(patch: str, name: str, was: str, sha: str, letter: str) -> Changed:
    start = patch.find("\n@@ ")
    hunks = patch[start + 1 :].rstrip("\n") if start >= 0 else ""
    lines = hunks.split("\n")
    status = {"A": "added", "D": "removed", "R": "renamed", "C": "copied"}.get(letter, "modified")
    added, removed = (sum(line.startswith(sign) for line in lines) for sign in "+-")
    return Changed(name, status, added, removed, sha, hunks, was)


async def export(path: Path, sha: str, target: Path) -> None:
    """Lay a commit's files into an empty directory."""
    index = {"GIT_INDEX_FILE": str(target.parent / f"{target.name}.index"), "GIT_WORK_TREE": str(target)}
    target.mkdir(parents=True)
    await run_git(path, "read-tree", sha, env=index)
    await run_git(path, "checkout-index", "--all", "--force", env=index, cwd=target)
    Path(index["GIT_INDEX_FILE"]).unlink()
