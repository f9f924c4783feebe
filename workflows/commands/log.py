"""`patchwright log`: what a CI log says, without running anything."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from workflows.exits import Refused
from workflows.text import line

if TYPE_CHECKING:
    from sandbox.detection.overrides import Overrides
    from tools.ci.compare import Comparison
    from tools.ci.values import JobLog, RunLog
    from tools.ci.workflow import Workflow

SPOOLED_BYTES = 8 << 20
MOST_BYTES = 4 << 30
WIDTH = 200


def log(
    file: Annotated[
        str, typer.Argument(metavar="FILE|-", help="A log, or the zip of a run's logs; - for standard input.")
    ],
    green: Annotated[
        str | None, typer.Option(metavar="FILE", help="The same job's log when it passed: show what differs.")
    ] = None,
    workflow: Annotated[
        str | None, typer.Option(metavar="FILE", help="The workflow's file: which steps may fail, how to run it.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON on stdout.")] = False,
) -> None:
    """Read a CI log: its steps, the first real error, the failing command, test ids and versions."""
    described = _workflow(workflow)
    with _opened(file) as stream:
        run = _read(file, stream, described)
    compared = _compared(run, green)
    sys.stdout.write(_as_json(run, compared, described) if json else _as_text(run, compared, described))


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    """A file, or standard input kept where it can be sought in. Raises Refused."""
    try:
        if name == "-":
            with tempfile.SpooledTemporaryFile(SPOOLED_BYTES) as spooled:
                _spool(spooled)
                spooled.seek(0)
                yield spooled  # type: ignore[misc] # it has all of a binary file that is used
        else:
            with Path(name).open("rb") as stream:
                yield stream
    except (OSError, ValueError) as error:
        raise Refused(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _spool(target: tempfile.SpooledTemporaryFile[bytes]) -> None:
    size = 0
    while block := sys.stdin.buffer.read(1 << 16):
        size += len(block)
        if size > MOST_BYTES:
            raise Refused(f"more than {MOST_BYTES >> 30} GiB came on standard input; pass the part around the failure")
        target.write(block)


def _read(name: str, stream: BinaryIO, workflow: Workflow | None) -> RunLog:
    from tools.ci.archive import ArchiveInvalid, is_archive, read_archive
    from tools.ci.read import blocks_of, read_job
    from tools.ci.values import RunLog

    start = stream.read(4)
    stream.seek(0)
    if not start:
        raise Refused("nothing came on standard input" if name == "-" else f"{name} is empty")
    tolerated = _tolerated(workflow)
    if not is_archive(start):
        return RunLog(jobs=(read_job(blocks_of(stream), tolerated=tolerated),))
    try:
        return read_archive(stream, tolerated=tolerated)
    except ArchiveInvalid as error:
        raise Refused(f"{name}: {error}") from error


def _workflow(name: str | None) -> Workflow | None:
    from tools.ci.workflow import WorkflowInvalid, read_workflow
    from workflows.inputs import text_of

    text = text_of("--workflow", name)
    if text is None:
        return None
    try:
        return read_workflow(text)
    except WorkflowInvalid as error:
        raise Refused(f"--workflow {name}: {error}") from error


def _tolerated(workflow: Workflow | None) -> frozenset[str]:
    """How logs name the steps that may fail, by name or first line; not where it is also one that may not."""
    names: dict[bool, set[str]] = {True: set(), False: {""}}
    for job in workflow.jobs if workflow else ():
        for step in job.steps:
            names[step.tolerated] |= {step.name, step.command.split("\n")[0], step.uses}
    return frozenset(names[True] - names[False])


def _compared(run: RunLog, green: str | None) -> Comparison | None:
    from tools.ci.archive import is_archive
    from tools.ci.compare import compare
    from tools.ci.read import blocks_of

    red = next((job for job in run.jobs if job.finding), None)
    if green is None or red is None:
        return None
    with _opened(green) as stream:
        if is_archive(stream.read(4)):
            raise Refused(f"--green {green}: an archive; pass the one job's log out of it")
        stream.seek(0)
        return compare(red, blocks_of(stream))


def _as_json(run: RunLog, compared: Comparison | None, workflow: Workflow | None) -> str:
    """{"jobs": […], "notes": […]} without outputs; "compared" and "commands" where they were asked for."""
    import json
    from dataclasses import asdict

    told = run.model_dump(mode="json", exclude={"jobs": {"__all__": {"output"}}})
    if compared is not None:
        told["compared"] = compared.model_dump(mode="json")
    if workflow is not None:
        told["commands"] = {name: asdict(overrides) for name, overrides in _commands(run, workflow)}
    return json.dumps(told, indent=2, ensure_ascii=False) + "\n"


def _commands(run: RunLog, workflow: Workflow) -> Iterator[tuple[str, Overrides]]:
    from tools.ci.commands import overrides_of
    from tools.ci.workflow import job_named

    for job in run.jobs:
        found = job_named(workflow, job.name)
        if found:
            yield job.name, overrides_of(*found)


def _as_text(run: RunLog, compared: Comparison | None, workflow: Workflow | None) -> str:
    rows = [row for job in run.jobs for row in (*_job_rows(job), "")]
    if compared is not None:
        rows += [f"new since the green log:{'' if compared.new else ' nothing'}", *(f"  {new}" for new in compared.new)]
        rows += [f"  {c.ecosystem} {c.name}: {c.before or 'absent'} -> {c.after or 'absent'}" for c in compared.changed]
    if workflow is not None:
        for name, overrides in _commands(run, workflow):
            rows += [
                f"how the workflow runs {name}:",
                *(f"  install: {command}" for command in overrides.install or ()),
            ]
            rows += [f"  test: {overrides.test or 'not found'}"]
    rows += run.notes
    return (
        "\n".join(line(row, WIDTH) if row.strip() == row else f"  {line(row, WIDTH)}" for row in rows).rstrip() + "\n"
    )


def _job_rows(job: JobLog) -> Iterator[str]:
    """A job in a few rows: how it ended, its steps, what went wrong, versions."""
    finding = job.finding
    end = f"failed in step {job.failing}" if finding else "no failure found" if job.complete else "the log has no end"
    yield f"{job.name or 'log'} ({job.system}, {job.lines} lines): {end}"
    for step in job.steps:
        if step.kind in ("run", "action"):
            mark = "x" if step.number == job.failing else "!" if step.failed else " "
            code = "" if step.exit_code is None else f", exit {step.exit_code}"
            names = f", variables {' '.join(step.environment)}" if step.environment else ""
            yield f" {mark} {step.number}. {step.name} (lines {step.first_line}-{step.last_line}{code}{names})"
    if finding:
        what = finding.kind if not finding.infrastructure else f"infrastructure: {finding.infrastructure}"
        yield f" what: {what}{f' ({finding.tool})' if finding.tool else ''}"
        yield f" command: {finding.command or 'not found'}"
        yield f" error: {finding.error} (line {finding.line})"
        for test in finding.tests[:50]:
            yield f" test: {test}"
        if len(finding.tests) > 50:
            yield f" and {len(finding.tests) - 50} more tests"
    if job.versions:
        yield " versions: " + ", ".join(f"{version.name} {version.version}" for version in job.versions)
    if job.dependencies:
        yield f" {len(job.dependencies)} dependencies named"
