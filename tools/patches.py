"""Unified diffs: parsed, checked for paths, applied to a tree without a repository, and written from changed texts.

Applying uses `git apply` on copies of the touched files in a throw-away directory: nothing of the repository (its
configuration, attributes, hooks) takes part.
"""

from __future__ import annotations

import difflib
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from unidiff.errors import UnidiffParseError
from unidiff.patch import PatchSet

from tools.tool import ToolError
from tools.values import Value

MAX_DIFF = 2_000_000
MAX_FILE = 20_000_000
_NO_NEWLINE = "\\ No newline at end of file\n"


class PatchInvalid(ToolError):
    """The diff cannot be parsed, leaves the tree, or does not apply; the message says which part."""


class FileChange(Value):
    """One file before and after: its bytes read as UTF-8 with surrogate escapes. None stands for "does not exist"."""

    path: str
    old: str | None
    new: str | None


Normalized = tuple[tuple[str, tuple[str, ...]], ...]


def normalized(diff: str) -> Normalized:
    """What a diff adds and removes, by file: the same whatever its headers, its context, and in Python its comments,
    empty lines and spaces at ends of lines. Raises PatchInvalid.
    """
    found = []
    for file in parse(diff):
        rows = [str(line).rstrip() for hunk in file for line in hunk if line.is_added or line.is_removed]
        if file.path.endswith((".py", ".pyi")):
            rows = [row for row in rows if row[1:].strip() and not row[1:].lstrip().startswith("#")]
        found.append((file.path, tuple(rows)))
    return tuple(sorted(found))


def parse(diff: str) -> PatchSet:
    """The files and hunks of a unified diff. Raises PatchInvalid."""
    if len(diff) > MAX_DIFF:
        raise PatchInvalid(f"the diff has {len(diff)} characters; at most {MAX_DIFF} are taken")
    try:
        patch = PatchSet(diff)
    except UnidiffParseError as error:
        raise PatchInvalid(f"not a unified diff: {error}") from error
    if not patch:
        raise PatchInvalid("the diff changes nothing")
    return patch


def touched(diff: str) -> tuple[str, ...]:
    """Paths that a diff names, old and new, in its order. Raises PatchInvalid for one that leaves the tree."""
    paths: dict[str, None] = {}
    for file in parse(diff):
        if file.is_binary_file:
            raise PatchInvalid(f"{file.path}: binary changes are not taken")
        for name in (file.source_file, file.target_file):
            if name and name != "/dev/null":
                paths[inside(name.split("\t")[0])] = None
    return tuple(paths)


def touched_lines(diff: str) -> dict[str, tuple[int, ...]]:
    """Old path → lines (from 1) that a diff removes, and the lines around what it only adds. Raises PatchInvalid."""
    found: dict[str, tuple[int, ...]] = {}
    for file in parse(diff):
        lines: dict[int, None] = {}
        for hunk in file:
            at, added = hunk.source_start, False
            for line in hunk:
                if line.is_added:
                    added = added or (at - 1 not in lines)
                    continue
                if added:
                    lines.update(dict.fromkeys((max(1, at - 1), at)))
                if line.is_removed:
                    lines[at] = None
                at, added = at + 1, False
            if added:
                lines[max(1, at - 1)] = None
        found[inside(file.source_file.split("\t")[0])] = tuple(lines)
    return found


def inside(name: str) -> str:
    """The relative path that a diff header names, without its a/ or b/. Raises PatchInvalid when it leaves the tree."""
    path = name[2:] if name[:2] in ("a/", "b/") else name
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or ".git" in parts or "\0" in path:
        raise PatchInvalid(f"{name}: the path leaves the tree")
    return path


def apply(diff: str, base: Path, *, scratch: Path | None = None) -> tuple[FileChange, ...]:
    """What `diff` makes of the files of `base`, which stays as it is. Raises PatchInvalid.

    scratch: where the copies lie meanwhile (default: the system's directory for temporary files).
    """
    paths = touched(diff)
    with tempfile.TemporaryDirectory(prefix="patchwright-apply-", dir=scratch) as folder:
        root = Path(folder)
        before = {path: _copy(base, root, path) for path in paths}
        _git_apply(diff, root)
        after = {path: _text(root / path) for path in paths}
    return tuple(FileChange(path=p, old=before[p], new=after[p]) for p in paths if before[p] != after[p])


def _copy(base: Path, root: Path, path: str) -> str | None:
    for part in [base / path, *(base / path).parents]:
        if part == base:
            break
        if part.is_symlink():
            raise PatchInvalid(f"{path}: goes through a symbolic link")
    text = _text(base / path)
    if text is not None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(text.encode("utf-8", "surrogateescape"))
    return text


def _text(path: Path) -> str | None:
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise PatchInvalid(f"{path.name}: not a regular file")
    if not path.exists():
        return None
    if path.stat().st_size > MAX_FILE:
        raise PatchInvalid(f"{path.name}: larger than {MAX_FILE} bytes")
    return path.read_bytes().decode("utf-8", "surrogateescape")


def _git_apply(diff: str, root: Path) -> None:
    done = subprocess.run(
        ["git", "apply", "--whitespace=nowarn", "-p1", "-"],
        cwd=root,
        input=diff.encode("utf-8", "surrogateescape"),
        capture_output=True,
        timeout=60,
        check=False,
        env={
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "GIT_CEILING_DIRECTORIES": str(root.parent),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "LC_ALL": "C.UTF-8",
        },
    )
    if done.returncode:
        raise PatchInvalid(f"the diff does not apply: {done.stderr.decode(errors='replace').strip()[:500]}")


def diff_of(changes: Iterable[FileChange]) -> str:
    """A git-style unified diff of the changes."""
    return "".join(_diff_file(change) for change in changes if change.old != change.new)


def _diff_file(change: FileChange) -> str:
    old, new = _lines(change.old), _lines(change.new)
    header = f"diff --git a/{change.path} b/{change.path}\n"
    if change.old is None:
        header += "new file mode 100644\n"
    if change.new is None:
        header += "deleted file mode 100644\n"
    source = "/dev/null" if change.old is None else f"a/{change.path}"
    target = "/dev/null" if change.new is None else f"b/{change.path}"
    body = [
        line if line.endswith("\n") else f"{line}\n{_NO_NEWLINE}"
        for line in difflib.unified_diff(old, new, source, target, n=3)
    ]
    return header + "".join(body)


def _lines(text: str | None) -> list[str]:
    """Lines as git counts them: split at the line feed alone."""
    return (
        []
        if not text
        else [line + "\n" for line in text.split("\n")[:-1]] + ([text.split("\n")[-1]] * (text[-1] != "\n"))
    )


def hunks(changes: Iterable[FileChange]) -> tuple[Hunk, ...]:
    """The smallest separate changes of a patch: each can be taken or left on its own."""
    found: list[Hunk] = []
    for change in changes:
        matcher = difflib.SequenceMatcher(None, _lines(change.old), _lines(change.new), autojunk=False)
        found += [
            Hunk(path=change.path, old_start=i1, old_end=i2, new_start=j1, new_end=j2)
            for tag, i1, i2, j1, j2 in matcher.get_opcodes()
            if tag != "equal"
        ]
    return tuple(found)


class Hunk(Value):
    """Lines [old_start, old_end) of the old text become lines [new_start, new_end) of the new one (0-based)."""

    path: str
    old_start: int
    old_end: int
    new_start: int
    new_end: int


def keep(changes: Iterable[FileChange], kept: Iterable[Hunk]) -> tuple[FileChange, ...]:
    """The changes with only the `kept` hunks in them."""
    by_path: Mapping[str, list[Hunk]] = _group(kept)
    result = []
    for change in changes:
        if change.path not in by_path:
            continue
        old, new = _lines(change.old), _lines(change.new)
        merged, position = [], 0
        for hunk in sorted(by_path[change.path], key=lambda h: h.old_start):
            merged += old[position : hunk.old_start] + new[hunk.new_start : hunk.new_end]
            position = hunk.old_end
        text = "".join(merged + old[position:])
        gone = change.new is None and not text
        result.append(FileChange(path=change.path, old=change.old, new=None if gone else text))
    return tuple(result)


def _group(kept: Iterable[Hunk]) -> dict[str, list[Hunk]]:
    groups: dict[str, list[Hunk]] = {}
    for hunk in kept:
        groups.setdefault(hunk.path, []).append(hunk)
    return groups
