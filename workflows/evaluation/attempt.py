"""Work on one task: a checkout without its future, a process of `patchwright diagnose` on it, then the hidden tests.

The process is the same command that people run. It ends with this one, however that ends.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.domain import EXIT_CODES, Report, Request
from sandbox.access import access_from
from sandbox.environment_cache import remove_tree
from sandbox.protocol import SandboxError
from tools.patches import PatchInvalid, parse, touched
from tools.testing.selection import matches
from tools.tool import ToolError
from tools.values import TestRun
from workflows import wiring
from workflows.attached import attached
from workflows.engines import engine
from workflows.evaluation.clones import Clones
from workflows.evaluation.past import check_out
from workflows.evaluation.results import Row
from workflows.evaluation.tasks import Task
from workflows.exits import Refused
from workflows.settings import Settings, host_variables
from workflows.text import line

END_S = 30.0
TAIL = 600


@dataclass(frozen=True)
class Processes:
    """Attempts by processes. folder: of the evaluation; options: of `patchwright diagnose`, the same for all tasks."""

    settings: Settings
    folder: Path
    clones: Clones
    options: tuple[str, ...] = ()

    async def __call__(self, task: Task, /) -> Row:
        """See `workflows/evaluation/run.py`."""
        began = time.monotonic()
        try:
            row = await self._worked(task)
        except (SandboxError, ToolError, Refused, OSError, ValueError) as error:
            row = Row(instance_id=task.id, task=task.digest, verdict="failed", problem=line(str(error), 1000))
        return row.model_copy(update={"seconds": round(time.monotonic() - began, 2)})

    async def _worked(self, task: Task) -> Row:
        place = self.folder / "tasks" / task.id
        place.mkdir(parents=True, exist_ok=True)
        checkout = place / "checkout"
        try:
            async with engine(self.settings, self.settings.sandbox) as chosen:
                access, sandboxes = access_from(host_variables()), chosen.sandboxes
                source = await self.clones.near(task.source, task.rev, sandboxes=sandboxes, access=access)
                await check_out(source, task.rev, checkout, sandboxes=sandboxes, access=access)
            code = await _process(self._command(task, place), place / "log.txt")
            report = _report(place / "report", code)
            if report is None:
                raise ToolError(f"diagnose ended with exit code {code}: {_tail(place / 'log.txt')}")
            row = self._row(task, report, place / "report" / "patch.diff")
            return await self._judged(task, row, checkout) if report.certificate else row
        finally:
            remove_tree(checkout)

    def _command(self, task: Task, place: Path) -> list[str]:
        remove_tree(place / "report")
        given = []
        for option, text in (("issue", task.issue), ("log", task.log)):
            if text.strip():
                (place / f"{option}.txt").write_text(text, encoding="utf-8", errors="replace")
                given += [f"--{option}", str(place / f"{option}.txt")]
        if task.issue.strip() and not task.told and self.settings.model_url:
            # Suites of old projects fail on new machines for reasons of their own: the model shows what was reported.
            given.append("--reported-only")
        tests = [word for test in task.told for word in ("--test", test)]
        where = ["diagnose", str(place / "checkout"), "--out", str(place / "report"), "--quiet"]
        return [*attached(), *where, *given, *tests, *self.options]

    def _row(self, task: Task, report: Report, patch: Path) -> Row:
        record = self.settings.home / "runs" / report.run / "record.jsonl"
        steps = sum(line.startswith('{"method": "model"') for line in _lines(record))
        proven = report.certificate is not None
        return Row(
            instance_id=task.id, task=task.digest, verdict="verified" if proven else "inconclusive",
            outcome=report.outcome, run=report.run, tokens=report.cost.tokens, steps=steps,
            model_patch=patch.read_bytes().decode("utf-8", "surrogateescape") if proven else "",
        )  # fmt: skip

    async def _judged(self, task: Task, row: Row, checkout: Path) -> Row:
        """The verdict of the hidden tests, run in a sandbox on the patched tree."""
        if not task.hidden and not task.kept:
            return row
        request = Request(source=str(checkout), sandbox=self.settings.sandbox, limits=self.settings.limits)
        try:
            patch = joined(row.model_patch, task.test_patch)
            run = await wiring.try_tests(self.settings, request, patch=patch, tests=(*task.hidden, *task.kept))
        except PatchInvalid as error:
            return row.model_copy(
                update={"verdict": "wrong", "problem": f"with the hidden tests: {line(str(error), 300)}"}
            )
        missing = unmet(run, (*task.hidden, *task.kept))
        if not run.complete and not any(matches(test, result.id) for test in missing for result in run.results):
            why = f"not judged: {run.note or 'the hidden tests did not end within their limit'}"
            return row.model_copy(update={"problem": line(why, 300)})
        told = f"{len(missing)} hidden tests do not pass: {', '.join(missing[:5])}" if missing else ""
        return row.model_copy(update={"verdict": "wrong" if missing else "resolved", "problem": line(told, 1000)})


def joined(patch: str, test_patch: str) -> str:
    """A patch without its changes to files that the hidden tests bring, and those. Raises PatchInvalid."""
    if not test_patch.strip():
        return patch
    theirs = set(touched(test_patch))
    kept = "".join(str(file) for file in parse(patch) if file.path not in theirs)
    return kept + test_patch


def unmet(run: TestRun, wanted: Sequence[str]) -> list[str]:
    """Tests that did not pass, or did not run."""
    return [
        test
        for test in wanted
        if not (found := [r for r in run.results if matches(test, r.id)]) or any(r.status != "passed" for r in found)
    ]


async def _process(command: list[str], log: Path) -> int:
    """Run it to its end; when cancelled it is told to end, and waited for."""
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output
        )
        try:
            return await process.wait()
        finally:
            if process.returncode is None:
                await asyncio.shield(_ended(process))


async def _ended(process: asyncio.subprocess.Process) -> None:
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), END_S)
    except TimeoutError:
        process.kill()
        await process.wait()


def _report(folder: Path, code: int) -> Report | None:
    path = folder / "report.json"
    if code not in EXIT_CODES.values() or not path.exists():
        return None
    return Report.model_validate_json(path.read_text(encoding="utf-8"))


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="ascii", errors="replace").splitlines() if path.exists() else []


def _tail(path: Path) -> str:
    return line(path.read_text(encoding="utf-8", errors="replace")[-TAIL:], TAIL)
