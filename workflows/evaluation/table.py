"""Results as people read them: a row for each task, the shares of verdicts, and the difference between two runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from statistics import median

from rich.table import Table
from rich.text import Text

from workflows.evaluation.results import Row, Verdict
from workflows.evaluation.statistics import Estimate, bootstrap, mcnemar, wilson
from workflows.text import line

NAMES: dict[Verdict, str] = {
    "resolved": "resolved", "wrong": "verified but wrong", "verified": "verified, not judged",
    "inconclusive": "inconclusive", "failed": "could not be run",
}  # fmt: skip


def table_of(rows: Sequence[Row]) -> Table:
    """A row for each task."""
    table = Table(box=None, pad_edge=False)
    for name in ("TASK", "RESULT", "OUTCOME", "TOKENS", "SECONDS", "STEPS"):
        table.add_column(name, justify="right" if name in ("TOKENS", "SECONDS", "STEPS") else "left", overflow="fold")
    for row in rows:
        told = line(row.problem, 120) if row.verdict == "failed" else row.outcome
        figures = (f"{row.tokens:,}", f"{row.seconds:.1f}", str(row.steps))
        table.add_row(Text(line(row.instance_id, 200)), NAMES[row.verdict], Text(told), *figures)
    return table


def summary_of(rows: Sequence[Row]) -> tuple[str, ...]:
    """Each verdict's share with its interval; the middle of what tasks cost."""
    counts = Counter(row.verdict for row in rows)
    lines = [f"{len(rows)} tasks; shares with 95 % intervals by Wilson's score"]
    lines += [
        f"  {name:<22} {counts[verdict]:4}  {_percent(wilson(counts[verdict], len(rows)))}"
        for verdict, name in NAMES.items()
        if counts[verdict] or verdict in ("resolved", "wrong", "inconclusive")
    ]
    if rows:
        tokens, seconds, steps = (
            median(of) for of in zip(*((r.tokens, r.seconds, r.steps) for r in rows), strict=True)
        )
        lines.append(f"  median of a task: {tokens:,.0f} tokens, {seconds:.1f} s, {steps:g} steps")
    return tuple(lines)


def compared(first: Sequence[Row], second: Sequence[Row], names: tuple[str, str]) -> tuple[str, ...]:
    """How two runs differ on the tasks of both."""
    others = {row.instance_id: row for row in second}
    pairs = [(row, others[row.instance_id]) for row in first if row.instance_id in others]
    alone = len(first) + len(second) - 2 * len(pairs)
    lines = [f"A is {names[0]}, B is {names[1]}: {len(pairs)} tasks of both" + (f", {alone} of one" if alone else "")]
    if not pairs:
        return (*lines, "there is nothing to compare")
    for name, rows in (("A", [a for a, _ in pairs]), ("B", [b for _, b in pairs])):
        good = sum(row.verdict == "resolved" for row in rows)
        lines.append(f"  {name} resolved {good} of {len(rows)}: {_percent(wilson(good, len(rows)))} (Wilson)")
    gained, lost = (
        sum(_solved(one) < _solved(two) for one, two in pairs), sum(_solved(one) > _solved(two) for one, two in pairs),
    )  # fmt: skip
    change = bootstrap([_solved(b) - _solved(a) for a, b in pairs])
    lines.append(
        f"  B - A: {100 * change.value:+.1f} points, 95 % interval {100 * change.low:+.1f} to {100 * change.high:+.1f} "
        "(paired bootstrap)"
    )
    lines.append(f"  only B {gained}, only A {lost}: p = {mcnemar(lost, gained):.3f} (McNemar, exact)")
    wrong = bootstrap([float(b.verdict == "wrong") - float(a.verdict == "wrong") for a, b in pairs])
    lines.append(f"  verified but wrong, B - A: {_span(wrong, 100, 'points')}")
    costs: tuple[tuple[str, Callable[[Row], float]], ...] = (
        ("tokens", lambda row: float(row.tokens)), ("seconds", lambda row: row.seconds),
        ("steps", lambda row: float(row.steps)),
    )  # fmt: skip
    lines += [
        f"  {what} of a task, B - A: {_span(bootstrap([of(b) - of(a) for a, b in pairs]), 1, '')}" for what, of in costs
    ]
    return tuple(lines)


def _solved(row: Row) -> float:
    return float(row.verdict == "resolved")


def _percent(share: Estimate) -> str:
    return f"{100 * share.value:5.1f} % ({100 * share.low:.1f} to {100 * share.high:.1f})"


def _span(change: Estimate, scale: float, unit: str) -> str:
    bounds = f"{scale * change.low:+,.1f} to {scale * change.high:+,.1f}"
    return f"{scale * change.value:+,.1f} {unit}".rstrip() + f" ({bounds}, paired bootstrap)"
