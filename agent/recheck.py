"""Re-running a certificate: does what it claims still hold, here and now?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agent.bench import TestOrder
from agent.certificate import patch_of, read, test_of
from agent.deps import Deps
from agent.domain import Limits, Prepared, Request, TestHistory, Written
from agent.nodes.verify import unstable
from agent.repeats import repeat
from agent.written import as_diff
from tools.guard import inspect
from tools.patches import PatchInvalid


@dataclass(frozen=True)
class Recheck:
    """Whether the certificate holds, and what was found, a line each."""

    holds: bool
    lines: tuple[str, ...]


def request_of(statement: dict[str, Any], source: str | None, commit: str | None = None) -> Request:
    """The request that prepares the certificate's repository; `source` replaces where it was."""
    predicate = statement["predicate"]
    overrides = predicate["environment"]["overrides"]
    return Request(
        source=source or predicate["repository"]["source"],
        rev=commit,
        install=tuple(overrides["install"]),
        test_command=overrides["test_command"],
        python=overrides["python"],
        limits=Limits.model_validate(predicate["limits"]),
    )


async def recheck(text: str, deps: Deps, *, source: str | None) -> Recheck:
    """Read the certificate, prepare its repository, and run everything it claims anew.

    Raises CertificateInvalid when it is not one or was changed, and what preparing raises.
    """
    statement = read(text)
    written = test_of(statement, deps)
    wanted = statement["predicate"]["repository"]
    prepared = await _prepared(statement, deps, source)
    if prepared.tree != wanted["tree"]:
        line = f"the repository is at tree {prepared.tree[:12]}, the certificate is about {wanted['tree'][:12]}"
        return Recheck(holds=False, lines=(line,))
    if written is None:
        return await _run(statement, deps, prepared)
    return await _with_test(statement, deps, prepared, written)


async def _with_test(statement: dict[str, Any], deps: Deps, prepared: Prepared, written: Written) -> Recheck:
    """Lay the test that no person wrote over the tree, where it may not replace anything."""
    diff = deps.artifacts.put(as_diff(written.path, deps.artifacts.text(written.content)))
    try:
        await deps.bench.changes(prepared, diff)
        run = await _run(statement, deps, prepared.model_copy(update={"written": written}))
    except PatchInvalid as error:
        return Recheck(holds=False, lines=(f"the written test cannot be added: {error}",))
    line = f"{written.path} was written by {written.by}: it is added to the tree"
    return Recheck(holds=run.holds, lines=(line, *run.lines))


async def _prepared(statement: dict[str, Any], deps: Deps, source: str | None) -> Prepared:
    """A clean commit is checked out by name; a dirty tree or plain directory is taken as it is."""
    wanted = statement["predicate"]["repository"]
    commit = None if wanted["dirty"] else wanted["commit"]
    return await deps.bench.prepare(request_of(statement, source, commit))


async def _run(statement: dict[str, Any], deps: Deps, prepared: Prepared) -> Recheck:
    predicate = statement["predicate"]
    patch = deps.artifacts.put(patch_of(statement))
    tests = tuple(row["test"] for row in predicate["decisive"])
    try:
        changes = await deps.bench.changes(prepared, patch)
    except PatchInvalid as error:
        return Recheck(holds=False, lines=(str(error),))
    allowed = tuple(predicate["guard"]["allowed"])
    findings = inspect(changes, failing_files=[t.split("::")[0] for t in tests], allow=allowed)
    if findings:
        return Recheck(holds=False, lines=tuple(f"the guard refuses it: {f.rule} in {f.file}" for f in findings))
    before = await _histories(statement, deps, prepared, None)
    after = await _histories(statement, deps, prepared, patch)
    lines = _terms(statement)
    lines += [f"{h.id}: {', '.join(h.outcomes)} before" for h in before]
    lines += [f"{h.id}: {', '.join(h.outcomes)} after" for h in after]
    refusal = unstable(before, after)
    missing = [test for test in tests if test not in {h.id for h in before}]
    if refusal or missing:
        return Recheck(holds=False, lines=(*lines, refusal or f"{missing[0]} did not run"))
    return await _regression(statement, deps, prepared, tuple(lines))


def _terms(statement: dict[str, Any]) -> list[str]:
    """What whoever issued it chose, and running it again cannot judge: rules lifted, commands of their own."""
    predicate = statement["predicate"]
    allowed, overrides = predicate["guard"]["allowed"], predicate["environment"]["overrides"]
    lines = [f"lifted for it, so not checked: {', '.join(allowed)}"] if allowed else []
    lines += [f"tested with its own command: {overrides['test_command']}"] if overrides["test_command"] else []
    return lines + [f"installed with its own command: {command}" for command in overrides["install"]]


async def _histories(
    statement: dict[str, Any], deps: Deps, prepared: Prepared, patch: str | None
) -> tuple[TestHistory, ...]:
    predicate = statement["predicate"]
    limits = Limits.model_validate(predicate["limits"])
    tests = tuple(row["test"] for row in predicate["decisive"])
    order = TestOrder(tests=tests, patch=patch, wall_s=limits.suite_s, test_s=limits.test_s)
    runs = await repeat(deps.bench, prepared, order, times=limits.repeats, workers=limits.workers)
    return tuple(h for h in runs.histories if h.id in tests)


async def _regression(statement: dict[str, Any], deps: Deps, prepared: Prepared, lines: tuple[str, ...]) -> Recheck:
    """The whole suite, without and with the patch: what passes without must pass with, whatever was claimed."""
    predicate = statement["predicate"]
    limits = Limits.model_validate(predicate["limits"])
    patch = deps.artifacts.put(patch_of(statement))
    order = TestOrder(wall_s=limits.suite_s * 1.5, test_s=limits.test_s)
    base = await deps.bench.test(prepared, order)
    if not base.run.passing and not predicate["regression"]["tests"]:
        return Recheck(holds=True, lines=(*lines, "no other test passes without the patch"))
    fixed = await deps.bench.test(prepared, order.model_copy(update={"patch": patch}))
    now = {r.id: r.status for r in fixed.run.results}
    broken = [r.id for r in base.run.passing if now.get(r.id) != "passed"]
    if broken:
        return Recheck(holds=False, lines=(*lines, f"with the patch {', '.join(broken[:5])} no longer pass"))
    claimed, seen = predicate["regression"]["tests"], len(base.run.passing)
    if seen < claimed * 0.9:
        return Recheck(holds=False, lines=(*lines, f"only {seen} of the claimed {claimed} other tests pass here"))
    return Recheck(holds=True, lines=(*lines, f"{seen} other tests pass without and with the patch"))
