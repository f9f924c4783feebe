"""What the report's pages draw, computed from a `Report`: diff rows, the test matrix, the timeline."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agent.domain import Cited, Explanation, Report, TestHistory
from workflows.text import brief

MOST_ROWS = 5000
_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")


@dataclass(frozen=True)
class DiffRow:
    """A line of a diff; kind: "file", "hunk", "add", "del" or "same"; old and new: its line numbers."""

    kind: str
    text: str
    old: int | None = None
    new: int | None = None


def diff_rows(diff: str) -> list[DiffRow]:
    """The lines of a diff with numbers, at most 5,000, in display form."""
    lines = diff.rstrip("\n").split("\n")
    rows = list(_numbered(lines[:MOST_ROWS]))
    if len(lines) > MOST_ROWS:
        rows.append(DiffRow("hunk", f"… {len(lines) - MOST_ROWS} more lines in patch.diff"))
    return rows


def _numbered(lines: list[str]) -> Iterator[DiffRow]:
    old = new = 0
    inside = False
    for raw in lines:
        text = brief(raw, 2000)
        if start := _HUNK.match(raw):
            old, new, inside = int(start[1]), int(start[2]), True
            yield DiffRow("hunk", text)
        elif raw.startswith("diff --git ") or not inside:
            inside = False
            yield DiffRow("file", text)
        elif raw.startswith("+"):
            yield DiffRow("add", text, new=new)
            new += 1
        elif raw.startswith("-"):
            yield DiffRow("del", text, old=old)
            old += 1
        elif raw.startswith("\\"):
            yield DiffRow("same", text)
        else:
            yield DiffRow("same", text, old, new)
            old, new = old + 1, new + 1


@dataclass(frozen=True)
class Cell:
    """One run of a test. good: whether it passed."""

    outcome: str
    seed: int | None
    good: bool


@dataclass(frozen=True)
class MatrixRow:
    """A decisive test with its runs on the base and, where a patch was verified, with it."""

    test: str
    before: tuple[Cell, ...]
    after: tuple[Cell, ...]
    before_class: str
    after_class: str


def matrix(report: Report) -> list[MatrixRow]:
    """Decisive tests of the verified patch; without one, the failing tests as they were reproduced."""
    if report.verdict is None:
        return [_row(history, None) for history in report.failing_tests]
    after = {history.id: history for history in report.verdict.after}
    return [_row(history, after.get(history.id)) for history in report.verdict.before]


def _row(before: TestHistory, after: TestHistory | None) -> MatrixRow:
    return MatrixRow(
        before.id, _cells(before), _cells(after) if after else (), before.stability, after.stability if after else ""
    )


def _cells(history: TestHistory) -> tuple[Cell, ...]:
    seeds = [*history.seeds, *[None] * len(history.outcomes)]
    return tuple(Cell(o, seed, o == "passed") for o, seed in zip(history.outcomes, seeds, strict=False))


def explained(report: Report) -> list[tuple[str, tuple[Cited, ...]]]:
    """The parts of a model's explanation by their headings."""
    words = report.explanation or Explanation()
    return [("Cause", words.cause), ("Why it works", words.fix), ("Risk", words.risk)]


@dataclass(frozen=True)
class Bar:
    """A node on the timeline; start and width in percent of the whole."""

    node: str
    seconds: float
    start: float
    width: float


def timeline(report: Report) -> list[Bar]:
    """Nodes in the order they were first entered, each after the other."""
    whole = sum(report.cost.nodes.values()) or 1.0
    bars, start = [], 0.0
    for node, seconds in report.cost.nodes.items():
        share = 100 * seconds / whole
        bars.append(Bar(node, seconds, round(start, 2), round(max(share, 0.4), 2)))
        start += share
    return bars
