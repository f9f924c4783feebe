"""A checkout that knows nothing of its future: the commit, what led to it, and no other object of the repository.

Whoever repairs an old bug could otherwise look its fix up: on a later commit, in a tag, a stash, a log of references,
or an object that no reference names any more.
"""

from __future__ import annotations

from pathlib import Path

from sandbox.access import Access
from sandbox.environment_cache import remove_tree
from sandbox.git import run_git
from sandbox.protocol import Sandboxes
from sandbox.repository import create_repository, set_refs
from sandbox.source import acquire

BRANCH = "refs/heads/main"


async def check_out(
    source: str, rev: str | None, destination: Path, *, sandboxes: Sandboxes, access: Access | None = None
) -> str | None:
    """Make `destination` a working tree of `source` at `rev` (None: as it is); the commit's id, None without history.

    destination: replaced when it is there. Raises SourceInvalid and GitFailed.
    """
    remove_tree(destination)
    incoming = destination.with_name(f"{destination.name}.incoming")
    remove_tree(incoming)
    try:
        taken = await acquire(source, rev=rev, destination=incoming, sandboxes=sandboxes, access=access)
        if taken.repository is not None and taken.commit is not None:
            await _history(taken.repository, taken.commit, taken.base / ".git")
        taken.base.rename(destination)
    finally:
        remove_tree(incoming)
    return taken.commit


async def _history(repository: Path, commit: str, git: Path) -> None:
    """A repository at `git` with the closure of a commit, on one branch, and the names of earlier releases."""
    create_repository(git, sha256=len(commit) == 64)
    pack = ("pack-objects", "--revs", "-q", "--delta-base-offset", str(git / "objects" / "pack" / "pack"))
    await run_git(repository, *pack, stdin=f"{commit}\n".encode())
    refs = {BRANCH.encode(): commit.encode(), **await _releases(repository, commit)}
    await set_refs(git, refs, head=commit, branch=BRANCH, shallow=await _boundary(repository, commit))
    await run_git(git, "config", "core.bare", "false")
    await run_git(git, "read-tree", commit)


async def _releases(repository: Path, commit: str) -> dict[bytes, bytes]:
    """Tags of the past, pointing at commits: an annotation could have been written later."""
    fields = "--format=%(refname) %(objectname) %(*objectname)"
    out = await run_git(repository, "for-each-ref", f"--merged={commit}", fields, "refs/tags")
    rows = (line.split(b" ") for line in out.splitlines())
    return {row[0]: row[2] or row[1] for row in rows if len(row) == 3}


async def _boundary(repository: Path, commit: str) -> str:
    """Commits whose parents are not there, of a shallow clone."""
    known = repository / "shallow"
    if not known.exists():
        return ""
    roots = (await run_git(repository, "rev-list", "--max-parents=0", commit)).decode().split()
    return "\n".join(sorted(set(roots) & set(known.read_text(encoding="ascii").split())))
