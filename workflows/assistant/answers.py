"""What the tools of the server take and answer: typed, bounded, with the words of strangers cleaned."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from agent.domain import Goal, Report
from tools.values import Value
from workflows.report.render import as_json, as_markdown, certificate_text
from workflows.text import brief, line

MOST_TEXT = 200_000
MOST_PATCH = 60_000
SHOWN = 12
Part = Literal["markdown", "json", "patch", "certificate"]


class Task(Value):
    """What is wrong, checked. source: a directory below a root, or a git URL; limit_s: seconds of the whole run."""

    source: str
    tests: tuple[str, ...] = ()
    rev: str | None = None
    good: str | None = None
    log: str | None = None
    issue: str | None = None
    patches: tuple[str, ...] = ()
    goal: Goal = "patch"
    limit_s: float | None = None


class Found(Value):
    """A piece of evidence that the report rests on."""

    id: str
    kind: str
    summary: str


class Place(Value):
    """A place in the code that is suspect. score: 0 to 1."""

    file: str
    line: int
    function: str
    score: float


class Diagnosis(Value):
    """What came of a diagnosis. verified: only with a certificate, of the tests that were really run on the patch.

    outcome: "running" for a run that nobody waits for.
    patch: a unified diff, None where none was verified; what is left to do is in next_steps.
    """

    run: str
    outcome: str
    verified: bool = False
    reason: str = ""
    root_cause: str = ""
    failing_tests: tuple[str, ...] = ()
    suspects: tuple[Place, ...] = ()
    evidence: tuple[Found, ...] = ()
    patch: str | None = None
    patch_description: str = ""
    next_steps: tuple[str, ...] = ()


class RunStatus(Value):
    """A run. state: queued, running, finished, interrupted, failed, cancelled, timed_out."""

    run: str
    state: str
    outcome: str | None = None
    source: str = ""
    created: str = ""
    note: str = ""


class Runs(Value):
    """Runs, the newest first."""

    runs: tuple[RunStatus, ...] = Field(max_length=100)


class ReportText(Value):
    """A part of a report, of which at most the first 200,000 characters are given."""

    run: str
    part: Part
    text: str
    shortened: bool = False


class Checked(Value):
    """Whether a certificate holds here, and what running it again showed."""

    holds: bool
    lines: tuple[str, ...]


def diagnosis(report: Report, diff: str | None) -> Diagnosis:
    """A report as the tool answers it; the patch only when it is verified and short enough to be whole."""
    verified = report.outcome == "verified_patch" and report.certificate is not None
    whole = diff if verified and diff and len(diff) <= MOST_PATCH else None
    longer = ("The patch is long: take it with the tool `report`, part `patch`.",) if verified and not whole else ()
    return Diagnosis(
        run=report.run, outcome=report.outcome, verified=verified, reason=line(report.reason, 1000),
        root_cause=brief(report.root_cause, 4000),
        failing_tests=tuple(line(test.id, 300) for test in report.failing_tests[:50]),
        suspects=tuple(
            Place(file=line(row.file), line=row.line, function=line(row.function), score=row.score)
            for row in report.suspects[:SHOWN]
        ),
        evidence=tuple(
            Found(id=row.id, kind=row.kind, summary=line(row.summary, 500)) for row in report.evidence[:SHOWN]
        ),
        patch=shown(whole) if whole else None, patch_description=line(report.patch_description, 1000),
        next_steps=(*longer, *(line(step, 1000) for step in report.next_steps)),
    )  # fmt: skip


def report_text(report: Report, diff: str | None, part: Part) -> ReportText:
    """One part of a report. Raises LookupError where it has none."""
    if part == "patch" and not diff:
        raise LookupError(f"run {report.run} has no verified patch: it ended as {report.outcome}")
    if part == "certificate" and report.certificate is None:
        raise LookupError(f"run {report.run} has no certificate: it ended as {report.outcome}")
    if part == "patch":
        text = shown(diff or "")
    else:
        made = {"markdown": as_markdown, "json": as_json, "certificate": certificate_text}
        text = shown(made[part](report))
    return ReportText(run=report.run, part=part, text=text[:MOST_TEXT], shortened=len(text) > MOST_TEXT)


def shown(text: str) -> str:
    """Text as JSON can hold it: bytes that were no UTF-8 are replaced."""
    return text.encode("utf-8", "replace").decode("utf-8")
