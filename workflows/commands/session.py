"""One run on the terminal, new or resumed: progress, report files, summary, exit code."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import typer
from rich.console import Console

from workflows.exits import SIGNALLED, Refused

if TYPE_CHECKING:
    from agent.domain import Report
    from workflows.door import Door, Emit
    from workflows.settings import Settings
    from workflows.wiring import RunRef

T = TypeVar("T")


@dataclass(frozen=True)
class Ways:
    """How a run is shown and kept. checkout: where a verified patch is written to, when that was asked for; ask:
    whether its questions are put to whoever sits at the terminal.
    """

    json: bool = False
    quiet: bool = False
    out: Path | None = None
    checkout: Path | None = None
    ask: bool = False


def door_of(ctx: typer.Context) -> Door:
    """The composition root, unless the caller of the application handed in another one."""
    if ctx.obj is not None:
        return cast("Door", ctx.obj)
    from workflows import wiring

    return wiring


def watch(ways: Ways, resume: str | None, work: Callable[[Emit], Coroutine[Any, Any, T]]) -> T:
    """The result of `work`, with its progress shown and signals turned into a clean end."""
    from workflows import interrupts
    from workflows.progress import display

    console = Console(stderr=True)
    shown = display(console, quiet=ways.quiet)
    later = f"; go on later with: patchwright resume {resume}" if resume else ""
    with shown.shown():
        return interrupts.run(
            work(shown), lambda what: console.print(what + later, markup=False, highlight=False, soft_wrap=True)
        )


def finish(door: Door, settings: Settings, run: RunRef, ways: Ways) -> int:
    """Run it to its report; returns the exit code of its outcome. Raises what the door raises."""
    from agent.certificate import patch_of
    from agent.domain import EXIT_CODES
    from sandbox.protocol import SandboxUnavailable
    from workflows.report.render import write_report
    from workflows.summary import print_summary

    if ways.out:
        writable(ways.out)
    try:
        report = _reported(door, settings, run, ways)
    except SandboxUnavailable as error:
        raise SandboxUnavailable(f"{error}; go on later with: patchwright resume {run.id}") from error
    diff = patch_of(report.certificate).decode("utf-8", "surrogateescape") if report.certificate else report.patch
    files = write_report(report, diff, run.folder)
    if ways.out:
        files = write_report(report, diff, ways.out)
    if ways.json:
        print_json(report)
    else:
        print_summary(Console(), report, files)
    if ways.checkout and report.outcome == "verified_patch":
        _apply(report, diff or "", run, ways.checkout)
    return EXIT_CODES[report.outcome]


def _reported(door: Door, settings: Settings, run: RunRef, ways: Ways) -> Report:
    """The report, after all that the run asks has been answered at the terminal. Raises Refused where nobody sits."""
    from agent.diagnose import Asked
    from workflows.commands.asking import can_ask, prompted, show

    while True:
        try:
            return watch(ways, run.id, lambda emit: door.diagnose_run(settings, run, emit))
        except Asked as asked:
            question = asked.question
        show(Console(stderr=True), question.question, question.detail, question.consequence)
        if not can_ask():
            raise Refused(f"run {run.id} waits for an answer; at a terminal: patchwright resume {run.id}")
        try:
            decision, more = prompted(question.subject)
        except typer.Abort:
            raise Refused(f"go on later with: patchwright resume {run.id}", SIGNALLED + 2) from None
        door.keep_answer(run, question, decision, more)


def writable(folder: Path) -> None:
    """Make the directory for a report before anything is run. Raises Refused."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(f"--out {folder}: {error.strerror or error}") from error


def print_json(report: Report) -> None:
    """The report, and nothing else, on standard output."""
    from workflows.report.render import as_json

    sys.stdout.write(as_json(report))


def _base(report: Report, run: RunRef) -> Path:
    """The tree that was diagnosed, as the run's record tells."""
    from agent.record import Player

    return run.folder / asyncio.run(Player(run.folder / "record.jsonl").prepare(report.request)).base


def _apply(report: Report, diff: str, run: RunRef, checkout: Path) -> None:
    from workflows.applying import apply_patch

    patch = run.folder / "patch.diff"
    written = apply_patch(diff, base=_base(report, run), checkout=checkout, patch=patch)
    names = ", ".join(str(path) for path in written)
    Console(stderr=True).print(f"applied: {names}", markup=False, highlight=False, soft_wrap=True)
