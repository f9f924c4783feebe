"""reproduce: the failing tests run k times on the base, each in a fresh sandbox; stable, flaky, or not reproduced."""

from __future__ import annotations

import re
from collections.abc import Sequence

from langgraph.runtime import Runtime

from agent.bench import LoggedFailures, Progress, TestOrder
from agent.deps import Deps
from agent.domain import Evidence, Failure, FailureGroup, Outcome
from agent.evidence import observe
from agent.repeats import Repeats, repeat, say_late
from agent.state import State, Update
from tools.values import Crash, TestResult, TestRun

MAX_DECISIVE = 50
MAX_ISSUE = 200_000


async def reproduce(state: State, runtime: Runtime[Deps]) -> Update:
    """Tests named by the request or its log run alone; with none named the whole suite runs once, with coverage."""
    named = await runtime.context.bench.reading(state.ready, state.request)
    if named.tests:
        return await _named(state, runtime.context, named)
    return await _suite(state, runtime.context, named)


async def _named(state: State, deps: Deps, named: LoggedFailures) -> Update:
    limits = state.request.limits
    deps.emit(
        Progress(node="reproduce", text=f"running {_count(len(named.tests), 'named test')} {limits.repeats} times")
    )
    wall = min(limits.suite_s, state.remaining_s() / 3)
    order = TestOrder(tests=named.tests, wall_s=wall, test_s=min(limits.test_s, wall / 2))
    runs = await repeat(deps.bench, state.ready, order, times=limits.repeats, workers=limits.workers)
    if not runs.histories:
        reason = runs.problem or "the named tests produced no result"
        outcome: Outcome = "inconclusive" if runs.late else "not_reproduced"
        return {"outcome": outcome, "reason": reason, "evidence": [observe("test-run", reason)]}
    return judged(deps, runs, named, wall)


async def _suite(state: State, deps: Deps, named: LoggedFailures) -> Update:
    limits = state.request.limits
    deps.emit(Progress(node="reproduce", text="no test named: running the suite"))
    wall = min(limits.suite_s, state.remaining_s() / 2)
    order = TestOrder(wall_s=wall, test_s=min(limits.test_s, wall / 4), coverage=True)
    suite = await deps.bench.test(state.ready, order)
    kept: Update = {"baseline": deps.artifacts.put(suite.run.to_json())}
    if suite.coverage:
        kept["coverage"] = deps.artifacts.put(suite.coverage.to_json())
    failing = _wanted(state, deps, [result.id for result in suite.run.failing if not result.collecting_late])
    if not failing:
        return {**kept, **_green(suite.run, named)}
    again = TestOrder(tests=failing, wall_s=order.wall_s, test_s=order.test_s)
    runs = await repeat(deps.bench, state.ready, again, times=limits.repeats, workers=limits.workers, earlier=(suite,))
    return {**kept, **judged(deps, runs, named, wall)}


def _wanted(state: State, deps: Deps, failing: Sequence[str]) -> tuple[str, ...]:
    """The failing tests of the suite that are to be mended: all, or those that the issue names."""
    issue = state.request.issue
    if issue and state.request.reported_only:
        words = frozenset(re.findall(r"\w+", deps.artifacts.text(issue)[:MAX_ISSUE]))
        failing = [test for test in failing if re.sub(r"\[.*", "", test).rpartition("::")[2] in words]
    return tuple(failing)[:MAX_DECISIVE]


def _green(run: TestRun, named: LoggedFailures) -> Update:
    if not run.results:
        reason = run.note or "no test was found or run"
        return {"outcome": "inconclusive", "reason": reason, "evidence": [_seen_run(run, reason)]}
    if run.collecting_late:
        reason = f"{say_late(run)}; none of the other tests had failed"
        return {"outcome": "inconclusive", "reason": reason, "evidence": [_seen_run(run, reason)]}
    if not run.complete:
        none = "none that the issue names had failed" if run.failing else "none had failed"
        reason = f"the suite did not end within its limit after {_count(len(run.results), 'test')}; {none}"
        return {"outcome": "inconclusive", "reason": reason, "evidence": [_seen_run(run, reason)]}
    reason = f"the suite is green: {_count(len(run.passing), 'test')} passed and none failed"
    if run.failing:
        reason = f"{_count(len(run.failing), 'test')} of {len(run.results)} failed, none of which the issue names"
    if named.summary:
        reason += f"; the log's failure ({named.summary}) does not occur here"
    return {"outcome": "not_reproduced", "reason": reason, "evidence": [_seen_run(run, reason)]}


def _seen_run(run: TestRun, summary: str) -> Evidence:
    return observe("test-run", summary, command=" ".join(run.command), seconds=round(run.wall_s, 2))


def judged(deps: Deps, runs: Repeats, named: LoggedFailures, wall_s: float) -> Update:
    """The failure that the runs show and their evidence; an outcome where no test failed in all of them."""
    failed = [h for h in runs.histories if h.stability == "stable-fail"]
    passed = {r.id for r in runs.last if r.crash and _xpassed(r.crash)}
    stable, xpassed = [h for h in failed if h.id not in passed], [h.id for h in failed if h.id in passed]
    unstable = [h for h in runs.histories if h.stability in ("flaky", "missing")]
    results = tuple(r for r in runs.last if r.id in {h.id for h in stable})
    log = deps.artifacts.put("\n\n".join(outcome.run.output for outcome in runs.outcomes))
    times = len(runs.outcomes)
    evidence = [
        observe("test-run", f"{h.id} failed {times} of {times} times: {_why(runs, h.id)}", artifact=log) for h in stable
    ]
    evidence += [
        observe("test-run", f"{h.id} is unstable over {times} runs: {', '.join(h.outcomes)}", artifact=log)
        for h in unstable
    ]
    evidence += [observe("test-run", f"{test} passes, and is marked as failing", artifact=log) for test in xpassed]
    if not stable:
        outcome = _unexpected(xpassed) if xpassed and not unstable else _unstable_outcome(runs, named)
        return {**outcome, "evidence": evidence}
    failure = Failure(
        tests=tuple(stable), results=results, groups=group(results), wall_s=wall_s, test_s=runs.test_s
    )  # fmt: skip
    return {"failure": failure, "evidence": evidence}


def _xpassed(crash: Crash) -> bool:
    """Whether a test failed for passing: with pytest's mark, or with unittest's as pytest tells of it."""
    told = crash.kind == "Failed" and crash.message.strip() == "Unexpected success"
    return crash.kind == "XPassed" or (told and not any(frame.inside for frame in crash.frames))


def _unexpected(tests: Sequence[str]) -> Update:
    """Nothing is wrong with the code: whoever mended what the mark speaks of has left the mark."""
    names = ", ".join(tests[:3]) + (f" and {len(tests) - 3} more" if len(tests) > 3 else "")
    reason = f"{names}: marked as expected to fail, and passes: take the mark away (xfail strict, expectedFailure)"
    return {"outcome": "diagnosed", "reason": reason}


def _unstable_outcome(runs: Repeats, named: LoggedFailures) -> Update:
    flaky = [h for h in runs.histories if h.stability in ("flaky", "missing")]
    if flaky and runs.problem and all("passed" not in h.outcomes for h in flaky):
        return {
            "outcome": "inconclusive",
            "reason": f"{runs.without_result} of {len(runs.outcomes)} runs gave no result: {runs.problem}",
        }
    if flaky and runs.late and all(set(h.outcomes) <= {"passed", "missing"} for h in flaky):
        return {"outcome": "inconclusive", "reason": runs.late}
    if flaky:
        first = flaky[0]
        bad = sum(o != "passed" for o in first.outcomes)
        reason = f"{first.id} failed {bad} of {len(first.outcomes)} times on the same code: it is flaky"
        if first.outcomes[0] != "passed" and all(o == "passed" for o in first.outcomes[1:]):
            reason += " (it failed within the suite and passed alone: it may depend on other tests)"
        return {"outcome": "flaky", "reason": reason}
    passed = _count(len(runs.histories), "test")
    where = f"; the log says: {named.summary}" if named.summary else ""
    return {
        "outcome": "not_reproduced",
        "reason": f"{passed} passed {len(runs.outcomes)} of {len(runs.outcomes)} times{where}",
    }


def _why(runs: Repeats, test: str) -> str:
    crash = next((r.crash for r in runs.last if r.id == test), None)
    if crash is None:
        return "no message"
    first_line = crash.message.strip().splitlines()[0] if crash.message.strip() else ""
    return f"{crash.kind}: {first_line}"[:300] if first_line else crash.kind


def group(results: Sequence[TestResult]) -> tuple[FailureGroup, ...]:
    """Failing tests that share a signature, the largest group first."""
    groups: dict[str, list[str]] = {}
    for result in results:
        groups.setdefault(result.crash.signature if result.crash else "", []).append(result.id)
    rows = [FailureGroup(signature=signature, tests=tuple(tests)) for signature, tests in groups.items()]
    return tuple(sorted(rows, key=lambda row: -len(row.tests)))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
