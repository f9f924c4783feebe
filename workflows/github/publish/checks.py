"""One check run for each failure: its state, notes at lines of the code, and what can be done about it by a button."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from tools.patches import PatchInvalid, touched_lines
from workflows.github.publish.comment import body_of
from workflows.github.publish.fixes import forbidden_paths
from workflows.github.publish.matter import Matter
from workflows.github.publish.standing import Standing
from workflows.github.values import Button, Check, Note
from workflows.text import brief, line

MOST_NOTES = 20
_MOST_TEXT = 65_000
APPLY = Button(label="Apply fix", description="Make a branch with the verified fix", identifier="apply")
RERUN = Button(label="Run again", description="Run the failed jobs again", identifier="rerun")
DISMISS = Button(label="Dismiss", description="This is of no use here", identifier="dismiss")
_ENDED = frozenset({"stopped", "dismissed", "passed", "superseded", "closed"})


def check_of(matter: Matter, one: Standing) -> Check:
    """The check run of a case."""
    case = one.case
    over = one.word != "looking"
    job = case.decision.jobs[0].name if case.decision.jobs else "failure"
    more = f" and {len(case.decision.jobs) - 1} more" if len(case.decision.jobs) > 1 else ""
    return Check(
        name=line(f"Patchwright: {job}{more}", 200), head_sha=case.head_sha, external=case.key,
        status="completed" if over else "in_progress", conclusion=one.conclusion, title=one.title,
        summary=brief(body_of(matter, (one,), ""), _MOST_TEXT)[:_MOST_TEXT], notes=tuple(_notes(one)) if over else (),
        buttons=_buttons(matter, one) if over else (), url=matter.links.of_run(case.diagnosis, "report")
        if case.diagnosis else "",
    )  # fmt: skip


def _buttons(matter: Matter, one: Standing) -> tuple[Button, ...]:
    if one.word in _ENDED:
        return ()
    diff = one.result.diff or "" if one.result else ""
    applies = (
        one.word == "fix" and matter.wanted.fix_branch and not one.case.fork and not one.case.fix_branch
        and not forbidden_paths(diff, matter.wanted)
    )  # fmt: skip
    return (*((APPLY,) if applies else ()), RERUN, DISMISS)


def _notes(one: Standing) -> Iterator[Note]:
    """Where a fix changes lines; without one, the most suspected place."""
    if one.result is None or one.word not in ("fix", "cause"):
        return
    report = one.result.report
    if one.word == "fix":
        yield from _of_patch(one.result.diff or "", report.patch_description)
        return
    for suspect in report.suspects[:1]:
        why = "; ".join(suspect.signals[:3]) or "suspected"
        yield _note(suspect.file, (suspect.line, suspect.line), "warning", "Suspected cause", why)


def _of_patch(diff: str, description: str) -> Iterator[Note]:
    try:
        found = touched_lines(diff)
    except PatchInvalid:
        return
    for path, lines in list(found.items())[:MOST_NOTES]:
        if lines:  # a new file has none
            yield _note(path, (min(lines), max(lines)), "notice", "A verified fix changes this", description)


def _note(path: str, lines: tuple[int, int], level: Literal["notice", "warning"], title: str, message: str) -> Note:
    """A note; the forge shows its message as it is, without Markdown."""
    start = max(lines[0], 1)
    words = brief(message or title, 2000)
    return Note(path=line(path, 400), start=start, end=max(lines[1], start), level=level, title=title, message=words)
