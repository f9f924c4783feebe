"""A verified patch as suggestion blocks: all of its changes, or none, since half a fix is none.

A suggestion replaces lines that the pull request's diff shows. What only adds lines takes the line above along.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from unidiff.patch import Hunk, PatchedFile

from tools.patches import PatchInvalid, inside, parse
from workflows.github.publish.fixes import forbidden_paths
from workflows.github.publish.matter import Matter, Review
from workflows.github.publish.standing import Standing
from workflows.github.values import ChangedFile, Suggestion
from workflows.report.markdown import prose
from workflows.text import clean

MOST = 10
_MOST_LINES = 60
_HUNK = re.compile(r"^@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@", re.MULTILINE)
_TICKS = re.compile(r"`+")


@dataclass(frozen=True)
class Block:
    """Lines [start, end] of the head become these, without their ends."""

    start: int
    end: int
    lines: tuple[str, ...]


def review_of(matter: Matter, one: Standing) -> Review | None:
    """The review of a case; None where a change lies outside the diff, or could not be shown as it is."""
    result = one.result
    if one.word != "fix" or result is None or not result.diff or forbidden_paths(result.diff, matter.wanted):
        return None
    try:
        found = [(path, block) for file in parse(result.diff) for path, block in _blocks(file)]
    except PatchInvalid:
        return None
    shown = {file.path: _ranges(file) for file in matter.changed}
    if not 0 < len(found) <= MOST or not all(_fits(path, block, shown) for path, block in found):
        return None
    verdict = result.report.verdict
    body = f"The verified fix as suggestions; they belong together. {prose(result.report.patch_description)}"
    return Review(
        key=f"{one.case.head_sha}/{verdict.patch if verdict else ''}", sha=one.case.head_sha, body=body[:4000],
        lines=tuple(Suggestion(path=p, start=b.start, end=b.end, body=_body(b)) for p, b in found),
    )  # fmt: skip


def _blocks(file: PatchedFile) -> Iterator[tuple[str, Block]]:
    """The changes of a file. Raises PatchInvalid for what is no change within its lines."""
    path = inside(file.target_file.split("\t")[0])
    if file.is_added_file or file.is_removed_file or file.is_rename or file.is_binary_file:
        raise PatchInvalid("a whole file")
    for hunk in file:
        yield from ((path, block) for block in _of_hunk(hunk))


def _of_hunk(hunk: Hunk) -> Iterator[Block]:
    at = hunk.source_start
    above: str | None = None  # the line before, unchanged
    removed = 0
    added: list[str] = []
    for row in hunk:
        if "No newline" in row.value and row.line_type == "\\":
            raise PatchInvalid("a change of the last line's end")
        if row.is_added:
            added.append(row.value.rstrip("\n"))
        elif row.is_removed:
            removed += 1
        else:
            if removed or added:
                yield _block(at, removed, added, above)
                at, removed, added = at + removed, 0, []
            above, at = row.value.rstrip("\n"), at + 1
    if removed or added:
        yield _block(at, removed, added, above)


def _block(at: int, removed: int, added: list[str], above: str | None) -> Block:
    if removed:
        return Block(at, at + removed - 1, tuple(added))
    if above is None:
        raise PatchInvalid("lines before the first one")
    return Block(at - 1, at - 1, (above, *added))


def _ranges(file: ChangedFile) -> tuple[tuple[int, int], ...]:
    """The lines of the head that the pull request's diff shows."""
    found = []
    for match in _HUNK.finditer(file.patch):
        start, length = int(match[1]), int(match[2] or 1)
        if length:
            found.append((start, start + length - 1))
    return tuple(found)


def _fits(path: str, block: Block, shown: dict[str, tuple[tuple[int, int], ...]]) -> bool:
    inside_one = any(start <= block.start and block.end <= end for start, end in shown.get(path, ()))
    text = "\n".join(block.lines)
    return inside_one and clean(text) == text and block.end - block.start < _MOST_LINES and len(text) < 20_000


def _body(block: Block) -> str:
    ticks = "`" * max(3, 1 + max((len(run) for line in block.lines for run in _TICKS.findall(line)), default=0))
    lines = "".join(f"{line}\n" for line in block.lines)
    return f"{ticks}suggestion\n{lines}{ticks}"
