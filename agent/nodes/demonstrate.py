"""demonstrate: no test shows what was reported, so a model writes one. It is kept only if it fails every time, for the
reported reason, in code of the repository; then it is the decisive test of the run, and the certificate holds it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from langgraph.runtime import Runtime

from agent.act import Account, Acted
from agent.bench import LoggedFailures, Progress, TestOrder, TestOutcome
from agent.deps import Deps
from agent.domain import Reasoner, Written
from agent.evidence import observe
from agent.mind import Mind
from agent.nodes.case import account, counted, thought, told
from agent.nodes.reasons import wrong
from agent.nodes.reproduce import judged
from agent.nodes.writing import (
    Draft,
    Writer,
    drafted,
    ends,
    exercised,
    reported,
    suggested,
    test_files,
    with_coverage,
    write,
)
from agent.prompts import render
from agent.repeats import repeat
from agent.state import State, Update
from agent.written import as_diff
from tools.git import plain
from tools.patches import PatchInvalid, touched
from tools.toolbox.newtest import FRAMEWORKS

BRANCH = "test"
SHARE, MOST = 0.35, 0.5
REPORT, LOG = 12_000, 6000
_NOTHING = "You have written no test yet. Create it with the tool edit: path, old empty, new the whole text."


@dataclass(frozen=True)
class Tried:
    """A written test as it was run once. problem: why it is not kept."""

    problem: str
    path: str = ""
    text: str = ""
    quotes: tuple[str, ...] = ()
    outcome: TestOutcome | None = None

    @property
    def failing(self) -> tuple[str, ...]:
        """Its tests that fail."""
        return tuple(result.id for result in self.outcome.run.failing) if self.outcome else ()


async def demonstrate(state: State, runtime: Runtime[Deps]) -> Update:
    """Entered only with a model, and a report or a log."""
    deps, reasoner = runtime.context, state.request.reasoner
    if reasoner is None or deps.mind is None:
        return {}
    if state.ready.framework not in FRAMEWORKS:
        why = f"tests are run by {state.ready.framework}; a model writes them only for {', '.join(FRAMEWORKS)}"
        return {"evidence": [observe("written-test", why)]}
    deps.mind.renew()
    deps.emit(Progress(node="demonstrate", text=f"{reasoner.name} writes a test that fails as reported"))
    money = account(state, deps, reasoner, share=SHARE, most=MOST)
    began = money.tokens
    acted, tried, problem = await _write(state, deps, deps.mind, money)
    kept = await _kept(state, deps, reasoner, tried) if tried.outcome and not tried.problem else None
    spent: Update = {"thoughts": counted(BRANCH, began - money.tokens, [thought(BRANCH, acted, problem)])}
    if isinstance(kept, dict):
        line = told(BRANCH, acted, problem, f"writes {tried.path}, which fails as reported ({tried.quotes[0]})")
        return {**spent, **kept, "evidence": [observe("written-test", plain(line, 600)), *kept["evidence"]]}
    why = problem or kept or tried.problem
    line = told(BRANCH, acted, problem, f"no test is kept: {kept or tried.problem}")
    reason = f"{state.reason}; the model could not write a test that shows what was reported: {plain(why, 400)}"
    return {**spent, "reason": reason, "evidence": [observe("written-test", plain(line, 900))]}


async def _write(state: State, deps: Deps, mind: Mind, money: Account) -> tuple[Acted, Tried, str]:
    """Let the model write. Its failure is a problem told, and what it had written is still looked at."""
    judge = Judge(state, deps)

    async def check(diff: str, answer: str) -> str:
        return (await judge.tried(diff, answer)).problem

    writer = Writer(mind, money, BRANCH, render("demonstrate.system"), _prompt(state, deps), check)
    acted, diff, problem = await write(state, deps, writer)
    return acted, await judge.tried(diff, acted.text), problem


def _prompt(state: State, deps: Deps) -> str:
    issue, log = reported(state, deps)
    names = test_files(state, deps)
    return render(
        "demonstrate.user",
        report=ends(issue or log, REPORT),
        log=ends(log, LOG) if issue and log else "",
        outcome=plain(state.reason, 400),
        tests=[plain(name, 200) for name in names[:12]],
        suggestion=suggested(names, state.ready.framework, "test_reported"),
    )


@dataclass
class Judge:
    """Runs what was written, each version once."""

    state: State
    deps: Deps
    _known: dict[tuple[str, str], Tried] = field(default_factory=dict)

    async def tried(self, diff: str, answer: str) -> Tried:
        """What a version comes to, and the answer that goes with it."""
        if (diff, answer) not in self._known:
            self._known[diff, answer] = await self._try(diff, answer)
        return self._known[diff, answer]

    async def _try(self, diff: str, answer: str) -> Tried:
        if not diff:
            return Tried(_NOTHING)
        draft = drafted(self.state, "\n".join(reported(self.state, self.deps)), diff, answer)
        if draft.problem:
            return Tried(draft.problem)
        try:
            outcome = await self.deps.bench.test(self.state.ready, self._order(as_diff(draft.path, draft.text)))
        except PatchInvalid as error:
            return Tried(f"{draft.path} cannot be added: {error}")
        return Tried(_problem(outcome, draft), draft.path, draft.text, draft.quotes, outcome)

    def _order(self, diff: str) -> TestOrder:
        limits = self.state.request.limits
        wall = max(5.0, min(limits.suite_s, self.state.remaining_s() / 6))
        return TestOrder(
            tests=touched(diff), patch=self.deps.artifacts.put(diff), coverage=True, wall_s=wall,
            test_s=min(limits.test_s, wall / 2),
        )  # fmt: skip


def _problem(outcome: TestOutcome, draft: Draft) -> str:
    run = outcome.run
    if not run.results:
        return f"No test of {draft.path} ran: {plain(run.note or 'it defines none', 300)}"
    if not run.failing:
        return f"{draft.path} passes on the code as it is. It must fail as reported."
    covered = exercised(outcome, draft.path)
    found = (wrong(result, draft.path, draft.text, draft.quotes, covered) for result in run.failing)
    return next(filter(None, found), "")


async def _kept(state: State, deps: Deps, reasoner: Reasoner, tried: Tried) -> Update | str:
    """The failure that the test shows, when it shows it every time; else why not."""
    if tried.outcome is None:
        return tried.problem
    limits = state.request.limits
    digest = deps.artifacts.put(as_diff(tried.path, tried.text))
    wall = max(5.0, min(limits.suite_s, state.remaining_s() / 6))
    order = TestOrder(tests=tried.failing, patch=digest, wall_s=wall, test_s=min(limits.test_s, wall / 2))
    runs = await repeat(
        deps.bench, state.ready, order, times=limits.repeats, workers=limits.workers, earlier=(tried.outcome,)
    )
    found = judged(deps, runs, LoggedFailures(), wall)
    failure = found.get("failure")
    if failure is None or set(failure.ids) != set(tried.failing):
        return f"{tried.path} does not fail every time"
    written = Written(
        path=tried.path, content=deps.artifacts.put(tried.text), model=reasoner.name, quotes=tried.quotes
    )  # fmt: skip
    prepared = state.ready.model_copy(update={"written": written})
    return {**found, **with_coverage(state, deps, tried.outcome), "prepared": prepared, "outcome": None, "reason": ""}
