"""A checkout as an archive to send: the files as they are, changed and new ones too, and what git needs of `.git`.

Of `.git` go objects, refs and the index, never its configuration or hooks: there credentials may stand. Ignored files
stay here, and links that lead out of the tree.
"""

from __future__ import annotations

import os
import re
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from sandbox.git import ENV, HARDENING, GitFailed, configured, git_program

_LISTING_S = 120
_GIT_PARTS = ("HEAD", "packed-refs", "shallow", "index", "info/exclude", "refs", "objects")
_UNFIT = re.compile(r"[\x00-\x1f\x7f\\]")
_CONFIG = "[core]\n\trepositoryformatversion = {version}\n\tbare = false\n"
_SHA256 = "[extensions]\n\tobjectFormat = sha256\n"


@dataclass
class Packed:
    """What was packed. subdirectory: of the tree that was meant; notes: what was left out, for the user."""

    subdirectory: str = ""
    files: int = 0
    notes: list[str] = field(default_factory=list)


def pack(source: Path, out: BinaryIO) -> Packed:
    """Write a tar.gz of the checkout that `source` is in. Raises OSError."""
    top = next((folder for folder in (source, *source.parents) if (folder / ".git").exists()), source)
    packed = Packed("" if top == source else source.relative_to(top).as_posix())
    git = top / ".git"
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as tar:
        names = _listed(top) if git.is_dir() else None
        for name in _walked(top) if names is None else names:
            _add(tar, top, name, packed)
        if git.is_dir() and not (git / "reftable").exists() and not (git / "objects" / "info" / "alternates").exists():
            _add_git(tar, git, packed)
        elif git.exists():
            packed.notes.append("the history is not sent: it does not lie in this directory alone")
    return packed


def _listed(top: Path) -> Iterator[str] | None:
    """Tracked files and new ones that are not ignored; None when git cannot say."""
    env = {**os.environ, **ENV, **configured(HARDENING), "GIT_DIR": str(top / ".git"), "GIT_WORK_TREE": str(top)}
    try:
        done = subprocess.run(
            [git_program(), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=top, env=env, capture_output=True, timeout=_LISTING_S, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError, GitFailed):
        return None
    return (os.fsdecode(name) for name in dict.fromkeys(done.stdout.split(b"\0")) if name)


def _walked(top: Path) -> Iterator[str]:
    for folder, directories, files in os.walk(top):
        directories[:] = sorted(name for name in directories if name != ".git")
        below = Path(folder).relative_to(top)
        links = [name for name in directories if (Path(folder) / name).is_symlink()]
        yield from (str(below / name) for name in sorted(files + links) if str(below / name) != ".git")


def _add(tar: tarfile.TarFile, top: Path, name: str, packed: Packed) -> None:
    path = top / name
    if not path.is_symlink() and not path.is_file():
        return  # deleted, a submodule, a socket
    if _UNFIT.search(name) or (path.is_symlink() and not _stays(path, top)):
        packed.notes.append(f"{name!r} is not sent: its name or where it leads is not taken")
        return
    _write(tar, path, name, packed)


def _stays(path: Path, top: Path) -> bool:
    target = path.readlink()
    led = os.path.normpath(os.path.join(path.parent, target))  # noqa: PTH118 - by its words, as the service reads it
    inside = led == str(top) or led.startswith(f"{top}{os.sep}")
    return not target.is_absolute() and inside and Path(os.path.realpath(path)).is_relative_to(os.path.realpath(top))


def _add_git(tar: tarfile.TarFile, git: Path, packed: Packed) -> None:
    """The history, with a configuration of ours."""
    for part in _GIT_PARTS:
        path = git / part
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file() and not file.is_symlink() and file.suffix != ".lock":
                _write(tar, file, f".git/{file.relative_to(git).as_posix()}", packed)
    for shared in git.glob("sharedindex.*"):
        _write(tar, shared, f".git/{shared.name}", packed)
    for folder in ("refs/heads", "objects/pack"):
        made = tarfile.TarInfo(f".git/{folder}")
        made.type, made.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(made)
    text = (git / "config").read_text(encoding="utf-8", errors="replace") if (git / "config").is_file() else ""
    sha256 = bool(re.search(r"objectformat\s*=\s*sha256", text, re.IGNORECASE))
    config = (_CONFIG.format(version=1 if sha256 else 0) + (_SHA256 if sha256 else "")).encode()
    info = tarfile.TarInfo(".git/config")
    info.size = len(config)
    tar.addfile(info, BytesIO(config))


def _write(tar: tarfile.TarFile, path: Path, name: str, packed: Packed) -> None:
    try:
        info = tar.gettarinfo(path, arcname=name)
        info.uid = info.gid = 0
        info.uname = info.gname = ""
        info.mode &= 0o777
        if info.isreg():
            with path.open("rb") as file:
                tar.addfile(info, file)
        else:
            tar.addfile(info)
    except FileNotFoundError:
        return  # it was there a moment ago
    except PermissionError:
        packed.notes.append(f"{name!r} is not sent: it cannot be read")
        return
    packed.files += 1
