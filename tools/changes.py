"""Recent change as a signal: which lines of the base were touched since a good revision, or by the newest commits."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence

from tools.history import MAX_PATHS, Commit, History
from tools.tool import ToolError

WALL_S = 20.0
NEWEST = 10
ADDED, BESIDE_DELETION = 1.0, 0.6
_HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)")
_LETTERS = {b"a": b"\a", b"b": b"\b", b"t": b"\t", b"n": b"\n", b"v": b"\v", b"f": b"\f", b"r": b"\r"}

Lines = dict[str, dict[int, float]]


async def changed_lines(
    history: History, rev: str, good: str | None, files: Sequence[str], *, wall_s: float = WALL_S
) -> Lines:
    """File -> line of `rev` -> weight in (0, 1]; at most MAX_PATHS files, at most `wall_s` seconds in all.

    With a good revision: lines added or modified since (1.0), lines around a deletion (0.6). Without: lines of the
    newest commits that touch the files, 1 / (1 + rank). A root commit changes nothing: everything is new in it. What is
    not known when the time is up is left out. Raises ToolError for an unknown revision.
    """
    wanted = [file for file in dict.fromkeys(files) if _possible(file)][:MAX_PATHS]
    start = await history.resolve(rev)
    first = await history.resolve(good) if good else None
    lines: Lines = {}
    try:
        async with asyncio.timeout(wall_s) as limit:
            if first:
                lines.update(_weights(await history.hunks(first, start, wanted), set(wanted)))
            elif wanted:
                await _recent(history, start, wanted, lines)
    except TimeoutError:
        if not limit.expired():
            raise
    return lines


def _possible(file: str) -> bool:
    return 0 < len(file) < 1000 and "\0" not in file and not file.startswith("/")


def _weights(diff: bytes, wanted: set[str]) -> Lines:
    """Weights out of a diff without context. Lines of hunks are counted: content that looks like a header is none."""
    lines: Lines = {}
    file, inside = "", 0
    for row in diff.split(b"\n"):
        if inside > 0 and row[:1] in (b"+", b"-"):
            inside -= 1
        elif row.startswith(b"+++ "):
            file = _name(row[4:])
        elif (hunk := _HUNK.match(row)) and file in wanted:
            removed, start, added = int(hunk[1] or 1), int(hunk[2]), int(hunk[3] or 1)
            inside = removed + added
            weight, rows = (ADDED, range(start, start + added)) if added else (BESIDE_DELETION, range(start, start + 2))
            known = lines.setdefault(file, {})
            known.update({line: max(weight, known.get(line, 0.0)) for line in rows if line > 0})
        elif hunk:
            inside = int(hunk[1] or 1) + int(hunk[3] or 1)
    return lines


def _name(shown: bytes) -> str:
    """The path after `+++ `: no prefix, unquoted when git quoted it, without the tab that ends one with blanks."""
    path = shown.partition(b"\t")[0]
    if path.startswith(b'"'):
        path = _ESCAPE.sub(_unescaped, path[1:-1])
    return path.removeprefix(b"b/").decode(errors="replace")


def _unescaped(match: re.Match[bytes]) -> bytes:
    code = match[1]
    return bytes([int(code, 8) & 0xFF]) if len(code) == 3 else _LETTERS.get(code, code)


async def _recent(history: History, rev: str, files: Sequence[str], lines: Lines) -> None:
    newest = [commit for commit in await history.log(rev, NEWEST, files) if commit.parents]
    if not newest:
        return
    ranks = {commit.commit: 1 / (1 + rank) for rank, commit in enumerate(newest)}
    since = min(commit.time for commit in newest)
    for file in await _touched(history, newest, files):
        weights = await _blame(history, rev, file, since, ranks)
        if weights:
            lines[file] = weights


async def _touched(history: History, newest: Sequence[Commit], files: Sequence[str]) -> list[str]:
    """Files that the newest commits changed, those of the newest first."""
    found = [await history.touched(commit, files) for commit in newest]
    return list(dict.fromkeys(file for names in found for file in names))


async def _blame(history: History, rev: str, file: str, since: int, ranks: Mapping[str, float]) -> dict[int, float]:
    try:
        blamed = await history.blame(rev, file, since=since)
    except ToolError:
        return {}  # deleted since, or too large to blame in time: no signal from this file
    return {line: ranks[source.commit] for line, source in blamed.items() if source.commit in ranks}
