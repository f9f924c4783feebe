"""From what the user names (a git URL, a checkout, a directory) to a tree of plain files and a repository of our own.

The user's files are only read, git on them runs in a sandbox, and nothing of a repository is executed here.
"""

from __future__ import annotations

import asyncio
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

from sandbox.access import Access
from sandbox.environment_cache import remove_tree
from sandbox.git import GitFailed
from sandbox.protocol import Sandboxes
from sandbox.redact import redact
from sandbox.repository import (
    RevisionUnknown,
    changed_paths,
    check_revision,
    create_repository,
    import_pack,
    materialize,
    release_before,
    resolve,
    set_refs,
    write_tree,
)
from sandbox.snapshot import Caps, Copied, Snapshot, TooLarge
from sandbox.source_git import Export, GitRefused, NotTracked, clone, find_places, read_local
from sandbox.tree import Tree
from sandbox.urls import Login, SourceInvalid, UrlPolicy, is_url, pinned, url_parts

__all__ = ["Access", "Caps", "Checkout", "SourceInvalid", "UrlPolicy", "acquire", "materialize"]

_SUBMODULE = re.compile(r"^[ \t]*path[ \t]*=[ \t]*([^\x00-\x20\x7f\"][^\x00-\x1f\x7f\"]{0,200}?)[ \t]*$", re.MULTILINE)
_HOSTED = re.compile(r"^(github\.com|gitlab\.com|bitbucket\.org|codeberg\.org)/[\w.-]+/[\w.-]+$")


@dataclass(frozen=True, slots=True)
class Checkout:
    """A source as plain files.

    base: the files, without .git; repository: our bare clone with the history, None when there is none; commit: the
    commit that base is (or, when `dirty`, is based on); tree: git's id of exactly what is in base; subdirectory: where
    below the top the user pointed ("" for the top); origin: what names the source, without credentials; version: the
    release before the commit, by its tags; objects: the repository that holds `tree`, also without history.
    """

    base: Path
    repository: Path | None
    commit: str | None
    tree: str
    dirty: bool
    subdirectory: str = ""
    notes: tuple[str, ...] = ()
    origin: str = ""
    version: str = ""
    objects: Path | None = None


async def acquire(
    source: str,
    *,
    rev: str | None = None,
    destination: Path,
    sandboxes: Sandboxes,
    access: Access | None = None,
    policy: UrlPolicy | None = None,
    caps: Caps | None = None,
    login: Login | None = None,
) -> Checkout:
    """Take a snapshot of `source` into `destination/base` and `destination/repository.git`.

    rev: a revision; None takes a checkout's working tree as it is (uncommitted and new files too), or a URL's
    default branch. access: certificates and proxies for cloning; login: what to show to the host of a URL.

    What an earlier attempt left in `destination` is removed first. Raises SourceInvalid; then, and when cancelled,
    nothing is left.
    """
    if rev is not None:
        _checked(rev)
    made = not destination.exists()
    _discard(destination, made=False)
    incoming = destination / "incoming"
    incoming.mkdir(parents=True)
    job = _Job(source, rev, destination, sandboxes, access or Access(), policy or UrlPolicy(), caps or Caps(), login)
    try:
        checkout = await (_from_url(job) if is_url(source) else _from_path(job))
    except (GitRefused, GitFailed, TooLarge, RevisionUnknown) as error:
        _discard(destination, made=made)
        raise SourceInvalid(f"{redact(source)}: {error}") from error
    except BaseException:
        _discard(destination, made=made)
        raise
    remove_tree(incoming)
    return replace(checkout, notes=(*checkout.notes, *_absent_submodules(checkout.base)))


def _absent_submodules(base: Path) -> tuple[str, ...]:
    """A note about those that are not checked out: their code is missing, and nobody fetches it here."""
    tree = Tree(base)
    paths = _SUBMODULE.findall(tree.read(".gitmodules", max_bytes=1 << 20) or "")[:1000]
    absent = [redact(path) for path in paths if not any(tree.names(path))]
    if not absent:
        return ()
    names = ", ".join(absent[:5]) + (f" and {len(absent) - 5} more" if len(absent) > 5 else "")
    return (f"submodules that are not checked out: {names} (git submodule update --init, then diagnose that checkout)",)


@dataclass(frozen=True, slots=True)
class _Job:
    source: str
    rev: str | None
    destination: Path
    sandboxes: Sandboxes
    access: Access
    policy: UrlPolicy
    caps: Caps
    login: Login | None = None

    @property
    def base(self) -> Path:
        return self.destination / "base"

    @property
    def repository(self) -> Path:
        return self.destination / "repository.git"

    @property
    def incoming(self) -> Path:
        return self.destination / "incoming"


def _discard(destination: Path, *, made: bool) -> None:
    """Remove what was begun, and the destination itself when it was `made` for it."""
    for name in ("base", "repository.git", "incoming"):
        remove_tree(destination / name)
    if made and not any(destination.iterdir()):
        destination.rmdir()


def _checked(rev: str) -> None:
    try:
        check_revision(rev)
    except RevisionUnknown as error:
        raise SourceInvalid(str(error)) from None


async def _from_path(job: _Job) -> Checkout:
    path = _directory(job.source)
    places = find_places(path)
    if places is None:
        return await _plain(job, path)
    top = places.top or path
    below = path.relative_to(top).as_posix() if path != top else ""
    worktree = job.rev is None and places.top is not None
    try:
        exported = await read_local(places, job.incoming, sandboxes=job.sandboxes, worktree=worktree, below=below)
    except NotTracked:
        return await _plain(job, path)
    checkout = await _from_export(job, exported, top if worktree else None)
    if below and not (job.base / below).is_dir():
        raise SourceInvalid(f"{job.source}: the directory {below} is not there at revision {job.rev}")
    return replace(checkout, subdirectory=below, origin=str(top))


def _directory(source: str) -> Path:
    """The directory that was named, resolved; raises SourceInvalid for everything else."""
    try:
        path = Path(source).expanduser()
        if not path.exists():
            hint = f" (for a repository on the web: https://{source})" if _HOSTED.match(source) else ""
            raise SourceInvalid(f"{source}: there is no such directory{hint}")
        if not path.is_dir():
            raise SourceInvalid(f"{source}: not a directory; name the directory of the project")
        resolved = path.resolve()
        with os.scandir(resolved):
            return resolved
    except (OSError, ValueError, RuntimeError) as error:
        raise SourceInvalid(f"{source[:300]!r}: cannot be read ({error})") from None


async def _plain(job: _Job, path: Path) -> Checkout:
    """A directory without version control."""
    if job.rev is not None:
        raise SourceInvalid(f"{job.source}: revision {job.rev!r} was asked for, but it is no git repository")
    copied = await _copy(job, path, None)
    if not copied.files:
        raise SourceInvalid(f"{job.source}: the directory is empty")
    create_repository(job.repository)
    tree = await write_tree(job.repository, job.base)
    return Checkout(job.base, None, None, tree, False, "", tuple(copied.notes), str(path), "", job.repository)


async def _from_export(job: _Job, exported: Export, top: Path | None) -> Checkout:
    """Our own repository from what was read, then the files: of the working tree `top`, or of the revision."""
    create_repository(job.repository, sha256=exported.sha256)
    notes = await _take_history(job, exported)
    history = exported.pack is not None
    if top is not None:
        return await _worktree(job, exported, top, notes)
    if not history:
        raise SourceInvalid(f"{redact(job.source)}: {exported.problem or 'the repository is empty (it has no commit)'}")
    if not exported.head and job.rev is None:
        raise SourceInvalid(f"{redact(job.source)}: its default branch has no commit; name a revision")
    commit = await resolve(job.repository, job.rev or "HEAD")
    tree = await materialize(job.repository, commit, job.base)
    version = await release_before(job.repository, commit)
    return Checkout(job.base, job.repository, commit, tree, False, "", tuple(notes), "", version, job.repository)


async def _take_history(job: _Job, exported: Export) -> list[str]:
    if exported.pack is None:
        return [f"the history could not be read: {exported.problem[:300]}"] if exported.problem else []
    descriptor = os.open(exported.pack, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as pack:
        await import_pack(job.repository, pack)
    return await set_refs(
        job.repository, exported.refs, head=exported.head, branch=exported.branch, shallow=exported.shallow
    )


async def _worktree(job: _Job, exported: Export, top: Path, notes: list[str]) -> Checkout:
    """The working tree as it is, with the commit it is based on."""
    copied = await _copy(job, top, exported.files)
    history = exported.pack is not None
    commit = exported.head if history and exported.head else None
    if not copied.files and commit is None:
        raise SourceInvalid(f"{job.source}: an empty repository (no commit and no files)")
    tree = await write_tree(job.repository, job.base)
    dirty = commit is None or bool(await changed_paths(job.repository, f"{commit}^{{tree}}", tree))
    version = await release_before(job.repository, commit) if commit else ""
    return Checkout(
        base=job.base,
        repository=job.repository if history else None,
        commit=commit,
        tree=tree,
        dirty=dirty,
        notes=(*notes, *copied.notes),
        version=version,
        objects=job.repository,
    )


async def _copy(job: _Job, top: Path, names: tuple[bytes, ...] | None) -> Copied:
    job.base.mkdir()
    snapshot = Snapshot(top, job.base, job.caps)
    try:
        return await asyncio.to_thread(snapshot.copy, names)
    except OSError as error:
        raise SourceInvalid(f"{job.source}: cannot be copied: {error.strerror or error}") from error
    finally:
        snapshot.stop.set()


async def _from_url(job: _Job) -> Checkout:
    url = job.source
    parts = url_parts(url, job.policy)
    settings = [(f"protocol.{p}.allow", "always") for p in job.policy.protocols]
    local = None
    if parts.scheme == "file":
        local = _directory(parts.path)
    else:
        proxied = any(name.lower() in ("https_proxy", "all_proxy") for name, _ in job.access.env)
        settings += await pinned(parts, job.policy, proxied=proxied)
        settings += [("http.followRedirects", "false")] if job.login else []
    try:
        exported = await clone(
            url,
            job.incoming,
            sandboxes=job.sandboxes,
            access=job.access,
            rev=job.rev,
            settings=settings,
            local=local,
            shown=job.login.header() if job.login else None,
        )
    except GitRefused as error:
        raise SourceInvalid(f"{redact(url)} cannot be cloned: {str(error).replace(url, redact(url))}") from None
    checkout = await _from_export(job, exported, None)
    return replace(checkout, origin=redact(url))
