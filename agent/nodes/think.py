"""think: the model investigates the leading suspects at desks of its own, and what it has edited there are its patches.

Several branches run at the same time, with different hypotheses and temperatures; one branch has no use for the first
questions, and makes its own. What goes wrong with the model or its endpoint is evidence; the run goes on as it would
without a model.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langgraph.runtime import Runtime

from agent.act import Account, Acted, Task, act
from agent.bench import DeskOrder, Hands, Outlook, Progress
from agent.deps import Deps
from agent.domain import Evidence, Hypothesis, Patch
from agent.evidence import observe
from agent.mind import Mind
from agent.model import ModelError, ToolSpec
from agent.nodes.case import PLACES, UNASKED, account, case, counted, places, said_by, texts_of, thought, told
from agent.nodes.investigate import Looked, investigate, rows
from agent.nodes.localize import test_file
from agent.nodes.reasons import says
from agent.prompts import render
from agent.state import State, Update
from sandbox.protocol import SandboxError
from tools.git import plain
from tools.localize.rank import functions
from tools.patches import Normalized, PatchInvalid, normalized, touched
from tools.tool import ToolError
from tools.toolbox.using import ALL, Answer, Used

MAX_CLAIMS = 4
SHARE = 0.6
SPECS = tuple(ToolSpec(name=tool.name, description=tool.description, parameters=tool.schema) for tool in ALL)
_SUMMARY = re.compile(r"^\W{0,4}SUMMARY:\W{0,4}(.+)$", re.MULTILINE)
_CAUSE = re.compile(
    r"^\W{0,4}CAUSE:\W{0,4}(.{1,2000}?)\s{0,9}\[([\w\s,;-]{1,300})\](?:\s{0,9}[\"“](.{1,500}?)[\"”])?", re.MULTILINE
)
_NOTHING = (
    "You have changed nothing yet. If you know the cause, mend it with the tool edit; if you cannot, say so in the "
    "final form."
)


@dataclass(frozen=True)
class Branch:
    """What came of one branch: its edits as a diff, and how it ended. answers: of other systems that it asked."""

    name: str
    diff: str
    acted: Acted
    problem: str = ""
    answers: tuple[Answer, ...] = ()


@dataclass(frozen=True)
class Desks:
    """What the branches of a visit share."""

    state: State
    deps: Deps
    mind: Mind
    account: Account
    hypotheses: tuple[Hypothesis, ...]
    outlook: Outlook


@dataclass(frozen=True)
class _Listening:
    """Hands whose answers of other systems are kept."""

    hands: Hands
    answers: list[Answer]

    async def use(self, number: int, name: str, arguments: Mapping[str, Any]) -> Used:
        used = await self.hands.use(number, name, arguments)
        if used.answer:
            self.answers.append(used.answer)
        return used

    async def diff(self) -> str:
        return await self.hands.diff()


async def think(state: State, runtime: Runtime[Deps]) -> Update:
    """Without a model, one line of evidence says so."""
    deps, reasoner = runtime.context, state.request.reasoner
    if reasoner is None or deps.mind is None:
        return {} if state.round else {"evidence": [observe("think", "no model is configured; search alone proposes")]}
    deps.mind.renew()
    money = account(state, deps, reasoner, share=SHARE)
    began = money.tokens
    deps.emit(Progress(node="think", text=f"{reasoner.name} investigates in {reasoner.samples} branches"))
    looked = Looked(tuple(state.hypotheses))
    if reasoner.samples > 1 and not state.round:
        looked = await investigate(state, deps, deps.mind, money)
    outlook = await deps.bench.outlook()
    desks = Desks(state, deps, deps.mind, money, looked.hypotheses, outlook)
    work = [asyncio.ensure_future(_branch(desks, number)) for number in range(reasoner.samples)]
    try:
        update = _gathered(state, deps, looked, await asyncio.gather(*work), await places(state, deps))
        unasked = [observe("think", plain(note, 300)) for note in outlook.notes]
        update["evidence"] = [*update["evidence"], *unasked]
        return {**update, "thoughts": counted("failed", began - money.tokens, update["thoughts"])}
    finally:
        for branch in work:  # an error of one, or a cancelled run, leaves no other at work
            branch.cancel()
        await asyncio.gather(*work, return_exceptions=True)


async def _branch(desks: Desks, number: int) -> Branch:
    """One branch; its failure is its own."""
    state, deps = desks.state, desks.deps
    name, acted, problem = f"r{state.round}s{number}", UNASKED, ""
    answers: list[Answer] = []
    try:
        async with deps.bench.desk(state.ready, _order(state, name, asks=bool(desks.outlook.tools))) as desk:
            hands = _Listening(desk, answers)
            try:
                acted = await act(desks.mind, hands, await _task(desks, hands, number), desks.account)
            except ModelError as error:
                problem = said_by(error)
            return Branch(name, await hands.diff(), acted, problem, tuple(answers))
    except (SandboxError, ToolError) as error:
        return Branch(name, "", acted, f"its desk failed: {error}", tuple(answers))


async def _task(desks: Desks, hands: Hands, number: int) -> Task:
    state = desks.state
    others = desks.outlook.tools
    return Task(
        branch=f"r{state.round}s{number}", system=render("think.system", others=bool(others)),
        prompt=await _prompt(state, desks.deps, desks.hypotheses, number),
        tools=(*offered(state), *others), temperature=round(min(0.9, 0.6 + 0.1 * number), 2),
        seed=100 * state.round + number, check=_unchanged(hands),
    )  # fmt: skip


def offered(state: State) -> tuple[ToolSpec, ...]:
    """The tools that can tell something here; a call of another one is answered all the same.

    logs: where one was given; history: where changes are known that bear on the failure; suspects: where the case does
    not show them all.
    """
    idle = set() if state.request.log else {"logs"}
    changed = any(signal.name == "change" for suspect in state.suspects for signal in suspect.signals)
    if not (changed or state.culprit or state.request.good):
        idle.add("history")
    if len(functions(state.suspects)) <= PLACES:
        idle.add("suspects")
    return tuple(spec for spec in SPECS if spec.name not in idle)


def _unchanged(hands: Hands) -> Callable[[str], Awaitable[str]]:
    async def check(_: str) -> str:
        return "" if await hands.diff() else _NOTHING

    return check


def _order(state: State, name: str, *, asks: bool) -> DeskOrder:
    failing = state.reproduced.ids
    seen = [e.artifact for e in state.evidence if e.kind == "test-run" and e.artifact]
    logs = [("given", state.request.log)] if state.request.log else []
    logs += [("failing-runs", seen[0])] if seen else []
    return DeskOrder(
        branch=name, suspects=tuple(state.suspects[:60]), failing=failing, logs=tuple(logs),
        protected=tuple(dict.fromkeys(test_file(test) for test in failing)), test_s=state.request.limits.test_s,
        asks=asks,
    )  # fmt: skip


async def _prompt(state: State, deps: Deps, hypotheses: Sequence[Hypothesis], number: int) -> str:
    """Each branch follows another hypothesis first; without any, it is shown another place first."""
    shown = await case(state, deps, 0 if hypotheses else number)
    first = (state.round * len(hypotheses) // 2 + number) % max(1, len(hypotheses)) + 1
    steps = state.request.reasoner.steps if state.request.reasoner else 0
    return render("think.user", hypotheses=rows(hypotheses), first=first, steps=steps, **shown)


def _gathered(
    state: State, deps: Deps, looked: Looked, branches: Sequence[Branch], shown: list[dict[str, str]]
) -> Update:
    """Patches that say the same count once. The branches' own accounts are the first evidence: what the step is
    remembered by.
    """
    known = {patch.id for patch in state.patches}
    patches: dict[Normalized, Patch] = {}
    lines: list[Evidence] = []
    for branch in branches:
        try:
            patch = _patch(state, deps, branch)
        except PatchInvalid as error:
            lines.append(observe("think", f"branch {branch.name} leaves no usable patch: {error}"))
            continue
        lines.append(observe("think", _told(branch, patch)))
        if patch and patch.id not in known:
            change = normalized(branch.diff)
            votes = patches[change].votes + 1 if change in patches else 1
            patches[change] = patches.get(change, patch).model_copy(update={"votes": votes})
    texts = texts_of(state, deps, shown)
    answers = [
        observe("answer", plain(each.summary, 500), query=each.query, where=each.where, time=each.time)
        for branch in branches for each in branch.answers
    ]  # fmt: skip
    claims = [claim for branch in branches for claim in _claims(texts, branch)]
    thoughts = [thought(branch.name, branch.acted, branch.problem) for branch in branches]
    update: Update = {
        "patches": list(patches.values()), "evidence": [*lines, *looked.evidence, *answers, *claims],
        "thoughts": [*looked.thoughts, *thoughts],
    }  # fmt: skip
    return {**update, "hypotheses": list(looked.hypotheses)} if looked.hypotheses else update


def _told(branch: Branch, patch: Patch | None) -> str:
    what = f"proposes: {patch.description}" if patch else "changes nothing"
    return told(branch.name, branch.acted, branch.problem, what)


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


def _claims(texts: Mapping[str, str], branch: Branch) -> list[Evidence]:
    """What the model says is the cause, where it cites evidence that there is, and that says what it quotes of it."""
    matches = list(_CAUSE.finditer(branch.acted.text))[:MAX_CLAIMS]
    kept = []
    for match in matches:
        cited = [name for name in re.split(r"[\s,;]+", match[2]) if name in texts]
        if cited and (not match[3] or any(says(texts[name], match[3]) for name in cited)):
            kept.append(observe("hypothesis", plain(match[1], 300), cites=", ".join(cited)))
    return kept
