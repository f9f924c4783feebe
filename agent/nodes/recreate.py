"""recreate: no test shows what a log shows of a failure in service, so it is repeated: the request sent again, a
function of the trace called with what the log states.

A test made of that is kept only if it raises the same exception in the same line of the repository, every time, and
not at the good revision, where one is known. What that revision answers is then what the test asserts.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from langgraph.runtime import Runtime

from agent.bench import LoggedFailures, Progress, TestOrder, TestOutcome
from agent.deps import Deps
from agent.domain import Evidence, Written
from agent.evidence import observe
from agent.nodes.reproduce import judged
from agent.nodes.writing import suggested, test_files, with_coverage
from agent.repeats import repeat
from agent.state import State, Update
from agent.written import as_diff
from tools.git import plain
from tools.patches import PatchInvalid
from tools.recreate.text import SEEN, candidates, claims, final, probe
from tools.recreate.values import Draft, Drafts, Raised, Right
from tools.toolbox.newtest import FRAMEWORKS, MAX_TEST
from tools.values import Crash, TestResult

MOST_KEPT, TEST_S, MOST_S, MAX_ANSWER = 4, 10.0, 90.0, 4_000
_ABSENT = frozenset(("ImportError", "ModuleNotFoundError", "AttributeError", "NameError", "SyntaxError", "TypeError"))


@dataclass(frozen=True)
class Work:
    """What all steps need. path: of the file that the test would be."""

    state: State
    deps: Deps
    raised: Raised
    path: str

    def order(self, text: str, *, coverage: bool = False, tests: int = 1) -> TestOrder:
        """Run a version of the file."""
        limits = self.state.request.limits
        wall = max(5.0, min(limits.suite_s, self.state.remaining_s() / 6, MOST_S))
        test_s = min(limits.test_s, wall / 2, TEST_S if tests > 1 else wall)
        diff = self.deps.artifacts.put(as_diff(self.path, text))
        return TestOrder(tests=(self.path,), patch=diff, coverage=coverage, wall_s=wall, test_s=test_s)


async def recreate(state: State, runtime: Runtime[Deps]) -> Update:
    """Entered only with a log and a repository in Python whose tests do not fail."""
    deps = runtime.context
    if state.ready.framework not in FRAMEWORKS:
        return {"evidence": [observe("reproduction", f"tests are run by {state.ready.framework}: none was written")]}
    drafts = await deps.bench.drafts(state.ready, state.request)
    if drafts.raised is None:
        return {}
    if not drafts.drafts:
        return _not(state, drafts.raised, drafts.note, [])
    path = suggested(test_files(state, deps), state.ready.framework, "test_from_log")
    try:
        return await _tried(Work(state, deps, drafts.raised, path), drafts)
    except PatchInvalid as error:
        return _not(state, drafts.raised, f"{path} cannot be added: {error}", [])


async def _tried(work: Work, drafts: Drafts) -> Update:
    state, deps, raised = work.state, work.deps, work.raised
    several = drafts.drafts
    said = f"trying {len(several)} ways to repeat {raised.kind} in {raised.where}"
    deps.emit(Progress(node="recreate", text=plain(said, 300)))
    text = candidates(several, raised, work.path)
    outcome = await deps.bench.test(state.ready, work.order(text, tests=len(several)))
    pairs = [(draft, result) for draft, result in _paired(several, outcome) if result and same(result, raised)]
    pairs.sort(key=lambda pair: pair[1].crash is None or pair[1].crash.message != raised.message)
    found = [draft for draft, _ in pairs]
    seen = _evidence(work, several, outcome, deps.artifacts.put(text))
    problems = [] if found else [_why(several, outcome)]
    for draft, right in await _judged(work, spread(found), problems):
        kept = await _kept(work, draft, right)
        if not isinstance(kept, str):
            return {**kept, "evidence": [*seen, *kept["evidence"]]}
        problems.append(kept)
    return _not(state, raised, "; ".join(dict.fromkeys(problems)), seen)


def spread(drafts: Sequence[Draft]) -> list[Draft]:
    """A few of them, of different functions as far as there are such."""
    seen: Counter[tuple[str, str]] = Counter()
    rows: list[tuple[int, int, Draft]] = []
    for number, draft in enumerate(drafts):
        place = draft.module, draft.act.partition("(")[0] if draft.driver == "call" else draft.name
        rows.append((seen[place], number, draft))
        seen[place] += 1
    return [draft for _, _, draft in sorted(rows, key=lambda row: row[:2])][:MOST_KEPT]


async def _judged(work: Work, drafts: Sequence[Draft], problems: list[str]) -> list[tuple[Draft, Right | None]]:
    """Those that did not fail so at the good revision, where it is known; first what tells most of what is right."""
    good = work.state.request.good
    if not good:
        return [(draft, None) for draft in drafts]
    kept: list[tuple[Draft, Right | None]] = []
    for draft in drafts:
        right = await _right(work, draft, good)
        if isinstance(right, str):
            problems.append(right)
        else:
            kept.append((draft, right))
    return sorted(kept, key=lambda row: 2 if row[1] is None else int(not row[1].telling))


def _paired(drafts: Sequence[Draft], outcome: TestOutcome) -> list[tuple[Draft, TestResult | None]]:
    known = {result.id.rpartition("_")[2]: result for result in outcome.run.results if "::" in result.id}
    return [(draft, known.get(str(number))) for number, draft in enumerate(drafts)]


def same(result: TestResult, raised: Raised) -> bool:
    """Whether a test fails as the log shows: the kind of exception, and its innermost frame in the repository."""
    crash = result.crash
    inner = next((f for f in reversed(crash.frames) if f.inside), None) if crash and result.bad else None
    if crash is None or inner is None or crash.kind.rpartition(".")[2] != raised.kind:
        return False
    return (inner.file, inner.line) == (raised.file, raised.line) and _named(inner.function) == _named(raised.function)


def _named(function: str) -> str:
    return function.rpartition(".")[2]


def _evidence(work: Work, drafts: Sequence[Draft], outcome: TestOutcome, text: str) -> list[Evidence]:
    """What was tried, with how each ended; the file itself is the artifact."""
    rows = [observe("reproduction", f"{len(drafts)} ways to repeat {work.raised.kind} were run in the sandbox",
                    artifact=text)]  # fmt: skip
    for draft, result in _paired(drafts, outcome)[:12]:
        rows.append(observe("reproduction", plain(f"Patchwright {draft.said}: {_ended(result)}", 400)))
    return rows


def _ended(result: TestResult | None) -> str:
    if result is None:
        return "no result"
    crash = result.crash or Crash()
    inner = next((f for f in reversed(crash.frames) if f.inside), None)
    where = f" in {inner.function} ({inner.file}:{inner.line})" if inner else ""
    first = next(iter(crash.message.strip().splitlines()), "")[:120]
    return f"{crash.kind}: {first}{where}" if result.bad else "nothing is raised"


def _why(drafts: Sequence[Draft], outcome: TestOutcome) -> str:
    ends = dict.fromkeys(_ended(result) for _, result in _paired(drafts, outcome))
    ways = f"{len(drafts)} way" if len(drafts) == 1 else f"{len(drafts)} ways"
    if not outcome.run.results:
        return f"{ways} could not be run: {outcome.run.note[:300]}"
    return f"{ways} tried, none raises it there; they ended in {', '.join([*ends][:3])}"


def _not(state: State, raised: Raised, why: str, evidence: list[Evidence]) -> Update:
    """As it was before, with what was tried and what would help."""
    needed = "to reproduce it, give a log with the failing request and its body, or a test that fails"
    reason = f"{raised.kind} in {raised.where} could not be reproduced, because {why}; {needed} ({state.reason})"
    line = f"no test was kept for {raised.kind} in {raised.where}: {why}"
    return {
        "outcome": state.outcome or "inconclusive", "reason": plain(reason, 1200),
        "evidence": [*evidence, observe("reproduction", plain(line, 600))],
    }  # fmt: skip


async def _kept(work: Work, draft: Draft, right: Right | None) -> Update | str:
    """The failure as the test shows it, when it does so every time; else why not."""
    state, deps, raised = work.state, work.deps, work.raised
    text = final(draft, raised, work.path, right)
    if len(text) > MAX_TEST:
        return f"a test that {draft.said} is too long to be kept"
    first = await deps.bench.test(state.ready, work.order(text, coverage=True))
    if [same(result, raised) for result in first.run.results] != [True]:
        return f"a test that {draft.said} alone does not fail so"
    order = work.order(text).model_copy(update={"tests": (first.run.results[0].id,)})
    limits = state.request.limits
    runs = await repeat(
        deps.bench, state.ready, order, times=limits.repeats, workers=limits.workers, earlier=(first,)
    )  # fmt: skip
    found = judged(deps, runs, LoggedFailures(), order.wall_s)
    if "failure" not in found or not all(same(result, raised) for result in runs.last):
        return f"a test that {draft.said} does not fail so every time"
    shows = f"{raised.kind}: {raised.message.splitlines()[0][:300]}" if raised.message else raised.kind
    written = Written(
        path=work.path, content=deps.artifacts.put(text), model="", quotes=tuple(filter(None, (draft.quote, shows))),
        claims=plain(claims(draft, raised, right), 1000),
    )  # fmt: skip
    prepared = state.ready.model_copy(update={"written": written})
    return {**found, **with_coverage(state, deps, first), "prepared": prepared, "outcome": None, "reason": "",
            "evidence": [observe("reproduction", written.claims), *found["evidence"]]}  # fmt: skip


async def _right(work: Work, draft: Draft, good: str) -> Right | str | None:
    """What the good revision gives; None where nobody can know; why the draft shows nothing, where it fails too."""
    order = work.order(probe(draft, work.raised, work.path))
    seen = [
        await work.deps.bench.past(work.state.ready, good, order.model_copy(update={"seed": seed})) for seed in (0, 1)
    ]
    crashes = [result.crash or Crash() for outcome in seen for result in outcome.run.results]
    if len(crashes) != len(seen):
        return None
    if any(crash.kind.rpartition(".")[2] == work.raised.kind for crash in crashes):
        return f"at the good revision {good[:12]} a test that {draft.said} fails so too"
    answers = [crash.message.partition(SEEN)[2].strip() for crash in crashes]
    kinds = {crash.kind.rpartition(".")[2] for crash in crashes}
    if not any(answers) and len(kinds) == 1 and not kinds & _ABSENT:
        kind = kinds.pop()
        return Right(answer=ascii(f"raises {kind}"), revision=good, raises=kind)
    return _answered([_literal(answer) for answer in answers], draft, good)


def _answered(values: Sequence[object], draft: Draft, good: str) -> Right | None:
    if any(isinstance(value, _Unknown) for value in values):
        return None
    if draft.driver != "call" and any(isinstance(value, list) and value[:1] >= [500] for value in values):
        return None  # it cannot answer here
    if ascii(values[0]) == ascii(values[1]):
        return Right(answer=ascii(values[0]), revision=good)
    status = draft.driver != "call" and isinstance(values[0], list) and isinstance(values[1], list)
    first = [value[0] for value in values if isinstance(value, list) and value]
    return Right(answer=ascii(first[0]), revision=good, status=True) if status and len({*first}) == 1 else None


class _Unknown:
    """No literal."""


def _literal(text: str) -> object:
    """The value that a literal writes; what a program of strangers printed is never more than that."""
    try:
        value = ast.literal_eval(text) if len(text) <= MAX_ANSWER else _Unknown()
        return value if ast.literal_eval(ascii(value)) == value else _Unknown()
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return _Unknown()
