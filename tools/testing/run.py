"""Running a repository's tests in a sandbox, and what came out of each test."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sandbox.protocol import ExecResult, Quota, Sandbox
from sandbox.recipe import TestCommand
from tools.testing import probe
from tools.testing.frames import crash_in
from tools.testing.parse_probe import ProbeRun, parse_probe, parse_spectrum
from tools.testing.paths import Paths
from tools.testing.plans import Texts, plan
from tools.testing.probe import ProbePlan, probe_mount
from tools.testing.selection import is_command, matches, near, parse_test_argument, say_missing
from tools.values import Coverage, Crash, TestResult, TestRun

__all__ = ["is_command", "parse_test_argument", "probe_mount", "run_tests", "test_ids"]

MAX_REPORT = 32 << 20


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
        watched = ProbePlan(
            workspace=sandbox.workspace,
            kind=sandbox.kind,
            select=tuple(tests) if command.framework == "pytest" else (),
            per_test_s=per_test_s or 0.0,
            coverage_roots=tuple(coverage_roots) if coverage_roots is not None else None,
            seed=hash_seed,
        )
        return await _watched(sandbox, command, watched, variables, cwd, quota)
    return await _reported(sandbox, command, tests, per_test_s, variables, cwd, quota), None


async def _watched(  # noqa: PLR0917 - one call, from above
    sandbox: Sandbox, command: TestCommand, watched: ProbePlan, variables: dict[str, str], cwd: str, quota: Quota | None
) -> tuple[TestRun, Coverage | None]:
    try:
        await watched.prepare(sandbox)
    except OSError as error:
        return _unable(command, error), None
    done = await sandbox.exec(watched.argv(command.argv), cwd=cwd, env={**variables, **watched.env()}, quota=quota)
    seen = parse_probe(await probe.read(sandbox, watched.results, probe.MAX_RESULTS))
    coverage = None
    if watched.coverage_roots is not None:
        found = parse_spectrum(await probe.read(sandbox, watched.spectrum, probe.MAX_SPECTRUM))
        coverage = found if found.tests else None
    await watched.remove(sandbox)
    _bury(seen, done)
    results = tuple(seen.results.values())
    note = "\n".join((*filter(None, (say_missing(seen.missing),)), *seen.notes[:20]))
    if not results and command.framework == "command":
        results = (_opaque(command, done, Paths(sandbox.workspace, cwd=command.cwd)),)
    if not results and not seen.missing:
        note = "\n".join((*filter(None, (note,)), _silence(done)))
    run = _run(command, results, done, note)
    return replace_complete(run, done, seen), coverage


def replace_complete(run: TestRun, done: ExecResult, seen: ProbeRun) -> TestRun:
    """A run is complete when its last session ended by itself within the limits."""
    whole = not done.exceeded and not seen.running and (seen.finished >= seen.sessions)
    return run.model_copy(update={"complete": whole})


def _bury(seen: ProbeRun, done: ExecResult) -> None:
    """Name the test during which the process died or was stopped."""
    for name in [*seen.died, *([seen.running] if seen.running else [])]:
        stopped = done.timed_out and name == seen.running
        limits = ", ".join(done.exceeded)
        crash = Crash(
            kind="Timeout" if stopped else "ProcessDied",
            message=f"the run was stopped in this test: {limits}" if done.exceeded else "the process died in this test",
        )
        file = name.split("::")[0]
        seen.add(TestResult(id=name, status="timeout" if stopped else "error", crash=crash, file=file))


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
    if done.exceeded:
        return f"the command was stopped ({', '.join(done.exceeded)}) before any test reported: {tail}"
    return f"the command ended with exit code {done.exit_code} (signal {done.signal}) and no result: {tail}"


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
