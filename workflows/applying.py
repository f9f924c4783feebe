"""Writing a verified patch into the user's checkout: all of it or nothing, and only where no file was changed since."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.patches import FileChange, apply
from workflows.exits import Refused


def apply_patch(diff: str, *, base: Path, checkout: Path, patch: Path) -> tuple[Path, ...]:
    """Change the files of `checkout` as `diff` changes those of `base` (what was diagnosed); returns what was written.

    `checkout` may be a directory inside the repository: the patch belongs to the nearest directory at or above it whose
    files are those of the base. Raises Refused, naming the first file that differs and where the `patch` lies.
    """
    changes = apply(diff, base)
    root, reason = _root(changes, checkout)
    if root is None:
        raise Refused(f"not applied: {reason}; the patch is {patch}")
    return _write(root, changes)


def _root(changes: Sequence[FileChange], checkout: Path) -> tuple[Path | None, str]:
    first = ""
    for root in _roots(checkout):
        reason = next(filter(None, (_difference(root, change) for change in changes)), "")
        if not reason:
            return root, ""
        first = first or reason
    return None, first


def _roots(checkout: Path) -> Iterator[Path]:
    """The directory itself, then those above it up to the top of its repository."""
    yield checkout
    for folder in (checkout, *checkout.parents):
        if (folder / ".git").exists():
            yield from (parent for parent in checkout.parents if parent == folder or folder in parent.parents)
            return


def _difference(root: Path, change: FileChange) -> str:
    """Why a file of the checkout is not the base's; empty when it is."""
    path = root / change.path
    on_the_way = [path, *path.parents]
    if any(part.is_symlink() for part in on_the_way[: on_the_way.index(root)]):
        return f"{change.path} is reached through a symbolic link"
    if change.old is None:
        return f"{change.path} exists, but not in what was diagnosed" if path.exists() else ""
    if not path.is_file():
        return f"{change.path} is no longer there"
    return "" if path.read_bytes() == _bytes(change.old) else f"{change.path} was changed since it was diagnosed"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _write(root: Path, changes: Sequence[FileChange]) -> tuple[Path, ...]:
    """Prepare every new content beside its file, then rename; undo what was done when a step fails."""
    staged: list[tuple[Path, Path | None]] = []
    try:
        staged.extend((root / change.path, _stage(root / change.path, change.new)) for change in changes)
        _commit(staged, changes)
    finally:
        for _, fresh in staged:
            if fresh is not None:
                fresh.unlink(missing_ok=True)
    return tuple(root / change.path for change in changes)


def _stage(path: Path, text: str | None) -> Path | None:
    if text is None:
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".patchwright-", delete=False) as part:
        part.write(_bytes(text))
        part.flush()
        os.fsync(part.fileno())
    fresh = Path(part.name)
    fresh.chmod(path.stat().st_mode & 0o7777 if path.exists() else 0o666 & ~_umask())
    return fresh


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _commit(staged: Sequence[tuple[Path, Path | None]], changes: Sequence[FileChange]) -> None:
    done: list[FileChange] = []
    try:
        for (path, fresh), change in zip(staged, changes, strict=True):
            if fresh is None:
                path.unlink()
            else:
                fresh.replace(path)
            done.append(change)
    except OSError:
        for (path, _), change in zip(staged, done, strict=False):
            _restore(path, change)
        raise


def _restore(path: Path, change: FileChange) -> None:
    back = _stage(path, change.old)
    if back is None:
        path.unlink(missing_ok=True)
    else:
        back.replace(path)
