"""Candidates that undo parts of a commit in today's files: runs of changed lines, single lines of them, whole hunks and
files. What a commit broke is often mended by taking back one hunk of it.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from unidiff.patch import Hunk, PatchedFile

from tools.patches import PatchInvalid, inside, parse
from tools.values import Candidate, Edit

PRIOR = 0.45
TEMPLATE = "revert-hunk"
_MOST = 120
_MOST_LINES = 8  # changed lines that are taken back one by one
_CONTEXT = 3


@dataclass(frozen=True, slots=True)
class _Run:
    """Consecutive changed lines. [start, stop): lines of today's file, from 0; old: what was there before."""

    start: int
    stop: int
    old: tuple[str, ...]


def reverts(sources: Mapping[str, str], diff: str) -> Iterator[Candidate]:
    """Candidates from a unified diff, small parts first; parts that today's files do not hold any more are left out.

    At most 120, each of them valid Python. A diff that cannot be read gives none.
    """
    try:
        files = [(inside(file.path), file) for file in parse(diff) if not file.is_binary_file]
    except PatchInvalid:
        return
    seen: set[str] = set()
    for candidate in _all([(path, file) for path, file in files if path in sources], sources):
        if candidate.id not in seen:
            seen.add(candidate.id)
            yield candidate
        if len(seen) >= _MOST:
            return


def _all(files: Sequence[tuple[str, PatchedFile]], sources: Mapping[str, str]) -> Iterator[Candidate]:
    texts = {path: _Lines(path, sources[path]) for path, _ in files}
    hunks = [(texts[path], runs) for path, file in files for hunk in file if (runs := texts[path].runs(hunk))]
    for text, runs in hunks:
        for run in runs:
            yield from text.candidate([run], PRIOR)
    for text, runs in hunks:
        if len(runs) > 1:
            yield from text.candidate(runs, 0.8 * PRIOR)
        for run in runs:
            for line in text.single_lines(run):
                yield from text.candidate([line], 0.6 * PRIOR)
    for path, _ in files:
        everything = [run for text, runs in hunks if text.path == path for run in runs]
        yield from texts[path].candidate(everything, 0.5 * PRIOR)


class _Lines:
    """One of today's files by lines."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self._text = text
        self._kept = text.splitlines(keepends=True)
        self._bare = [line.rstrip("\r\n") for line in self._kept]
        self._offsets = [0]
        for line in self._kept:
            self._offsets.append(self._offsets[-1] + len(line))
        self._newline = "\r\n" if "\r\n" in text[:10_000] else "\n"

    def runs(self, hunk: Hunk) -> list[_Run]:
        """The runs of a hunk that are found in this file, in order."""
        found = []
        new = [line.value.rstrip("\r\n") for line in hunk if not line.is_removed]
        for first, last, old in _changes(hunk):
            place = self._place(new, first, last, hunk.target_start - 1)
            if place is not None:
                found.append(_Run(place, place + last - first, tuple(old)))
        return found

    def _place(self, new: list[str], first: int, last: int, offset: int) -> int | None:
        """Where new[first:last] with its neighbours stands now, nearest to where the commit had put it."""
        for context in (_CONTEXT, 1):
            low, high = max(0, first - context), min(len(new), last + context)
            wanted = new[low:high]
            if not wanted:
                continue
            starts = [
                at for at in range(len(self._bare) - len(wanted) + 1) if self._bare[at : at + len(wanted)] == wanted
            ]
            if starts:
                return min(starts, key=lambda at: abs(at - offset - low)) + first - low
        return None

    def single_lines(self, run: _Run) -> Iterator[_Run]:
        """A run whose lines changed one for one, line by line."""
        count = run.stop - run.start
        if count == len(run.old) and 1 < count <= _MOST_LINES:
            for index, line in enumerate(run.old):
                yield _Run(run.start + index, run.start + index + 1, (line,))

    def candidate(self, runs: Sequence[_Run], score: float) -> Iterator[Candidate]:
        """The runs taken back together, where that gives valid code that differs; else nothing."""
        edits = tuple(edit for run in runs if (edit := self._edit(run)) is not None)
        if not edits or not _parses(self._with(edits)):
            return
        name = "\0".join(f"{e.file}\0{e.start}\0{e.end}\0{e.text}" for e in edits)
        line = runs[0].start + 1
        what = "lines" if sum(max(1, len(run.old)) for run in runs) > 1 else "line"
        yield Candidate(
            id=hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16],
            edits=edits,
            template=TEMPLATE,
            line=line,
            description=f"line {line}: take the {what} back that the culprit commit changed",
            prior=PRIOR,
            score=score,
        )

    def _edit(self, run: _Run) -> Edit | None:
        start, end = self._offsets[run.start], self._offsets[run.stop]
        text = "".join(line + self._newline for line in run.old)
        if self._text[start:end] == text:
            return None
        return Edit(file=self.path, start=start, end=end, text=text)

    def _with(self, edits: Sequence[Edit]) -> str:
        parts, position = [], 0
        for edit in edits:
            parts += [self._text[position : edit.start], edit.text]
            position = edit.end
        return "".join([*parts, self._text[position:]])


def _changes(hunk: Hunk) -> Iterator[tuple[int, int, list[str]]]:
    """Runs of changed lines as (first, last) among the hunk's lines afterwards, with the lines before."""
    position, first, old, changed = 0, 0, list[str](), False
    for line in hunk:
        if line.is_context:
            if changed:
                yield first, position, old
            position += 1
            first, old, changed = position, [], False
        elif line.is_added:
            position += 1
            changed = True
        elif line.is_removed:
            old.append(line.value.rstrip("\r\n"))
            changed = True
    if changed:
        yield first, position, old


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
