"""Directories of this machine, made fit for a container's user: the sides of an overlay.

Inside, commands run as one user without capabilities, who must own the files to change their copies. Where the caller
is not root that user is the caller. Where the caller is root, it is an ordinary user, and each layer with files of
others is copied once, as long as nothing in it changes.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sandbox import copies, places
from sandbox.bubblewrap_args import UID, distinct
from sandbox.docker.specification import Overlay
from sandbox.protocol import SandboxError, SandboxUnavailable, Workspace

KEEP = 16  # copies kept that no sandbox is using
_PAGE = 3600  # bytes of an overlay's options that surely fit into the kernel's page of them
_SAFE = re.compile(r"[\w./+=@-]+")


@dataclass(frozen=True, slots=True)
class User:
    """Who commands run as."""

    uid: int
    gid: int

    def __str__(self) -> str:
        return f"{self.uid}:{self.gid}"


def user() -> User:
    """The caller, unless that is root."""
    return User(os.geteuid(), os.getegid()) if os.geteuid() else User(UID, UID)


@dataclass(slots=True)
class Copy:
    """A directory that stands for others. users: sandboxes over it."""

    path: Path
    users: int = 0


@dataclass(frozen=True, slots=True)
class Lower:
    """Directories for the lower side, the first on top, in the state that `stamp` tells; keys: of the copies in use."""

    directories: tuple[Path, ...]
    stamp: str
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Site:
    """One sandbox's directories. scratch: removed with it; written: where its writes go; lower: to be given back."""

    overlay: Overlay
    scratch: tuple[Path, ...]
    written: Path
    lower: Lower


@dataclass(slots=True)
class Ground:
    """Copies of layers, shared by the sandboxes of one provider. Its methods block."""

    owner: User
    _copies: dict[str, Copy] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def lower(self, layers: Sequence[Path]) -> Lower:
        """The layers as the user may have them. Raises SandboxError."""
        found, stamps, keys = [], [], []
        with self._lock:
            for layer in distinct(layers):
                stamp, foreign = survey(layer, self.owner)
                stamps.append(f"{layer}:{stamp}")
                if foreign:
                    keys.append(f"{layer}:{stamp}")
                    found.append(self._copy(keys[-1], [layer]))
                else:
                    found.append(layer)
            if sum(len(str(places.home())) + 64 for _ in found) > _PAGE:
                keys.append("\0".join(stamps))
                found = [self._copy(keys[-1], found)]
            for key in keys:
                self._copies[key].users += 1
        stamp = hashlib.sha256("\0".join(stamps).encode("utf-8", "surrogateescape")).hexdigest()
        return Lower(tuple(found), stamp, tuple(keys))

    def release(self, lower: Lower) -> None:
        """A sandbox over it has ended."""
        with self._lock:
            for key in lower.keys:
                if key in self._copies:
                    self._copies[key].users -= 1
            unused = [key for key, copy in self._copies.items() if copy.users <= 0]
            for key in unused[:-KEEP]:
                places.remove(self._copies.pop(key).path)

    def close(self) -> None:
        """Remove all copies."""
        with self._lock:
            for copy in self._copies.values():
                places.remove(copy.path)
            self._copies.clear()

    def _copy(self, key: str, layers: Sequence[Path]) -> Path:
        if key not in self._copies:
            target = places.fresh()
            try:
                self._fill(target, layers)
            except BaseException:
                places.remove(target)
                raise
            self._copies[key] = Copy(target)
        copy = self._copies.pop(key)
        self._copies[key] = copy  # used last, removed last
        return copy.path / "tree"

    def _fill(self, target: Path, layers: Sequence[Path]) -> None:
        tree = target / "tree"
        tree.mkdir()
        try:
            if len(layers) == 1:
                _run("cp", "-a", "--reflink=auto", "--", f"{layers[0]}/.", str(tree))
            else:
                copies.lay(layers, tree)
        except OSError as error:
            raise SandboxError(f"a layer cannot be copied: {error}") from error
        if os.geteuid() == 0:
            _run("chown", "-R", "-h", "--", str(self.owner), str(tree))

    def site(self, workspace: Workspace, lower: Lower) -> Site:
        """The directories of one sandbox over `lower`, under names that an overlay can take."""
        scratch = places.fresh()
        if not _SAFE.fullmatch(str(scratch)):
            places.remove(scratch)
            raise SandboxUnavailable(f"the directory for temporary files has an odd name: {scratch}; set TMPDIR")
        made = [scratch]
        try:
            (scratch / "l").mkdir()
            (scratch / "none").mkdir()
            layers = lower.directories or (scratch / "none",)
            links = [_link(scratch / "l" / str(at), layer) for at, layer in enumerate(layers)]
            written = self._upper(scratch, workspace.upper, made)
        except BaseException:
            for directory in made:
                places.remove(directory)
            raise
        return Site(Overlay(tuple(links), scratch / "up", scratch / "work"), tuple(made), written, lower)

    def _upper(self, scratch: Path, upper: Path | None, made: list[Path]) -> Path:
        """Set up scratch/up and scratch/work; returns where writes go."""
        if upper is None:
            (scratch / "work").mkdir()
            (scratch / "up").mkdir(mode=0o755)
            self.give(scratch / "up")
            return scratch / "up"
        upper = upper.resolve()
        places.reap(upper.parent)
        made.append(places.fresh(upper.parent))  # an overlay wants its two directories on the same file system
        self.give(upper)
        _link(scratch / "up", upper)
        _link(scratch / "work", made[-1])
        return upper

    def give(self, top: Path) -> None:
        """Make a tree of ours the user's own."""
        if os.geteuid() != 0:
            return
        for path in (str(top), *_walk(top)):
            facts = os.lstat(path)
            if (facts.st_uid, facts.st_gid) != (self.owner.uid, self.owner.gid):
                os.chown(path, self.owner.uid, self.owner.gid, follow_symlinks=False)


def clear(directories: Iterable[Path]) -> list[Path]:
    """Remove directories of sandboxes whose containers are gone.

    Returns those that the engine must remove: the overlay's own work in them belongs to its root.
    """
    left = []
    for directory in directories:
        try:
            places.remove(directory)
        except PermissionError:
            left.append(directory)
    return left


def survey(top: Path, owner: User) -> tuple[str, bool]:
    """What tells whether anything below has changed, and whether anything belongs to another than `owner`."""
    state, foreign = hashlib.blake2b(digest_size=16), False
    for path in (str(top), *_walk(top)):
        facts = os.lstat(path)
        foreign = foreign or facts.st_uid != owner.uid
        state.update(
            f"{path}\0{facts.st_mode}\0{facts.st_size}\0{facts.st_mtime_ns}\0{facts.st_ctime_ns}\0{facts.st_ino}\n".encode(
                "utf-8", "surrogateescape"
            )
        )
    return state.hexdigest(), foreign


def _walk(top: Path) -> Iterator[str]:
    """Everything below, links not followed, in an order that stays. Raises SandboxError for what cannot be listed."""
    pending = [str(top)]
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            raise SandboxError(f"a layer that cannot be read: {error}") from error
        for entry in found:
            yield entry.path
            if entry.is_dir(follow_symlinks=False):
                pending.append(entry.path)


def _link(name: Path, target: Path) -> Path:
    name.symlink_to(target)
    return name


def _run(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        raise SandboxError(f"{argv[0]} failed: {done.stderr.strip()[:500]}")
