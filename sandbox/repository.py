"""Our own bare repository of a run: made from a pack, asked for trees, never executing anything of the repository.

Its configuration and attributes are ours, so that files come out and go in byte for byte: no line endings, `$Id$`,
encodings, filters, LFS or `export-ignore`, whatever `.gitattributes` says.
"""

from __future__ import annotations

import difflib
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from packaging.version import InvalidVersion, Version

from sandbox.git import GitFailed, run_git
from sandbox.protocol import SandboxError

_CONFIG = """\
[core]
\trepositoryformatversion = {version}
\tbare = true
\tfilemode = true
\tsymlinks = true
\tautocrlf = false
\tsafecrlf = false
\tprotectNTFS = false
\tlogAllRefUpdates = false
\tlooseCompression = 0
\tfsync = none
\thooksPath = /dev/null
[gc]
\tauto = 0
[checkout]
\tworkers = 1
"""
_SHA256 = "[extensions]\n\tobjectFormat = sha256\n"
# `!name` makes an attribute unspecified; these lines rank above every .gitattributes.
_ATTRIBUTES = "* !text !eol !crlf !ident !filter !working-tree-encoding !export-ignore !export-subst !whitespace\n"
_REF = re.compile(rb"^refs/(?:heads|tags|remotes)/[^\x00-\x20\x7f~^:?*\[\\]+$")
_OBJECT = re.compile(rb"^[0-9a-f]{40}(?:[0-9a-f]{24})?$")
_MAX_REFS = 50_000
_MAX_REVISION = 250


class RevisionUnknown(SandboxError):
    """A revision that is no commit of the repository; the message lists names that are near."""


def create_repository(path: Path, *, sha256: bool = False) -> None:
    """An empty bare repository at `path`, which does not exist yet."""
    for directory in ("objects/pack", "objects/info", "refs/heads", "refs/tags", "info"):
        (path / directory).mkdir(parents=True)
    config = _CONFIG.format(version=1 if sha256 else 0) + (_SHA256 if sha256 else "")
    (path / "config").write_text(config, encoding="ascii")
    (path / "info" / "attributes").write_text(_ATTRIBUTES, encoding="ascii")
    (path / "HEAD").write_text("ref: refs/heads/main\n", encoding="ascii")


async def import_pack(repository: Path, pack: IO[bytes]) -> None:
    """Index a pack from outside into the repository; raises GitFailed when it is damaged."""
    await run_git(repository, "index-pack", "--stdin", stdin=pack)


SHALLOW = "the clone is shallow, so older revisions are not in it (git fetch --unshallow gets them)"


async def set_refs(repository: Path, refs: Mapping[bytes, bytes], *, head: str, branch: str, shallow: str) -> list[str]:
    """Point branches and tags at their objects.

    head: the commit of HEAD ("" for none); branch: its ref ("" when detached); shallow: commits whose parents are not
    there, as git lists them. Names and objects that are none are left out. Returns notes.
    """
    boundary = [line for line in shallow.split() if _OBJECT.match(line.encode())]
    if boundary:
        (repository / "shallow").write_text("".join(f"{line}\n" for line in boundary), encoding="ascii")
    valid = [(n, o) for n, o in refs.items() if _REF.match(n) and _OBJECT.match(o)][:_MAX_REFS]
    notes: list[str] = []
    try:
        await _update(repository, valid)
    except GitFailed as error:
        notes.append(f"branches and tags of the source could not be taken over: {str(error)[:200]}")
    if head and dict(valid).get(branch.encode("utf-8", "surrogateescape")) == head.encode():
        await run_git(repository, "symbolic-ref", "HEAD", branch)
    elif head:
        await run_git(repository, "update-ref", "--no-deref", "HEAD", head)
    return notes


async def _update(repository: Path, refs: list[tuple[bytes, bytes]]) -> None:
    if refs:
        commands = b"".join(b"create %s\0%s\0" % pair for pair in refs)
        await run_git(repository, "update-ref", "--no-deref", "-z", "--stdin", stdin=commands)
        await run_git(repository, "pack-refs", "--all")


def check_revision(rev: str) -> str:
    """`rev` when it can be handed to git; raises RevisionUnknown."""
    if not rev or rev.startswith("-") or len(rev) > _MAX_REVISION or not rev.isprintable():
        raise RevisionUnknown(f"not a revision: {rev[:80]!r} (a name of a branch, a tag or a commit is expected)")
    return rev


async def resolve(repository: Path, rev: str) -> str:
    """The full id of the commit that `rev` names. Raises RevisionUnknown with near names."""
    check_revision(rev)
    for name in (rev, f"origin/{rev}"):
        try:
            out = await run_git(repository, "rev-parse", "-q", "--verify", "--end-of-options", f"{name}^{{commit}}")
        except GitFailed:
            continue
        return out.decode().strip().splitlines()[-1]
    near = await _near(repository, rev)
    names = f"; near names: {', '.join(near)}" if near else ""
    raise RevisionUnknown(f"unknown revision {rev!r}{names}{shallow_note(repository)}")


def shallow_note(repository: Path) -> str:
    """What a clone without its whole history says of a revision that it has not; "" for a whole one."""
    return f"; {SHALLOW}" if (repository / "shallow").exists() else ""


async def _near(repository: Path, rev: str) -> list[str]:
    out = await run_git(repository, "for-each-ref", "--format=%(refname:short)", "--count=5000", "--sort=-creatordate")
    names = out.decode(errors="replace").splitlines()
    return difflib.get_close_matches(rev, names, n=5, cutoff=0.5) or names[:5]


async def materialize(repository: Path, rev: str, destination: Path) -> str:
    """Write the files of a commit (or tree) of our repository into `destination`; returns the tree's id.

    destination: made when missing; what is in it is overwritten but not removed. Submodules are empty directories.
    Raises RevisionUnknown, GitFailed (a tree that holds names like `.git`, no space).
    """
    check_revision(rev)
    destination.mkdir(parents=True, exist_ok=True)
    index = repository / f"index-{secrets.token_hex(8)}"
    env = {"GIT_INDEX_FILE": str(index)}
    try:
        tree = (await _tree_of(repository, rev)).strip()
        await run_git(repository, "read-tree", tree, env=env)
        worktree = f"--work-tree={destination}"
        await run_git(repository, worktree, "checkout-index", "--all", "--force", "--quiet", env=env, cwd=destination)
    finally:
        index.unlink(missing_ok=True)
    return tree


async def _tree_of(repository: Path, rev: str) -> str:
    try:
        out = await run_git(repository, "rev-parse", "-q", "--verify", "--end-of-options", f"{rev}^{{tree}}")
    except GitFailed:
        raise RevisionUnknown(f"unknown revision {rev!r}") from None
    return out.decode()


async def write_tree(repository: Path, directory: Path) -> str:
    """The id of the tree of all files in `directory`, which are put into the repository; links stay links."""
    index = repository / f"index-{secrets.token_hex(8)}"
    env = {"GIT_INDEX_FILE": str(index)}
    try:
        await run_git(
            repository, f"--work-tree={directory}", "add", "--all", "--force", "--", ".", env=env, cwd=directory
        )
        return (await run_git(repository, "write-tree", env=env)).decode().strip()
    finally:
        index.unlink(missing_ok=True)


async def changed_paths(repository: Path, old: str, new: str) -> list[bytes]:
    """Paths in which two trees differ, submodules left out; files that are checked out of one are a difference."""
    out = await run_git(repository, "diff-tree", "-r", "-z", "--no-renames", old, new)
    fields = out.split(b"\0")
    pairs = zip(fields[::2], fields[1::2], strict=False)
    return [path for facts, path in pairs if b"160000" not in facts.lstrip(b":").split(b" ")[:2]]


async def release_before(repository: Path, commit: str) -> str:
    """The version of the nearest tag before `commit` ("1.4.2"), or ""."""
    try:
        out = await run_git(repository, "describe", "--tags", "--abbrev=0", commit)
    except GitFailed:
        return ""
    match = re.search(r"\d+(\.\d+)+\S*$", out.decode(errors="replace").strip())
    try:
        return str(Version(match[0])) if match else ""
    except InvalidVersion:
        return ""
