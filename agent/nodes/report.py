"""report: the honest outcome, with its cause, evidence, patch, certificate, cost and what to do next."""

from __future__ import annotations

import json
from typing import Any

from langgraph.runtime import Runtime

from agent.deps import Deps
from agent.domain import (
    Alternative,
    Cost,
    Outcome,
    Patch,
    Report,
    SuspectRow,
    Verdict,
    WrittenTest,
)
from agent.nodes.surroundings import surroundings
from agent.state import State, Update
from tools.localize.rank import functions

MAX_ROWS = 50


async def report(state: State, runtime: Runtime[Deps]) -> Update:
    """Assemble the report from the state alone and keep it as an artifact."""
    deps = runtime.context
    outcome, reason = decide(state)
    verdict = state.verified
    patch = next((p for p in state.patches if verdict and p.id == verdict.patch), None)
    made = Report(
        run=state.run,
        outcome=outcome,
        reason=reason,
        root_cause=_cause(state, patch),
        request=state.request,
        repository=_repository(state),
        failing_tests=state.failure.tests if state.failure else (),
        failures=state.failure.results if state.failure else (),
        groups=state.failure.groups if state.failure else (),
        suspects=_suspects(state),
        evidence=tuple(state.evidence),
        culprit=state.culprit,
        patch=deps.artifacts.text(patch.id) if patch else None,
        patch_description=patch.description if patch else "",
        verdict=verdict,
        certificate=_certificate(deps, verdict),
        alternatives=_alternatives(state, deps, patch),
        rejected=tuple(v for v in state.last_verdicts if not v.verified),
        next_steps=_next_steps(state, outcome, patch),
        cost=_cost(state),
        written_test=_written_test(state, deps),
        explanation=state.explanation,
    )
    return {"outcome": outcome, "reason": reason, "report": deps.artifacts.put(made.to_json(indent=2))}


def decide(state: State) -> tuple[Outcome, str]:
    """The outcome follows from what was run, in this order."""
    if state.outcome:
        return state.outcome, state.reason
    if state.verified:
        return "verified_patch", state.verified.reason
    if state.reason:
        return "already_failing", state.reason
    if state.suspects or state.culprit:
        return "diagnosed", _why_no_patch(state)
    return "inconclusive", "the failure reproduces, but nothing observed points to a place in the code"


def _why_no_patch(state: State) -> str:
    if state.request.goal == "triage":
        return "the failure was reproduced and localized; a patch was not asked for"
    refused = [v for v in state.last_verdicts if not v.verified]
    tried = sum(s.tried for s in state.searches)
    if refused:
        return f"{len(refused)} proposed patches did not verify, the first because {refused[0].reason}"
    if tried:
        return f"none of {tried} candidate edits mends the failing tests without breaking others"
    notes = [e.summary for e in state.evidence if e.kind in ("search", "back-out")]
    return f"no patch could be proposed: {notes[0]}" if notes else "no patch could be proposed"


def _cause(state: State, patch: Patch | None) -> str:
    if state.failure is None:
        return ""
    crash = state.failure.crashes[0] if state.failure.crashes else None
    message = crash.message.strip().splitlines()[0][:200] if crash and crash.message.strip() else ""
    what = f"{crash.kind}: {message}" if crash and message else (crash.kind if crash else "the failure")
    parts = [what]
    if patch and patch.source == "search":
        where = _function_of(state, patch)
        parts.append(f"goes away when {where} is changed: {patch.description}")
    elif patch:
        parts.append(f"goes away with {patch.description}")
    elif state.suspects:
        first = state.suspects[0]
        why = first.signals[0].detail if first.signals else "the strongest combined signals"
        parts.append(f"is most likely caused in {first.function} ({first.file}:{first.line}): {why}")
    cause = " ".join(parts)
    if state.culprit:
        cause += f"; introduced by {state.culprit.commit[:12]} ({state.culprit.subject})"
    return cause


def _function_of(state: State, patch: Patch) -> str:
    candidate = patch.candidate
    if candidate is None:
        return ", ".join(patch.files)
    file = candidate.edits[0].file
    near = [s for s in state.suspects if s.file == file and s.line <= candidate.line <= max(s.end_line, s.line)]
    name = near[0].function if near else file
    return f"{name} ({file}:{candidate.line})"


def _repository(state: State) -> dict[str, str | bool | None]:
    prepared = state.prepared
    if prepared is None:
        return {"source": state.request.source}
    return {
        "source": state.request.source, "commit": prepared.commit, "tree": prepared.tree, "dirty": prepared.dirty,
        "language": prepared.language, "framework": prepared.framework, "sandbox": prepared.sandbox,
        "environment": prepared.environment,
    }  # fmt: skip


def _suspects(state: State) -> tuple[SuspectRow, ...]:
    """The leading functions with their best line, so that one long function does not fill the table."""
    order = [(file, name) for file, name, _ in functions(state.suspects)]
    best: dict[tuple[str, str], SuspectRow] = {}
    for suspect in state.suspects:
        signals = tuple(f"{signal.name}: {signal.detail}" for signal in suspect.signals)
        row = SuspectRow(
            file=suspect.file, line=suspect.line, function=suspect.function, score=suspect.score, signals=signals
        )
        best.setdefault((suspect.file, suspect.function), row)
    return tuple(best[key] for key in order[:MAX_ROWS])


def _written_test(state: State, deps: Deps) -> WrittenTest | None:
    written = state.prepared.written if state.prepared else None
    if written is None:
        return None
    return WrittenTest(
        path=written.path, text=deps.artifacts.text(written.content), model=written.model, quotes=written.quotes,
        claims=written.claims,
    )  # fmt: skip


def _certificate(deps: Deps, verdict: Verdict | None) -> dict[str, Any] | None:
    if verdict is None or verdict.certificate is None:
        return None
    statement: dict[str, Any] = json.loads(deps.artifacts.text(verdict.certificate))
    return statement


def _alternatives(state: State, deps: Deps, chosen: Patch | None) -> tuple[Alternative, ...]:
    refused = {v.patch for v in state.verdicts if not v.verified}
    passed = {v.patch for v in state.verdicts if v.verified and not (chosen and v.patch == chosen.id)}
    rest = {p.id: p for p in state.patches if p is not chosen and p.id not in refused}
    others = [p for p in rest.values() if p.source == "search" or (p.id in passed and not (chosen and chosen.dropped))]
    same_group = chosen.group if chosen and chosen.source == "search" else None
    return tuple(
        Alternative(
            description=p.description, diff=deps.artifacts.text(p.id), behaves_like_chosen=p.group == same_group,
            distinguishing_input=p.rank_reason if p.group != same_group else "",
        )
        for p in others
        if not (chosen and chosen.dropped and p.candidate == chosen.candidate)
    )  # fmt: skip


def _of_the_place(state: State) -> tuple[str, ...]:
    if state.failure is None or state.prepared is None:
        return ()
    return surroundings(state.failure.crashes, walled=state.prepared.sandbox != "none")


def _next_steps(state: State, outcome: Outcome, patch: Patch | None) -> tuple[str, ...]:
    steps: list[str] = []
    if outcome == "verified_patch" and patch:
        steps.append("review the patch: it passes the tests that were run, which is not proof of intent")
        steps += [f"doubt: {doubt}" for doubt in (state.verified.doubts if state.verified else ())]
    if state.prepared and state.prepared.written:
        written = state.prepared.written
        source = "report" if written.model else "log"
        steps.append(f"review {written.path}: {written.by} wrote it from the {source}, no person has read it")
    if outcome == "verified_patch" and patch:
        left = [t for t in state.reproduced.ids if t not in patch.decisive]
        if left:
            steps.append(f"{len(left)} failing tests have another cause: run again with --test {left[0]}")
    steps += _of_the_place(state) if outcome != "verified_patch" else ()
    if outcome == "diagnosed" and state.suspects:
        steps.append(f"look at {state.suspects[0].file}:{state.suspects[0].line} first")
    if outcome in ("diagnosed", "inconclusive") and not state.request.good and state.prepared and state.prepared.commit:
        steps.append("pass --good REV with a revision where it worked, to bisect")
    if outcome == "environment_broken":
        steps.append("pass --install COMMAND and --test-command COMMAND, or write them into .patchwright.yml")
    if outcome == "not_reproduced":
        steps.append("name the failing test with --test, or pass the log of the failure with --log")
    if outcome == "flaky":
        steps.append(
            "find what the test depends on (time, order, randomness, network); a flaky test cannot certify a fix"
        )
    return tuple(steps)


def _cost(state: State) -> Cost:
    nodes: dict[str, float] = {}
    for entry in state.spent:
        nodes[entry.node] = round(nodes.get(entry.node, 0.0) + entry.seconds, 3)
    tried = sum(s.tried for s in state.searches)
    seconds = sum(s.seconds for s in state.searches)
    return Cost(
        wall_s=round(state.spent_s, 3), nodes=nodes, candidates=tried,
        candidates_per_s=round(tried / seconds, 1) if seconds else 0.0,
        tokens=sum(thought.tokens for thought in state.thoughts),
    )  # fmt: skip
