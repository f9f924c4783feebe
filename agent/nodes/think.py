"""think: the model investigates the leading suspects at desks of its own, and what it has edited there are its patches.

Branches run at the same time, with different suspects first and different temperatures. What goes wrong with the model
or its endpoint is evidence; the run goes on as it would without a model.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from langgraph.runtime import Runtime

from agent.act import Account, Acted, Task, act
from agent.bench import DeskOrder, Hands, Progress
from agent.deps import Deps
from agent.domain import Evidence, Patch, Reasoner, Thought
from agent.evidence import observe
from agent.mind import Mind
from agent.model import ModelError, ToolSpec, Usage
from agent.nodes.localize import test_file
from agent.prompts import render
from agent.state import State, Update
from sandbox.protocol import SandboxError
from tools.git import plain
from tools.localize.rank import functions
from tools.patches import PatchInvalid, touched
from tools.tool import ToolError
from tools.toolbox.using import ALL
from tools.values import spelled

PLACES, PLACE_LINES, PLACE_CHARACTERS = 5, 90, 4000
CRASH, ISSUE, DIFF = 3000, 4000, 4000
MAX_CLAIMS = 4
SHARE = 0.6
SPECS = tuple(ToolSpec(name=tool.name, description=tool.description, parameters=tool.schema) for tool in ALL)
_SUMMARY = re.compile(r"^\W{0,4}SUMMARY:\W{0,4}(.+)$", re.MULTILINE)
_CAUSE = re.compile(r"^\W{0,4}CAUSE:\W{0,4}(.+?)\s*\[([\w\s,;-]{1,300})\]", re.MULTILINE)
_NOTHING = (
    "You have changed nothing yet. If you know the cause, mend it with the tool edit; if you cannot, say so in the "
    "final form."
)


@dataclass(frozen=True)
class Branch:
    """What came of one branch: its edits as a diff, and how it ended."""

    name: str
    diff: str
    acted: Acted
    problem: str = ""


async def think(state: State, runtime: Runtime[Deps]) -> Update:
    """Without a model, one line of evidence says so."""
    deps, reasoner = runtime.context, state.request.reasoner
    if reasoner is None or deps.mind is None:
        return {} if state.round else {"evidence": [observe("think", "no model is configured; search alone proposes")]}
    deps.mind.renew()
    account = _account(state, deps, reasoner)
    deps.emit(Progress(node="think", text=f"{reasoner.name} investigates in {reasoner.samples} branches"))
    numbers = range(reasoner.samples)
    work = [asyncio.ensure_future(_branch(state, deps, deps.mind, account, number)) for number in numbers]
    try:
        return _gathered(state, deps, await asyncio.gather(*work))
    finally:
        for branch in work:  # an error of one, or a cancelled run, leaves no other at work
            branch.cancel()
        await asyncio.gather(*work, return_exceptions=True)


def _account(state: State, deps: Deps, reasoner: Reasoner) -> Account:
    spent = sum(thought.tokens for thought in state.thoughts)
    wall_s = min(reasoner.wall_s, SHARE * state.remaining_s())
    ran = sum(thought.sandbox_s for thought in state.thoughts)
    return Account(reasoner, max(0, reasoner.tokens - spent), deps.now, wall_s, ran)


async def _branch(state: State, deps: Deps, mind: Mind, account: Account, number: int) -> Branch:
    """One branch; its failure is its own."""
    name, acted, problem = f"r{state.round}s{number}", Acted("", 0, Usage(), 0.0, "failed"), ""
    try:
        async with deps.bench.desk(state.ready, _order(state, name)) as hands:
            try:
                acted = await act(mind, hands, await _task(state, deps, hands, number), account)
            except ModelError as error:
                problem = f"{type(error).__name__}: {error}"
            return Branch(name, await hands.diff(), acted, problem)
    except (SandboxError, ToolError) as error:
        return Branch(name, "", acted, f"its desk failed: {error}")


async def _task(state: State, deps: Deps, hands: Hands, number: int) -> Task:
    return Task(
        branch=f"r{state.round}s{number}", system=render("think.system"), prompt=await _prompt(state, deps, number),
        tools=SPECS, temperature=round(min(0.9, 0.6 + 0.1 * number), 2), seed=100 * state.round + number,
        check=_unchanged(hands),
    )  # fmt: skip


def _unchanged(hands: Hands) -> Callable[[str], Awaitable[str]]:
    async def check(_: str) -> str:
        return "" if await hands.diff() else _NOTHING

    return check


def _order(state: State, name: str) -> DeskOrder:
    failing = state.reproduced.ids
    seen = [e.artifact for e in state.evidence if e.kind == "test-run" and e.artifact]
    logs = [("given", state.request.log)] if state.request.log else []
    logs += [("failing-runs", seen[0])] if seen else []
    return DeskOrder(
        branch=name, suspects=tuple(state.suspects[:60]), failing=failing, logs=tuple(logs),
        protected=tuple(dict.fromkeys(test_file(test) for test in failing)), test_s=state.request.limits.test_s,
    )  # fmt: skip


async def _prompt(state: State, deps: Deps, number: int) -> str:
    culprit = state.culprit
    crash = next((c.text or f"{c.kind}: {c.message}" for c in state.reproduced.crashes), "no message")
    issue = deps.artifacts.text(state.request.issue) if state.request.issue else ""
    names = {patch.id: patch.description for patch in state.patches}
    return render(
        "think.user",
        tests=[_data(test, 300) for test in state.reproduced.ids[:20]],
        crash=_data(crash[-CRASH:], CRASH),
        issue=_data(issue, ISSUE),
        evidence=[{"id": e.id, "summary": plain(e.summary, 300)} for e in state.evidence[:30]],
        culprit=_data(f"{culprit.subject}\n{deps.artifacts.text(culprit.diff)}", DIFF) if culprit else "",
        places=await _places(state, deps, number),
        refused=[_data(f"{names.get(v.patch, 'a patch')}: {v.reason}", 300) for v in state.verdicts if not v.verified],
    )


def _data(text: str, limit: int) -> str:
    """Text of strangers: bounded, and without the mark that would end it."""
    return str(spelled(text[:limit])).replace("DATA>>>", "DATA >>>")


async def _places(state: State, deps: Deps, first: int) -> list[dict[str, str]]:
    """The leading functions with their code; each branch looks at another one first."""
    leading = list(functions(state.suspects)[:PLACES])
    first %= max(1, len(leading))
    leading = [*leading[first:], *leading[:first]]
    sources = await deps.bench.sources(state.ready, sorted({file for file, _, _ in leading}))
    found = []
    for file, name, score in leading:
        near = [s for s in state.suspects if s.file == file and s.function == name]
        start = max(1, min(s.function_line for s in near))
        end = min(max(s.end_line for s in near) + 10, start + PLACE_LINES)
        rows = sources.get(file, "").split("\n")[start - 1 : end]
        code = "\n".join(f"{number:>5} {row[:300]}" for number, row in enumerate(rows, start))
        title = plain(f"{file}, {name} ({score:.2f})", 300)
        found.append({"title": title, "code": _data(code, PLACE_CHARACTERS)})
    return found


def _gathered(state: State, deps: Deps, branches: Sequence[Branch]) -> Update:
    """Equal patches count once. The branches' own accounts are the first evidence: what the step is remembered by."""
    known = {patch.id for patch in state.patches}
    patches: dict[str, Patch] = {}
    told: list[Evidence] = []
    for branch in branches:
        try:
            patch = _patch(state, deps, branch)
        except PatchInvalid as error:
            told.append(observe("think", f"branch {branch.name} leaves no usable patch: {error}"))
            continue
        told.append(observe("think", _told(branch, patch)))
        if patch and patch.id not in known:
            patches.setdefault(patch.id, patch)
    claims = [claim for branch in branches for claim in _claims(state, branch)]
    return {
        "patches": list(patches.values()), "evidence": [*told, *claims],
        "thoughts": [_thought(branch) for branch in branches],
    }  # fmt: skip


def _thought(branch: Branch) -> Thought:
    acted = branch.acted
    return Thought(
        branch=branch.name, steps=acted.steps, tokens=acted.usage.total, cached=acted.usage.cached,
        sandbox_s=acted.sandbox_s, stopped=acted.stopped,
    )  # fmt: skip


def _told(branch: Branch, patch: Patch | None) -> str:
    acted = branch.acted
    what = f"proposes: {patch.description}" if patch else "changes nothing"
    end = branch.problem or acted.stopped
    return f"branch {branch.name}, {acted.steps} turns, {acted.usage.total:,} tokens ({end}): {what}"


def _patch(state: State, deps: Deps, branch: Branch) -> Patch | None:
    if not branch.diff:
        return None
    files = touched(branch.diff)
    said = _SUMMARY.search(branch.acted.text)
    summary = plain(said[1], 160) if said else ""
    return Patch(
        id=deps.artifacts.put(branch.diff), source="model", files=files, decisive=state.reproduced.ids,
        description=summary or f"a change of {', '.join(files)} by the model", rank_reason="written by the model",
    )  # fmt: skip


def _claims(state: State, branch: Branch) -> list[Evidence]:
    """What the model says is the cause, where it cites evidence that there is; the rest is dropped."""
    known = {item.id for item in state.evidence}
    kept = []
    for match in list(_CAUSE.finditer(branch.acted.text))[:MAX_CLAIMS]:
        cited = [name for name in re.split(r"[\s,;]+", match[2]) if name in known]
        if cited:
            kept.append(observe("hypothesis", plain(match[1], 300), cites=", ".join(cited)))
    return kept
