"""Running a repository's tests in a sandbox, and what came out of each test."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sandbox.protocol import ExecResult, Quota, Sandbox
from sandbox.recipe import TestCommand
from tools.testing import probe
from tools.testing.frames import crash_in
from tools.testing.parse_probe import parse_spectrum
from tools.testing.paths import Paths
from tools.testing.plans import Texts, plan
from tools.testing.probe import ProbePlan, probe_mount
from tools.testing.selection import is_command, matches, near, parse_test_argument, say_missing
from tools.testing.watched import Watch, Watched, watch
from tools.values import Coverage, Crash, TestResult, TestRun

__all__ = ["is_command", "parse_test_argument", "probe_mount", "run_tests", "test_ids"]

MAX_REPORT = 32 << 20
LEAST_COLLECT_S, COLLECT_SHARE = 20.0, 0.35


def test_ids(argument: str) -> tuple[str, ...]:
    """The pytest ids of a `--test` value that is no command; a dotted unittest id becomes one of pytest's."""
    return parse_test_argument(argument, "pytest").ids


async def run_tests(
    sandbox: Sandbox,
    command: TestCommand,
    *,
    tests: Sequence[str] = (),
    coverage_roots: Sequence[str] | None = None,
    per_test_s: float | None = None,
    quota: Quota | None = None,
    hash_seed: int = 0,
    env: Mapping[str, str] | None = None,
) -> tuple[TestRun, Coverage | None]:
    """Run `tests` (all when empty) once and return each one's result, with coverage per test where asked and possible.

    Never raises for what the tests do: hangs, deaths and import errors are results. Raises SandboxGone.
    """
    variables = {**dict(command.env), **(env or {}), "PYTHONHASHSEED": str(hash_seed)}
    cwd = sandbox.workspace if command.cwd == "." else f"{sandbox.workspace}/{command.cwd}"
    if command.framework in ("pytest", "command"):
        place = ProbePlan(
            workspace=sandbox.workspace,
            kind=sandbox.kind,
            select=tuple(tests) if command.framework == "pytest" else (),
            per_test_s=per_test_s or 0.0,
            collect_s=_patience(per_test_s, quota),
            coverage_roots=tuple(coverage_roots) if coverage_roots is not None else None,
            seed=hash_seed,
        )
        paths = Paths(sandbox.workspace, cwd=command.cwd)
        what = Watch(command.argv, place, variables, cwd, paths, goes_on=command.framework == "pytest")
        return await _watched(sandbox, command, what, quota)
    return await _reported(sandbox, command, tests, per_test_s, variables, cwd, quota), None


def _patience(per_test_s: float | None, quota: Quota | None) -> float:
    """Seconds that the import of one file may take: some tests' worth, and a share of the run's."""
    most = quota.wall_s * COLLECT_SHARE if quota else math.inf
    return min(most, max(LEAST_COLLECT_S, 2 * per_test_s)) if per_test_s else 0.0


NO_TESTS = "no test was collected: add one that shows the failure, or say with --test-command what fails"
_IN_PLACE = re.compile(r"/workspace/(\w{1,60})\.py\b")
_NONE = ("pytest", 5)  # https://docs.pytest.org/en/stable/reference/exit-codes.html


async def _watched(
    sandbox: Sandbox, command: TestCommand, what: Watch, quota: Quota | None
) -> tuple[TestRun, Coverage | None]:
    try:
        found = await watch(sandbox, what, quota)
    except OSError as error:
        return _unable(command, error), None
    coverage = None
    if what.plan.coverage_roots is not None:
        coverage = parse_spectrum(await probe.read(sandbox, what.plan.spectrum, probe.MAX_SPECTRUM))
    await what.plan.remove(sandbox)
    return _told(command, found, what.paths), coverage if coverage and coverage.tests else None


def _told(command: TestCommand, found: Watched, paths: Paths) -> TestRun:
    """The run as a value; a command that tells nothing of its tests is one result by its exit code."""
    seen, results, first = found.seen, found.results, found.runs[0]
    notes = [say_missing(seen.missing), *seen.notes[:20], found.note]
    if not results and command.framework == "command":
        results = (_opaque(command, first, paths),)
    if not results and not seen.missing:
        notes.append(NO_TESTS if (command.framework, first.exit_code) == _NONE else _silence(first))
    run = _run(command, results, first, "\n".join(filter(None, notes)))
    spent = {name: sum(getattr(each, name) for each in found.runs) for name in ("wall_s", "cpu_s")}
    return run.model_copy(update={**spent, "complete": found.complete, "output": found.output})


def _opaque(command: TestCommand, done: ExecResult, paths: Paths) -> TestResult:
    """The one result of a command that tells nothing of its tests."""
    text = f"{done.stdout.text}\n{done.stderr.text}"
    name = " ".join(command.argv)
    if done.ok:
        return TestResult(id=name, status="passed", duration_s=done.wall_s)
    crash = crash_in(text, paths) or Crash(kind="ExitCode", message=_silence(done))
    return TestResult(id=name, status="timeout" if done.timed_out else "failed", duration_s=done.wall_s, crash=crash)


def _silence(done: ExecResult) -> str:
    """Why a command left no result."""
    tail = (done.stderr.text.strip() or done.stdout.text.strip())[-800:]
    if hidden := _hidden_module(tail):
        return hidden
    if done.exceeded:
        return f"the command was stopped ({', '.join(done.exceeded)}) before any test reported: {tail}"
    return f"the command ended with exit code {done.exit_code} (signal {done.signal}) and no result: {tail}"


def _hidden_module(text: str) -> str:
    """Why Python does not even start, where a file of the repository has the name of one of its modules."""
    for name in _IN_PLACE.findall(text):
        if name in sys.stdlib_module_names:
            last = text.rpartition("\n")[2]
            return f"{name}.py is imported in the place of Python's own module {name}: give it another name ({last})"
    return ""


async def _reported(  # noqa: PLR0917 - one call, from above
    sandbox: Sandbox,
    command: TestCommand,
    tests: Sequence[str],
    per_test_s: float | None,
    variables: dict[str, str],
    cwd: str,
    quota: Quota | None,
) -> TestRun:
    place = ProbePlan(workspace=sandbox.workspace, kind=sandbox.kind)
    report = place.results
    try:
        await sandbox.write_file(report, b"")
    except OSError as error:
        return _unable(command, error)
    module = await _go_module(sandbox, cwd) if command.framework == "go" else ""
    planned = plan(command, tests, report, per_test_s, module)
    for path, data in planned.files.items():
        await sandbox.write_file(path, data)
    done = await sandbox.exec(planned.argv, cwd=cwd, env={**variables, **planned.env}, quota=quota)
    texts = Texts(await probe.read(sandbox, report, MAX_REPORT), done.stdout.text, done.stderr.text)
    await place.remove(sandbox)
    found = planned.read(texts, Paths(sandbox.workspace, cwd=command.cwd))
    results = tuple(r for r in found if any(matches(test, r.id) for test in tests)) if tests else found
    lost = [test for test in tests if not any(matches(test, r.id) for r in results)]
    note = say_missing(near(lost, [r.id for r in found]))
    if not found:
        note = "\n".join((*filter(None, (note,)), _silence(done)))
    return _run(replace(command, argv=planned.argv), results, done, note)


def _unable(command: TestCommand, error: OSError) -> TestRun:
    """A run that could not begin: earlier commands filled the disk or made the scratch directory unusable."""
    return TestRun(command=command.argv, results=(), complete=False, note=f"the run could not begin: {error}")


async def _go_module(sandbox: Sandbox, cwd: str) -> str:
    text = (await probe.read(sandbox, f"{cwd}/go.mod", 1 << 16)).decode(errors="replace")
    found = re.search(r"^module\s+(\S+)", text, re.MULTILINE)
    return found[1] if found else ""


def _run(command: TestCommand, results: tuple[TestResult, ...], done: ExecResult, note: str) -> TestRun:
    output = f"{done.stdout.text}\n{done.stderr.text}".strip()
    return TestRun(
        command=command.argv,
        results=results,
        complete=not done.exceeded,
        exit_code=done.exit_code,
        wall_s=done.wall_s,
        cpu_s=done.cpu_s,
        output=output,
        note=note,
    )
