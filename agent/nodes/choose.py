"""choose: several patches pass all tests. With a model and an issue, one test more is written that tells them apart; it
counts only where it quotes the issue, and fails in those words. Else the patch that more branches wrote, then the
smaller one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from langgraph.runtime import Runtime

from agent.act import Account
from agent.bench import Progress, TestOrder
from agent.deps import Deps
from agent.domain import Evidence, Patch, Thought
from agent.evidence import observe
from agent.mind import Mind
from agent.nodes.case import account, counted, data, thought, told
from agent.nodes.reasons import wrong
from agent.nodes.verify import in_order, judge
from agent.nodes.writing import Draft, Writer, drafted, ends, exercised, reported, suggested, test_files, write
from agent.prompts import render
from agent.repeats import Repeats, repeat
from agent.state import State, Update
from agent.written import as_diff
from tools.git import plain
from tools.patches import PatchInvalid, normalized, parse
from tools.toolbox.newtest import FRAMEWORKS

BRANCH = "tell"
SHARE, MOST = 0.4, 0.25
NEEDS_S = 60.0
RIVALS = 2
REPORT, DIFF = 12_000, 6000
_NOTHING = "You have written no test. Write one with the tool edit, or answer with the one word NOTHING."
_NOTHING_WORD = re.compile(r"^\W{0,20}NOTHING\b", re.MULTILINE)


@dataclass(frozen=True)
class Told:
    """A written test over all patches. winners: the patches with which it passes; problem: why it does not count."""

    problem: str
    path: str = ""
    text: str = ""
    winners: tuple[str, ...] = ()
    quotes: tuple[str, ...] = ()


def rivals(state: State) -> list[Patch]:
    """Other patches worth verifying, where something can decide between them."""
    verdict, request = state.verified, state.request
    first = next((p for p in state.patches if verdict and p.id == verdict.patch), None)
    if first is None or first.source not in ("search", "model") or not (request.reasoner and request.issue):
        return []
    if state.ready.framework not in FRAMEWORKS:
        return []
    known = {v.patch for v in state.verdicts} | {first.id}
    found: dict[tuple[str, object], Patch] = {}
    for patch in in_order(state.patches):
        kind = (patch.source, patch.group if patch.source == "search" else patch.id)
        same = patch.source == first.source == "search" and patch.group == first.group
        alike = set(patch.decisive) == set(first.decisive)
        if patch.id not in known and patch.source in ("search", "model") and alike and not same:
            found.setdefault(kind, patch)
    return list(found.values())[:RIVALS]


async def choose(state: State, runtime: Runtime[Deps]) -> Update:
    """The verified verdict that is appended last is the chosen one."""
    deps, reasoner, first = runtime.context, state.request.reasoner, state.verified
    if reasoner is None or deps.mind is None or first is None:
        return {}
    if deps.mind.halt(BRANCH, -1, "seconds" if state.remaining_s() < NEEDS_S else ""):
        return {}
    verdicts = [first]
    known = {normalized(deps.artifacts.text(first.patch))}
    for patch in rivals(state):
        if normalized(deps.artifacts.text(patch.id)) in known:
            continue
        known.add(normalized(deps.artifacts.text(patch.id)))
        deps.emit(Progress(node="choose", text=f"a rival: {patch.description}"))
        verdicts.append(await judge(state, deps, patch, first.before))
    if len(verdicts) == 1:
        return {}
    update: Update = {"verdicts": verdicts[1:]}
    patches = {p.id: p for p in state.patches}
    running = [patches[verdict.patch] for verdict in verdicts if verdict.verified]
    if len(running) < 2:
        return {**update, "evidence": [observe("choice", "no other patch passes all tests")]}
    deps.mind.renew()
    money = account(state, deps, reasoner, share=SHARE, most=MOST)
    began = money.tokens
    found, line, thoughts = await _telling(state, deps, deps.mind, money, running)
    chosen, why = _chosen(state, deps, running, found)
    last = next(verdict for verdict in verdicts if verdict.patch == chosen.id)
    return {
        "verdicts": [*update["verdicts"], last],
        "thoughts": counted(BRANCH, began - money.tokens, thoughts),
        "evidence": [observe("choice", plain(f"of {len(running)} patches that pass all tests {why}", 600)), line],
    }


def _chosen(state: State, deps: Deps, running: Sequence[Patch], found: Told | None) -> tuple[Patch, str]:
    left = [patch for patch in running if found and patch.id in found.winners] or list(running)
    votes = {patch.id: _votes(state, deps, patch) for patch in left}
    best = min(left, key=lambda patch: (-votes[patch.id], _size(deps, patch)))
    if found and len(left) < len(running):
        quote = found.quotes[0]
        return best, f"the one is chosen with which a test passes that the model wrote from the issue ({quote})"
    if votes[best.id] > min(votes.values()):
        return best, "the one is chosen that was proposed most often"
    return best, f"the smallest is chosen ({_size(deps, best)} lines): {best.description}"


def _votes(state: State, deps: Deps, patch: Patch) -> int:
    """How often this change was proposed, by search and by branches of thought."""
    change = normalized(deps.artifacts.text(patch.id))
    return sum(each.votes for each in state.patches if normalized(deps.artifacts.text(each.id)) == change)


def _size(deps: Deps, patch: Patch) -> int:
    """Lines that a patch adds and removes."""
    return sum(file.added + file.removed for file in parse(deps.artifacts.text(patch.id)))


async def _telling(
    state: State, deps: Deps, mind: Mind, money: Account, running: Sequence[Patch]
) -> tuple[Told | None, Evidence, list[Thought]]:
    """A test that counts, or None; what was done."""
    trial = Trial(state, deps, tuple(running))

    async def check(diff: str, answer: str) -> str:
        return (await trial.told(diff, answer)).problem

    writer = Writer(mind, money, BRANCH, render("choose.system"), _prompt(state, deps, running), check)
    acted, diff, problem = await write(state, deps, writer)
    found = await trial.told(diff, acted.text, times=state.request.limits.repeats)
    counts = bool(found.winners) and not found.problem
    what = f"{found.path} tells them apart" if counts else found.problem or "the issue does not decide"
    line = observe("choice", plain(told(BRANCH, acted, problem, what), 600), artifact=_kept(deps, found))
    return (found if counts else None), line, [thought(BRANCH, acted, problem)]


def _kept(deps: Deps, found: Told) -> str | None:
    return deps.artifacts.put(found.text) if found.text else None


def _prompt(state: State, deps: Deps, running: Sequence[Patch]) -> str:
    rows = [
        {"letter": letter, "diff": data(deps.artifacts.text(patch.id), DIFF)}
        for letter, patch in zip("ABC", running, strict=False)
    ]
    path = suggested(test_files(state, deps), state.ready.framework, "test_told_apart")
    return render("choose.user", report=ends(reported(state, deps)[0], REPORT), patches=rows, suggestion=path)


@dataclass
class Trial:
    """Runs what was written with each of the patches."""

    state: State
    deps: Deps
    patches: tuple[Patch, ...]

    async def told(self, diff: str, answer: str, *, times: int = 1) -> Told:
        """What a version tells. times: how often it must tell the same."""
        if not diff:
            return Told("" if _NOTHING_WORD.search(answer) else _NOTHING)
        draft = drafted(self.state, reported(self.state, self.deps)[0], diff, answer)
        if draft.problem:
            return Told(draft.problem)
        try:
            rows = [await self._runs(draft, patch, times) for patch in self.patches]
        except PatchInvalid as error:
            return Told(f"{draft.path} cannot be added: {error}")
        problem = next(filter(None, (self._problem(draft, runs) for runs in rows)), "")
        winners = tuple(p.id for p, runs in zip(self.patches, rows, strict=True) if _all(runs, "stable-pass"))
        if not problem and len(winners) in (0, len(self.patches)):
            how = "passes" if winners else "fails"
            problem = f"{draft.path} {how} with every patch. It must tell them apart."
        return Told(problem, draft.path, draft.text, winners, draft.quotes)

    async def _runs(self, draft: Draft, patch: Patch, times: int) -> Repeats:
        limits, texts = self.state.request.limits, self.deps.artifacts
        both = texts.put(texts.text(patch.id) + as_diff(draft.path, draft.text))
        wall = max(5.0, min(limits.suite_s, self.state.remaining_s() / 6))
        order = TestOrder(
            tests=(draft.path,), patch=both, coverage=True, wall_s=wall, test_s=min(limits.test_s, wall / 2)
        )  # fmt: skip
        return await repeat(self.deps.bench, self.state.ready, order, times=times, workers=limits.workers)

    @staticmethod
    def _problem(draft: Draft, runs: Repeats) -> str:
        if not runs.histories or runs.problem:
            return f"No test of {draft.path} ran: {plain(runs.problem or 'it defines none', 300)}"
        if not _all(runs, "stable-pass", "stable-fail"):
            return f"{draft.path} does not come out the same every time"
        covered = {name for outcome in runs.outcomes for name in exercised(outcome, draft.path)}
        idle = next((h.id for h in runs.histories if h.id not in covered), "")
        if idle:
            return f"{idle} does not run any code of the repository"
        bad = [result for result in runs.last if result.bad]
        return next(filter(None, (wrong(row, draft.path, draft.text, draft.quotes, covered) for row in bad)), "")


def _all(runs: Repeats, *kinds: str) -> bool:
    return all(history.stability in kinds for history in runs.histories)
