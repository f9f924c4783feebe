"""The end of a diagnosis on the terminal: outcome, cause, patch, its proof, what to do next, where all of it lies."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from workflows.text import brief, line

if TYPE_CHECKING:
    from agent.domain import Report

STYLES = {"verified_patch": "bold green", "diagnosed": "bold cyan", "environment_broken": "bold red"}
TITLES = {
    "verified_patch": "VERIFIED PATCH",
    "diagnosed": "DIAGNOSED, no verified patch",
    "inconclusive": "INCONCLUSIVE",
    "not_reproduced": "NOT REPRODUCED",
    "flaky": "FLAKY",
    "already_failing": "ALREADY FAILING at the good revision",
    "environment_broken": "ENVIRONMENT BROKEN",
}
_DIFF = {"+": "green", "-": "red", "@": "cyan"}
MOST_LINES = 200
SUSPECTS = 5
SEEN = 3


def print_summary(console: Console, report: Report, files: Iterable[Path]) -> None:
    """Everything a user needs at a glance; texts from outside are cleaned and never taken as markup."""
    style = STYLES.get(report.outcome, "bold yellow")
    _print(console, Text.assemble("\n", (TITLES[report.outcome], style), f"  {line(report.reason)}"))
    if report.root_cause:
        _field(console, "cause", report.root_cause)
    if report.culprit:
        culprit = report.culprit
        _field(console, "culprit", f"{culprit.commit[:12]} {culprit.subject} ({culprit.author}, {culprit.date})")
    if report.patch:
        _field(console, "patch", report.patch_description)
        _print(console, coloured(report.patch))
    else:
        _suspects(console, report)
    if report.alternatives:
        alike = sum(a.behaves_like_chosen for a in report.alternatives)
        many = f"{len(report.alternatives)} other plausible patch{'es' if len(report.alternatives) > 1 else ''}"
        _field(console, "alternatives", f"{many}; behaving like this one: {alike}")
    for step in report.next_steps:
        _field(console, "next", step)
    _files(console, report, tuple(files))


def _suspects(console: Console, report: Report) -> None:
    for evidence in report.evidence[-SEEN:] if not report.suspects else ():
        _field(console, "seen", evidence.summary)
    for suspect in report.suspects[:SUSPECTS]:
        why = suspect.signals[0] if suspect.signals else ""
        _field(console, f"suspect {suspect.score:.2f}", f"{suspect.file}:{suspect.line} {suspect.function}  {why}")


def _files(console: Console, report: Report, files: tuple[Path, ...]) -> None:
    by_name = {path.name: path for path in files}
    for label, name in (("certificate", "certificate.json"), ("report", "report.html")):
        if name in by_name:
            _field(console, label, str(by_name[name]))
    speed = f", {report.cost.candidates:,} candidates tried" if report.cost.candidates else ""
    _field(console, "run", f"{report.run} ({report.cost.wall_s:.1f} s{speed})")


def _field(console: Console, label: str, value: str) -> None:
    _print(console, Text.assemble((f"{label:>12}  ", "dim"), line(value, 600)))


def _print(console: Console, text: Text) -> None:
    console.print(text, soft_wrap=True, highlight=False)


def coloured(diff: str) -> Text:
    """A diff with its added and removed lines coloured, at most 200 lines of it."""
    lines = diff.rstrip("\n").split("\n")
    text = Text()
    for one in lines[:MOST_LINES]:
        style = "bold" if one.startswith(("+++", "---", "diff ")) else _DIFF.get(one[:1], "")
        text.append(f"\n    {brief(one, 1000)}" if text else f"    {brief(one, 1000)}", style)
    if len(lines) > MOST_LINES:
        text.append(f"\n    … {len(lines) - MOST_LINES} more lines in patch.diff", "dim")
    return text
