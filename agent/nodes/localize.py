"""localize: frames, the coverage spectrum, recent changes and (with a good revision) bisection, as ranked suspects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from langgraph.runtime import Runtime

from agent.bench import BisectOrder, Progress, TestOrder
from agent.deps import Deps
from agent.domain import Evidence, Suspect
from agent.evidence import observe
from agent.repeats import say_late
from agent.state import State, Update
from tools.localize.rank import Observed, functions, rank
from tools.testing.paths import is_doctest, is_test_file
from tools.values import Coverage, TestRun

MAX_FILES = 400
MAX_SUSPECTS = 200
MAX_COVERAGE_FILES = 2000


@dataclass(frozen=True)
class Suite:
    """One run of the suite on the base; coverage is None when it could not be had."""

    run: TestRun
    coverage: Coverage | None


async def localize(state: State, runtime: Runtime[Deps]) -> Update:
    """The suite is run once here unless `reproduce` already did."""
    deps = runtime.context
    suite, kept = await _suite(state, deps)
    bisection = await _bisect(state, deps)
    suspects = await _rank(state, deps, suite)
    rows = [_sentence(file, name, score, suspects) for file, name, score in functions(suspects)[:5]]
    evidence = [observe("suspect", row) for row in rows]
    if suite.run.collecting_late:
        evidence.append(observe("test-run", f"coverage is not complete: {say_late(suite.run)}"))
    return {**kept, **bisection, "suspects": suspects, "evidence": [*evidence, *bisection.get("evidence", [])]}


async def _suite(state: State, deps: Deps) -> tuple[Suite, Update]:
    if state.baseline:
        run = TestRun.model_validate_json(deps.artifacts.get(state.baseline))
        coverage = Coverage.model_validate_json(deps.artifacts.get(state.coverage)) if state.coverage else None
        return Suite(run, coverage), {}
    limits = state.request.limits
    deps.emit(Progress(node="localize", text="running the suite with per-test coverage"))
    wall = min(limits.suite_s, state.remaining_s() * 0.4)
    order = TestOrder(wall_s=wall, test_s=min(limits.test_s, wall / 4), coverage=True)
    outcome = await deps.bench.test(state.ready, order)
    suite = Suite(outcome.run, outcome.coverage)
    covered = set(suite.coverage.tests) if suite.coverage else set()
    if not set(state.reproduced.ids) <= covered:
        suite = _merge(suite, await _alone(state, deps))
    kept: Update = {"baseline": deps.artifacts.put(suite.run.to_json())}
    if suite.coverage:
        kept["coverage"] = deps.artifacts.put(suite.coverage.to_json())
    return suite, kept


async def _alone(state: State, deps: Deps) -> Suite:
    """The failing tests' files alone, when the suite's run did not reach them."""
    limits = state.request.limits
    files = tuple(dict.fromkeys(test.split("::")[0] for test in state.reproduced.ids))
    order = TestOrder(
        tests=files, wall_s=min(limits.suite_s, state.remaining_s() / 4), test_s=limits.test_s, coverage=True
    )
    outcome = await deps.bench.test(state.ready, order)
    return Suite(outcome.run, outcome.coverage)


def _merge(first: Suite, second: Suite) -> Suite:
    known = {result.id for result in first.run.results}
    results = (*first.run.results, *(r for r in second.run.results if r.id not in known))
    run = first.run.model_copy(update={"results": results})
    if first.coverage is None or second.coverage is None:
        return Suite(run, second.coverage or first.coverage)
    return Suite(run, merge_coverage(first.coverage, second.coverage))


def merge_coverage(first: Coverage, second: Coverage) -> Coverage:
    """The tests of both; a test in both keeps its first coverage."""
    fresh = [i for i, test in enumerate(second.tests) if test not in set(first.tests)]
    shift = {old: len(first.tests) + new for new, old in enumerate(fresh)}
    lines = {file: dict(rows) for file, rows in first.lines.items()}
    for file, rows in second.lines.items():
        for line, tests in rows.items():
            added = tuple(shift[t] for t in tests if t in shift)
            lines.setdefault(file, {})[line] = (*lines.get(file, {}).get(line, ()), *added)
    imported = {**second.imported, **first.imported}
    return Coverage(tests=(*first.tests, *(second.tests[i] for i in fresh)), lines=lines, imported=imported)


async def _rank(state: State, deps: Deps, suite: Suite) -> list[Suspect]:
    failure = state.reproduced
    # A source file with passing doctests is no test file: the fault may be in it.
    ran = [result.id for result in suite.run.results if not is_doctest(result.id)]
    tests = {test_file(test) for test in [*ran, *failure.ids]}
    covered = _covered_files(suite.coverage, set(failure.ids))
    framed = [f.file for crash in failure.crashes for f in crash.frames if f.inside]
    logged = await deps.bench.reading(state.ready, state.request)
    framed += [f.file for crash in logged.crashes for f in crash.frames if f.inside]
    files = [f for f in dict.fromkeys([*framed, *covered]) if f not in tests and not is_test_file(f)][:MAX_FILES]
    sources = await deps.bench.sources(state.ready, files)
    changed = await deps.bench.changed(state.ready, state.request.good, list(sources))
    observed = Observed(
        failing=failure.results,
        passing=[r.id for r in suite.run.passing],
        sources=sources,
        coverage=suite.coverage,
        changed=changed.lines,
        crashes=logged.crashes,
    )
    return list(rank(observed)[:MAX_SUSPECTS])


def _covered_files(coverage: Coverage | None, failing: set[str]) -> list[str]:
    if coverage is None:
        return []
    wanted = {index for index, test in enumerate(coverage.tests) if test in failing}
    hit = [file for file, lines in coverage.lines.items() if any(wanted.intersection(t) for t in lines.values())]
    return [*hit, *(f for f in coverage.imported if f not in hit)][:MAX_COVERAGE_FILES]


def test_file(test: str) -> str:
    """The file part of a test id."""
    return test.split("::", maxsplit=1)[0]


def _sentence(file: str, name: str, score: float, suspects: Iterable[Suspect]) -> str:
    first = next(s for s in suspects if s.file == file and s.function == name)
    why = "; ".join(signal.detail for signal in first.signals[:3])
    return f"{name} in {file} (score {score:.2f}): {why}"


async def _bisect(state: State, deps: Deps) -> Update:
    good, limits = state.request.good, state.request.limits
    if not good:
        return {}
    tests = state.reproduced.ids[:3]
    order = BisectOrder(
        good=good, tests=tests, repeats=min(3, limits.repeats), wall_s=state.remaining_s() * 0.5, test_s=limits.test_s
    )
    found = await deps.bench.bisect(state.ready, order, deps.emit)
    if found.culprit is None:
        return {"evidence": [observe("bisect", found.reason)], "reason": found.reason if found.already_bad else ""}
    culprit = found.culprit
    summary = (
        f"bisection names {culprit.commit[:12]} ({culprit.date}, {culprit.author}): {culprit.subject}; "
        f"{culprit.tested} commits tested, {culprit.skipped} skipped, {culprit.seconds:.1f} s"
    )
    seen: Evidence = observe("commit", summary, artifact=culprit.diff, commit=culprit.commit)
    return {"culprit": culprit, "evidence": [seen]}
