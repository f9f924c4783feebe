"""What nodes that think have in common: the account of a visit, the case as a prompt shows it, texts of strangers as
data, and what the evidence says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from agent.act import Account, Acted
from agent.deps import Deps
from agent.domain import Evidence, Reasoner, Thought
from agent.model import ModelError, Usage
from agent.state import State
from tools.git import plain
from tools.localize.outline import MODULE
from tools.localize.rank import functions
from tools.toolbox.using import Used
from tools.values import spelled

PLACES, PLACE_LINES, PLACE_CHARACTERS = 5, 90, 4000
CRASH, ISSUE, DIFF = 3000, 4000, 4000
MAX_TEXT = 200_000

_NOTHING_SAID = re.compile(r"^E[ \t]*(?:Use -v to get more diff)?\n", re.MULTILINE)
_UNHEARD = ("EndpointAway", "EndpointBusy", "EndpointFault", "KeyRefused", "ModelUnknown", "RequestRefused")
UNASKED = Acted("", 0, Usage(), 0.0, "failed")


class NoHands:
    """There is nothing to use: an answer is made from what was seen."""

    async def use(self, number: int, name: str, arguments: Mapping[str, Any]) -> Used:  # noqa: ARG002
        return Used(text="ERROR: there are no tools now; answer in the form that was asked for", ok=False)

    async def diff(self) -> str:
        return ""


def account(state: State, deps: Deps, reasoner: Reasoner, *, share: float, most: float = 1.0) -> Account:
    """What this visit may spend. share: of the seconds that are left; most: of all tokens of the run."""
    spent = sum(thought.tokens for thought in state.thoughts)
    ran = sum(thought.sandbox_s for thought in state.thoughts)
    left = max(0, reasoner.tokens - spent)
    tokens = min(left, int(most * reasoner.tokens))
    return Account(reasoner, tokens, deps.now, min(reasoner.wall_s, share * state.remaining_s()), ran)


def thought(branch: str, acted: Acted, problem: str = "") -> Thought:
    """What a branch did. problem: an error that ended it, its kind first."""
    return Thought(
        branch=branch, steps=acted.steps, tokens=acted.usage.total, cached=acted.usage.cached,
        sandbox_s=acted.sandbox_s, stopped=problem.partition(":")[0] if problem else acted.stopped,
    )  # fmt: skip


def counted(branch: str, spent: int, thoughts: list[Thought]) -> list[Thought]:
    """The thoughts of a visit, and before them the tokens that those which failed had spent."""
    rest = spent - sum(each.tokens for each in thoughts)
    if rest <= 0:
        return thoughts
    return [Thought(branch=branch, steps=0, tokens=rest, cached=0, sandbox_s=0.0, stopped="failed"), *thoughts]


def unheard(state: State) -> bool:
    """Whether nothing but the endpoint's own failures was heard from it, last time it was asked."""
    return bool(state.thoughts) and state.thoughts[-1].stopped in _UNHEARD


def said_by(error: ModelError) -> str:
    """An error of the model as it is told, its kind first."""
    return f"{type(error).__name__}: {error}"


def data(text: str, limit: int) -> str:
    """Text of strangers: bounded, and without the mark that would end it."""
    return str(spelled(text[:limit])).replace("DATA>>>", "DATA >>>")


def told(name: str, acted: Acted, problem: str, what: str) -> str:
    """A line about a branch."""
    return f"branch {name}, {acted.steps} turns, {acted.usage.total:,} tokens ({problem or acted.stopped}): {what}"


async def case(state: State, deps: Deps, first: int = 0) -> dict[str, Any]:
    """The values of the prompt's part case.md. first: the number of the place that is shown first."""
    culprit, found = state.culprit, await places(state, deps, first)
    crash = crash_of(state)
    issue = deps.artifacts.text(state.request.issue) if state.request.issue else ""
    names = {patch.id: patch.description for patch in state.patches}
    failed = _failed(state)
    told_of = {item.id for item in failed.values()} | {place["evidence"] for place in found}
    seen = [e for e in state.evidence if e.kind != "checkout" and e.id not in told_of]
    return {
        "tests": [_test(test, failed.get(test), crash) for test in state.reproduced.ids[:20]],
        "crash": data(crash, CRASH),
        "issue": data(issue, ISSUE),
        "evidence": [{"id": e.id, "summary": plain(e.summary, 300)} for e in seen[:30]],
        "culprit": data(f"{culprit.subject}\n{deps.artifacts.text(culprit.diff)}", DIFF) if culprit else "",
        "places": found,
        "refused": [
            data(f"{names.get(v.patch, 'a patch')}: {v.reason}", 300) for v in state.verdicts if not v.verified
        ],
    }


def crash_of(state: State) -> str:
    """The end of how the first test fails, without lines of pytest that say nothing."""
    crash = next((c.text or f"{c.kind}: {c.message}" for c in state.reproduced.crashes), "no message")
    return _NOTHING_SAID.sub("", crash)[-CRASH:]


def _failed(state: State) -> dict[str, Evidence]:
    """Failing test -> the evidence that says how often it failed."""
    runs = [item for item in state.evidence if item.kind == "test-run"]
    named = ((test, next((e for e in runs if e.summary.startswith(f"{test} failed ")), None))
             for test in state.reproduced.ids[:20])  # fmt: skip
    return {test: item for test, item in named if item}


def _test(test: str, seen: Evidence | None, crash: str) -> str:
    """A failing test with what was observed of it; the message is left out where the crash shows it."""
    if seen is None:
        return data(test, 300)
    head, mark, why = seen.summary[len(test) :].partition(" times: ")
    shown = why.partition(": ")[2] in crash
    return data(f"{seen.id}: {test[:300]}{head}{' times' if shown else mark + why[:300]}", 700)


async def places(state: State, deps: Deps, first: int = 0) -> list[dict[str, str]]:
    """The leading functions with their code and the evidence for them, the one of number `first` before the others."""
    leading = list(functions(state.suspects)[:PLACES])
    first %= max(1, len(leading))
    leading = [*leading[first:], *leading[:first]]
    sources = await deps.bench.sources(state.ready, sorted({file for file, _, _ in leading}))
    found = []
    for file, name, score in leading:
        near = [s for s in state.suspects if s.file == file and s.function == name]
        start = max(1, min(s.function_line for s in near))
        end = min(max(s.end_line for s in near) + 10, start + PLACE_LINES)
        least = max(s.end_line for s in near) + 1 - start
        rows = _of_function(sources.get(file, "").split("\n")[start - 1 : end], name, least)
        code = "\n".join(f"{number}|{row[:300]}" for number, row in enumerate(rows, start))
        known = [e for e in state.evidence if e.kind == "suspect" and e.summary.startswith(f"{name} in {file} (")]
        title = f"{known[0].id}: {known[0].summary}" if known else f"{file}, {name} ({score:.2f})"
        found.append({
            "title": plain(title, 350), "code": data(code, PLACE_CHARACTERS), "evidence": known[0].id if known else "",
        })  # fmt: skip
    return found


def _of_function(rows: list[str], name: str, least: int) -> list[str]:
    """Lines without what follows the function; of a module all. least: lines that are known to be of it."""
    if name == MODULE or not rows:
        return rows
    indent = len(rows[0]) - len(rows[0].lstrip())
    after = (number for number, row in enumerate(rows) if number >= least and _ends(row, indent))
    kept = rows[: next(after, len(rows))]
    while kept and not kept[-1].strip():
        kept.pop()
    return kept


def _ends(row: str, indent: int) -> bool:
    """Whether a line cannot belong to a function that was begun at an indentation before it."""
    return bool(row.strip()) and len(row) - len(row.lstrip()) <= indent and row.lstrip()[0] not in ")]}#"


def texts_of(state: State, deps: Deps, shown: list[dict[str, str]]) -> Mapping[str, str]:
    """Evidence id -> all that it says: its summary, its artifact, and for a suspect the code that was shown of it."""
    texts = {}
    for item in state.evidence:
        parts = [item.summary, deps.artifacts.text(item.artifact)[-MAX_TEXT:] if item.artifact else ""]
        if item.kind == "suspect":
            parts += [row["code"] for row in shown]
        texts[item.id] = "\n".join(parts)
    return texts
