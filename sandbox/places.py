"""The directory for what sandboxes need on the host's disk, and its cleaning.

One directory per user in the temporary directory, closed to others. In it: our own few files for a sandbox's /etc, and
directories of single sandboxes under names of sandbox.owners, removed with the sandbox or by the next `reap`.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sandbox.bubblewrap_args import HOME, HOSTNAME, UID
from sandbox.owners import abandoned, owner
from sandbox.protocol import SandboxUnavailable

_numbers = itertools.count()

_ETC = {
    "passwd": (
        f"root:x:0:0:root:/root:/bin/sh\npatchwright:x:{UID}:{UID}:Patchwright:{HOME}:/bin/sh\n"
        "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    ),
    "group": f"root:x:0:\npatchwright:x:{UID}:\nnogroup:x:65534:\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\nprotocols: files\n",  # noqa: E501
    "hosts": f"127.0.0.1 localhost\n::1 localhost ip6-localhost\n127.0.1.1 {HOSTNAME}\n",
}


def home() -> Path:
    """The directory itself, made when it is missing; raises SandboxUnavailable when it is not ours alone."""
    path = Path(tempfile.gettempdir()).resolve() / f"patchwright-{os.geteuid()}"
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        facts = path.lstat()
    except OSError as error:
        raise SandboxUnavailable(f"no directory for temporary files: {error}; set TMPDIR to one that works") from error
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid() or facts.st_mode & 0o022:
        raise SandboxUnavailable(f"{path} belongs to somebody else or is open to others: remove it, or set TMPDIR")
    return path


def etc() -> Path:
    """The directory with our own files for /etc."""
    path = home() / "etc"
    path.mkdir(mode=0o755, exist_ok=True)
    for name, text in _ETC.items():
        target = path / name
        if not target.is_file() or target.read_text() != text:
            fresh = path / f"{name}.{os.getpid()}"
            fresh.write_text(text)
            fresh.replace(target)
    return path


def fresh(parent: Path | None = None) -> Path:
    """A new empty directory of this process, in `parent` (default: our own directory)."""
    path = (parent or home()) / f"{owner()}-{next(_numbers)}"
    path.mkdir(mode=0o700)
    return path


def remove(path: Path) -> None:
    """Remove a tree in which a sandbox may have left directories without any permission."""

    def unlock(_: Callable[..., Any], name: str, __: object) -> None:
        for directory in (Path(name).parent, Path(name)):
            if not directory.is_symlink() and directory.is_dir():
                directory.chmod(0o700)
        place = Path(name)
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place, ignore_errors=True)
        else:
            place.unlink(missing_ok=True)

    if path.exists():
        shutil.rmtree(path, onerror=unlock)


def reap(parent: Path | None = None) -> int:
    """Remove directories whose makers are dead; the number removed. What root has left in one stays."""
    removed = 0
    for path in stale(parent):
        with contextlib.suppress(PermissionError):
            remove(path)
            removed += 1
    return removed


def stale(parent: Path | None = None) -> list[Path]:
    """Directories whose makers are dead."""
    return [path for path in (parent or home()).glob("patchwright-*") if abandoned(path.name)]
