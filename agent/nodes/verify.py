"""verify: each patch in clean copies: fails before, passes after, k times each; what passed still passes; the guard."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from dataclasses import dataclass

from langgraph.runtime import Runtime

from agent.bench import Progress, TestOrder
from agent.certificate import Trial, certify
from agent.deps import Deps
from agent.domain import Patch, TestHistory, Verdict
from agent.evidence import observe
from agent.nodes.localize import test_file
from agent.repeats import repeat
from agent.state import State, Update
from tools.git import plain
from tools.guard import Finding, inspect
from tools.patches import PatchInvalid, parse
from tools.values import TestRun

MAX_TRIED = 4
_HIDING = re.compile(r"^\+.*\b(?:except|getattr)\b", re.MULTILINE)
MAX_SUSPECTS = 500  # more tests than that are not run again to see whether they are flaky


@dataclass(frozen=True)
class Regression:
    """What passed before and does not now; `tests` is how many were compared, `suite` how many the suite has."""

    broken: tuple[str, ...]
    tests: int
    suite: int
    problem: str = ""


async def verify(state: State, runtime: Runtime[Deps]) -> Update:
    """Patches in order of rank, until one is verified; a patch that search put first is tried first."""
    deps = runtime.context
    judged = {verdict.patch for verdict in state.verdicts}
    agreed = [patch for patch in state.patches if patch.id in state.agreed]
    rest = [patch for patch in in_order(state.patches) if patch.id not in judged]
    waiting = [*agreed, *rest][:MAX_TRIED]
    verdicts: list[Verdict] = []
    for number, patch in enumerate(waiting, 1):
        deps.emit(Progress(node="verify", text=patch.description, done=number, total=len(waiting)))
        before = tuple(h for h in state.reproduced.tests if h.id in patch.decisive)
        verdicts.append(await judge(state, deps, patch, before, allow=state.lifted(patch.id)))
        if verdicts[-1].verified:
            break
    return {
        "verdicts": verdicts,
        "round": state.round + 1,
        "evidence": [observe("verdict", f"{_describe(state, v.patch)}: {v.reason}") for v in verdicts],
    }


def in_order(patches: list[Patch]) -> list[Patch]:
    """Given patches first, then search (already ranked) and the model in turn, back-outs last: backing out loses what
    the commit was for.
    """
    rank = {"given": 0, "search": 1, "model": 1, "back-out": 2}
    places: Counter[str] = Counter()
    rows = []
    for patch in patches:
        places[patch.source] += 1
        rows.append((rank[patch.source], places[patch.source], patch))
    return [patch for _, _, patch in sorted(rows, key=lambda row: row[:2])]


def _describe(state: State, digest: str) -> str:
    return next(p.description for p in state.patches if p.id == digest)


async def judge(
    state: State, deps: Deps, patch: Patch, before: tuple[TestHistory, ...], *, allow: tuple[str, ...] = ()
) -> Verdict:
    """Run one patch. The cheapest reasons to refuse come first: guard, decisive tests, regressions.

    before: the decisive tests on the base, as `reproduce` ran them; allow: rules lifted beside those of the request.
    """
    try:
        findings = await _guard(state, deps, patch, allow)
    except PatchInvalid as error:
        return Verdict(patch=patch.id, verified=False, reason=str(error), before=before)
    if findings:
        what = "; ".join(f"{f.rule} in {f.file}: {f.detail}" for f in findings)
        return Verdict(patch=patch.id, verified=False, reason=f"the guard refuses it: {what}", findings=findings)
    after, regression = await _runs(state, deps, patch)
    refusal = unstable(before, after)
    if refusal:
        return Verdict(patch=patch.id, verified=False, reason=refusal, before=before, after=after)
    regression = regression or await _regressions(state, deps, patch)
    broken = regression.broken or ((regression.problem,) if regression.problem else ())
    if broken:
        reason = f"it breaks {', '.join(broken[:5])}" if regression.broken else regression.problem
        return Verdict(
            patch=patch.id, verified=False, reason=reason, before=before, after=after, regressions=regression.broken
        )
    doubts = (*patch.doubts, *_removed(deps, patch), *await _hidden(state, deps, patch))
    trial = Trial(patch, before, after, regression.tests, regression.suite, allow, doubts)
    by = _by(state)
    others = f"{regression.tests} other tests still pass"
    fail, passes = ("fails", "passes") if len(before) == 1 else ("fail", "pass")
    reason = f"{_all(before)}{by} {fail} before and {passes} after, {_times(state)} each; {others}"
    if state.ready.written and state.ready.written.claims:
        reason += f"; {state.ready.written.claims}"
    return Verdict(
        patch=patch.id, verified=True, reason=reason, before=before, after=after, regression_set=regression.tests,
        certificate=certify(state, deps, trial), doubts=doubts,
    )  # fmt: skip


async def _runs(state: State, deps: Deps, patch: Patch) -> tuple[tuple[TestHistory, ...], Regression | None]:
    """The decisive tests with the patch; the suite beside them where search tried the patch: both will be needed."""
    repeats = _repeat(state, deps, decisive(state, patch.decisive, patch.id))
    if patch.source != "search":
        return await repeats, None
    return await asyncio.gather(repeats, _regressions(state, deps, patch))


def _all(histories: tuple[TestHistory, ...]) -> str:
    return "1 decisive test" if len(histories) == 1 else f"{len(histories)} decisive tests"


def _by(state: State) -> str:
    written = state.ready.written
    if written is None:
        return ""
    return ", written by a model," if written.model else ", written by Patchwright from the log,"


def _times(state: State) -> str:
    return f"{state.request.limits.repeats} times"


def unstable(before: tuple[TestHistory, ...], after: tuple[TestHistory, ...]) -> str:
    """Why the decisive tests do not prove the patch; empty when they do."""
    if not before:
        return "no decisive test produced a result on the base"
    for history in before:
        if history.stability != "stable-fail":
            return f"{history.id} is {history.stability} on the base ({', '.join(history.outcomes)}): it cannot certify"
    known = {history.id: history for history in after}
    for history in before:
        now = known.get(history.id)
        if now is None or now.stability != "stable-pass":
            seen = ", ".join(now.outcomes) if now else "no result"
            return f"{history.id} does not pass reliably with the patch ({seen})"
    return ""


def decisive(state: State, tests: tuple[str, ...], patch: str) -> TestOrder:
    """Decisive tests with a patch, within what they had without it."""
    failure = state.reproduced
    return TestOrder(tests=tests, patch=patch, wall_s=failure.wall_s, test_s=failure.test_s)


async def _repeat(state: State, deps: Deps, order: TestOrder) -> tuple[TestHistory, ...]:
    limits = state.request.limits
    runs = await repeat(deps.bench, state.ready, order, times=limits.repeats, workers=limits.workers)
    return tuple(h for h in runs.histories if h.id in order.tests)


async def _guard(state: State, deps: Deps, patch: Patch, allow: tuple[str, ...]) -> tuple[Finding, ...]:
    changes = await deps.bench.changes(state.ready, patch.id)
    files = [test_file(test) for test in state.reproduced.ids]
    return inspect(changes, failing_files=files, allow=(*state.request.allow, *allow))


def removes(diff: str) -> int:
    """Lines that a diff removes where it adds none; 0 for all others."""
    files = parse(diff)
    return 0 if any(file.added for file in files) else sum(file.removed for file in files)


def _removed(deps: Deps, patch: Patch) -> tuple[str, ...]:
    """What takes code away and puts nothing in its place passes where no test looks at what it did."""
    gone = removes(deps.artifacts.text(patch.id))
    what, were = ("1 line", "it was") if gone == 1 else (f"{gone} lines", "they were")
    return (f"it only removes {what}, and what {were} for may be untested",) if gone else ()


async def _hidden(state: State, deps: Deps, patch: Patch) -> tuple[str, ...]:
    """Exceptions that it catches around one call and that belong elsewhere; missing attributes that do without."""
    if not _HIDING.search(deps.artifacts.text(patch.id)):
        return ()
    from tools.repair.doubts import hidden  # noqa: PLC0415 - what reads code, which few patches need

    crashes = tuple(r.crash for r in state.reproduced.results if r.crash and r.id in patch.decisive)
    frames = {frame.file for crash in crashes for frame in crash.frames if frame.inside}
    named = sorted({*frames, *(s.file for s in state.suspects)} - {test_file(test) for test in patch.decisive})
    sources = await deps.bench.sources(state.ready, [file for file in named if file.endswith(".py")])
    return tuple(
        plain(doubt, 300) for doubt in hidden(await deps.bench.changes(state.ready, patch.id), crashes, sources)
    )


async def _regressions(state: State, deps: Deps, patch: Patch) -> Regression:
    """Run the suite with the patch; a test that fails now but is flaky on the base is no regression."""
    if not state.baseline:
        return Regression((), 0, 0)
    base = TestRun.model_validate_json(deps.artifacts.get(state.baseline))
    passed = tuple(r.id for r in base.passing if r.id not in patch.decisive)
    if not passed:
        return Regression((), 0, len(base.results))
    limits = state.request.limits
    chosen = () if base.complete else passed
    outcome = await deps.bench.test(
        state.ready, TestOrder(tests=chosen, patch=patch.id, wall_s=limits.suite_s * 1.5, test_s=limits.test_s)
    )
    if not outcome.run.complete:
        return Regression((), 0, len(base.results), "the suite did not end within its limit with the patch")
    now = {result.id: result for result in outcome.run.results}
    suspects = tuple(test for test in passed if test not in now or now[test].status != "passed")
    if len(suspects) > MAX_SUSPECTS:
        problem = f"{len(suspects)} tests that passed on the base do not pass with it"
        return Regression((), 0, len(base.results), problem)
    broken = await _really_broken(state, deps, suspects) if suspects else ()
    return Regression(broken, len(passed), len(base.results))


async def _really_broken(state: State, deps: Deps, tests: tuple[str, ...]) -> tuple[str, ...]:
    """Those that were not seen to fail on the base too; a run without a result excuses nobody."""
    limits = state.request.limits
    histories = await _repeat(state, deps, TestOrder(tests=tests, wall_s=limits.suite_s, test_s=limits.test_s))
    excused = {h.id for h in histories if set(h.outcomes) - {"passed", "missing"}}
    return tuple(test for test in tests if test not in excused)
