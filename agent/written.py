"""A test that a model wrote: laid into a base tree once it is kept, and as a diff while it is tried."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tools.patches import FileChange, PatchInvalid, diff_of, inside


def as_diff(path: str, text: str) -> str:
    """The diff that adds the test."""
    return diff_of((FileChange(path=path, old=None, new=text),))


def text_of(diff: str) -> str:
    """The text of the one new file of a diff that `diff_of` wrote."""
    _, _, body = diff.partition("\n@@")
    return "".join(f"{line[1:]}\n" for line in body.split("\n")[1:] if line.startswith("+"))


def lay(base: Path, path: str, text: str) -> None:
    """Put the test into a tree, at once or not at all; laying it again changes nothing.

    Raises PatchInvalid where another file has its name, or a link is on the way to it.
    """
    target, data = base / inside(f"b/{path}"), text.encode("utf-8", "surrogateescape")
    for part in (target, *target.parents):
        if part == base:
            break
        if part.is_symlink() or (part != target and part.exists() and not part.is_dir()):
            raise PatchInvalid(f"{path}: goes through a link or a file")
    if target.exists():
        if target.is_file() and target.read_bytes() == data:
            return
        raise PatchInvalid(f"{path}: the repository has such a file already")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=base.parent, prefix="written-", delete=False) as part_file:
        part_file.write(data)
    fresh = Path(part_file.name)
    fresh.chmod(0o644)
    fresh.replace(target)
