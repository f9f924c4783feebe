"""consult: a run that cannot go on by itself, or must not, asks a person. It stops here until there is an answer."""

from __future__ import annotations

from langgraph.runtime import Runtime
from langgraph.types import interrupt

from agent.asking import Answer, Question, Settled, Subject, amended
from agent.deps import Deps
from agent.domain import Limits, Request, Verdict
from agent.evidence import observe
from agent.state import State, Update
from tools.git import plain

MOST = 5
MOST_DETAIL = 20_000
MOST_ROUNDS = 10
LEAST_MORE_S = 120.0
LACKING = ("environment_broken", "inconclusive", "not_reproduced")
GUARDED = ("test-config", "ci-config", "lock-file", "patchwright", "startup-hook")
_MORE = {
    "environment_broken": "How is it installed, with which Python, and what runs its tests?",
    "inconclusive": "Which tests fail, and how are they run?",
    "not_reproduced": "Which tests fail, at which revision, or what does the log of the failure say?",
}
_NO = {"deny": "a person said no", "expired": "nobody answered in time"}


def subject(state: State) -> Subject | None:
    """What there is to ask now, of a run that may ask."""
    if not state.request.ask or len(state.answered) >= MOST:
        return None
    if state.outcome in LACKING:
        return "information"
    if state.outcome or state.failure is None or state.verified or state.request.goal != "patch":
        return None
    if _guarded(state):
        return "guard"
    return "budget" if _worth_more(state) else None


async def consult(state: State, runtime: Runtime[Deps]) -> Update:
    """Ask, or go on with the answer. The machine runs this from its first line again when there is one."""
    deps = runtime.context
    about = subject(state)
    if about is None:
        raise LookupError("there is nothing to ask: the graph's edges are wrong")
    question = {"guard": _guard, "budget": _budget, "information": _information}[about](state, deps)
    answer = Answer.model_validate_json(interrupt(question.to_json()))
    return _settled(state, deps, question, answer)


def _guarded(state: State) -> Verdict | None:
    """A patch that only touches what the guard keeps, which nobody was asked about yet."""
    asked = {settled.patch for settled in state.answered}
    for verdict in state.last_verdicts:
        if verdict.findings and verdict.patch not in asked and all(f.rule in GUARDED for f in verdict.findings):
            return verdict
    return None


def _worth_more(state: State) -> bool:
    """Whether the limits ended the run's work while there was something left to try."""
    refused = any(one.subject == "budget" and one.decision != "approve" for one in state.answered)
    if refused or not MOST_ROUNDS > state.round > 0:
        return False
    left = {patch.id for patch in state.patches} - {verdict.patch for verdict in state.verdicts}
    tried = sum(search.tried for search in state.searches)
    cut = tried >= state.request.limits.candidates or bool(state.searches and not state.searches[-1].exhausted)
    return bool(left) or cut or bool(state.thoughts and state.thoughts[-1].stopped in ("tokens", "seconds", "steps"))


def _name(state: State) -> str:
    return f"q{len(state.answered) + 1}"


def _guard(state: State, deps: Deps) -> Question:
    verdict = _guarded(state)
    if verdict is None:
        raise LookupError("no patch waits for the guard")
    patch = next(patch for patch in state.patches if patch.id == verdict.patch)
    what = ", ".join(f"{plain(f.file, 200)} ({f.detail})" for f in verdict.findings[:5])
    return Question(
        id=_name(state), subject="guard", question=f"May a patch change {what}?",
        detail=deps.artifacts.text(patch.id)[:MOST_DETAIL],
        consequence="approve: it is verified like any other, and the certificate says which rules were lifted; "
        "deny: it stays refused",
    )  # fmt: skip


def _budget(state: State, deps: Deps) -> Question:
    del deps
    request, more = state.request, _more(state)
    tried = sum(search.tried for search in state.searches)
    tokens = f" and {_more_tokens(state):,} tokens" if request.reasoner else ""
    return Question(
        id=_name(state), subject="budget",
        question=f"No patch is verified after {state.spent_s:.0f} of {request.limits.wall_s:.0f} s, "
        f"{state.round} rounds and {tried:,} candidates. May the run spend {more.wall_s:.0f} s{tokens} more?",
        detail="\n".join(e.summary for e in state.evidence if e.kind in ("search", "verdict"))[-MOST_DETAIL:],
        consequence="approve: it looks for patches for one more round; deny: it ends with what it knows",
    )  # fmt: skip


def _information(state: State, deps: Deps) -> Question:
    seen = [e.artifact for e in state.evidence if e.artifact and e.kind in ("environment", "test-run")]
    return Question(
        id=_name(state), subject="information",
        question=plain(f"{state.reason}. {_MORE[state.outcome or 'inconclusive']}", 2000),
        detail=deps.artifacts.text(seen[-1])[-MOST_DETAIL:] if seen else "",
        consequence="a message: the run tries again with it; deny: it ends with what it knows",
    )  # fmt: skip


def _settled(state: State, deps: Deps, question: Question, answer: Answer) -> Update:
    verdict = _guarded(state) if question.subject == "guard" else None
    settled = Settled(
        question=question.id, subject=question.subject, decision=answer.decision,
        patch=verdict.patch if verdict else None,
        rules=tuple(dict.fromkeys(f.rule for f in verdict.findings)) if verdict else (),
    )  # fmt: skip
    note = f": {plain(answer.note, 500)}" if answer.note else ""
    what = _NO.get(answer.decision, "a person agreed" if answer.decision == "approve" else "a person told more") + note
    seen = observe("answer", f"asked “{question.question}”, {what}", question=question.id)
    update: Update = {"answered": [settled], "evidence": [seen]}
    if answer.decision in _NO and question.subject == "information":
        return {**update, "reason": f"{state.reason}; asked for more, {what}"}
    if answer.decision == "message":
        return {**update, **_anew(state, deps, answer)}
    if answer.decision == "approve" and question.subject == "budget":
        return {**update, "request": _extended(state)}
    return update


def _anew(state: State, deps: Deps, answer: Answer) -> Update:
    """Back to the reproduction, or to the checkout where that is another one."""
    again: Update = {
        "request": amended(state.request, answer.more, deps.artifacts), "outcome": None, "reason": "", "failure": None
    }  # fmt: skip
    if answer.more and answer.more.rebuilds:
        return {**again, "prepared": None, "baseline": None, "coverage": None}
    return again


def _more(state: State) -> Limits:
    """What is added: as much as the run had to begin with, and enough for a round."""
    limits, times = state.request.limits, _extensions(state) + 1
    return limits.model_copy(
        update={"wall_s": max(LEAST_MORE_S, limits.wall_s / times), "candidates": limits.candidates // times}
    )


def _more_tokens(state: State) -> int:
    return state.request.reasoner.tokens // (_extensions(state) + 1) if state.request.reasoner else 0


def _extensions(state: State) -> int:
    return sum(one.subject == "budget" and one.decision == "approve" for one in state.answered)


def _extended(state: State) -> Request:
    limits, more, reasoner = state.request.limits, _more(state), state.request.reasoner
    wider = limits.model_copy(
        update={
            "wall_s": max(limits.wall_s, state.spent_s) + more.wall_s,
            "candidates": limits.candidates + more.candidates,
            "rounds": min(MOST_ROUNDS, max(limits.rounds, state.round) + 1),
        }
    )  # fmt: skip
    if reasoner:
        reasoner = reasoner.model_copy(update={"tokens": reasoner.tokens + _more_tokens(state)})
    return state.request.model_copy(update={"limits": wider, "reasoner": reasoner})
