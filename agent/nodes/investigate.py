"""investigate: before branches part, the model says what may be wrong, and then has to speak against its first idea.

Code decides what counts: a claim that cites no evidence, or quotes what that does not say, is dropped. A leader that
something speaks against goes behind the others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from agent.act import Account, Acted, Task, act
from agent.deps import Deps
from agent.domain import Evidence, Hypothesis, Thought
from agent.evidence import observe
from agent.mind import Mind
from agent.model import ModelError
from agent.nodes.case import UNASKED, NoHands, case, data, said_by, texts_of, thought, told
from agent.nodes.reasons import says
from agent.prompts import render
from agent.state import State
from tools.git import plain

MOST = 4
MAX_CLAIM, MAX_PLACE = 300, 200
_MARK = r"^\W{0,4}%s\W{0,4}:\W{0,4}"
_HYPOTHESIS = re.compile(_MARK % "HYPOTHESIS(?: ?#?\\d)?" + r"(.+)$", re.MULTILINE)
_PLACE = re.compile(_MARK % "AT" + r"(.+)$", re.MULTILINE)
_CITED = r"\[?([a-z][a-z-]{0,30}-[0-9a-f]{6})\]?[\s:,]{0,4}[\"“'`](.{1,500}?)[\"”'`](?=[\s.,;:(-]|$)(.*)$"
_BECAUSE = re.compile(_MARK % "BECAUSE" + _CITED, re.MULTILINE)
_AGAINST = re.compile(_MARK % "AGAINST" + _CITED, re.MULTILINE)
_NONE = (
    'Nothing of that can be kept. Each HYPOTHESIS needs a line BECAUSE: [evidence id] "words", with an id from the '
    "list above and words copied exactly."
)


@dataclass(frozen=True)
class Looked:
    """hypotheses: in the order in which they are to be followed."""

    hypotheses: tuple[Hypothesis, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    thoughts: tuple[Thought, ...] = ()


@dataclass(frozen=True)
class _Asked:
    acted: Acted
    problem: str


async def investigate(state: State, deps: Deps, mind: Mind, account: Account) -> Looked:
    """Two questions, without tools. What goes wrong with the model is evidence."""
    shown = await case(state, deps)
    texts = texts_of(state, deps, shown["places"])
    first = await _ask(
        mind, account, "why", render("investigate.user", **shown), lambda text: "" if stated(text, texts) else _NONE
    )
    kept = stated(first.acted.text, texts)
    line = told("why", first.acted, first.problem, f"{len(kept)} hypotheses with evidence that says so")
    looked = Looked(
        tuple(kept), (observe("think", plain(line, 600)),), (thought("why", first.acted, first.problem),)
    )  # fmt: skip
    return await _challenged(mind, account, looked, shown, texts) if kept else looked


async def _ask(mind: Mind, account: Account, branch: str, prompt: str, wanted: Callable[[str], str]) -> _Asked:
    async def check(answer: str) -> str:
        return wanted(answer)

    task = Task(
        branch=branch, system=render("investigate.system"), prompt=prompt, tools=(), temperature=0.6, seed=0,
        check=check,
    )  # fmt: skip
    try:
        return _Asked(await act(mind, NoHands(), task, account), "")
    except ModelError as error:
        return _Asked(UNASKED, said_by(error))


async def _challenged(
    mind: Mind, account: Account, looked: Looked, shown: Mapping[str, object], texts: Mapping[str, str]
) -> Looked:
    leader, *others = looked.hypotheses
    prompt = render("challenge.user", leader=data(f"{leader.claim} ({leader.place})", 600), **shown)
    asked = await _ask(mind, account, "against", prompt, lambda _: "")
    against = objections(asked.acted.text, texts)
    order = (*others, leader.model_copy(update={"objection": against[0][0]})) if against else looked.hypotheses
    what = f"speaks against the leading hypothesis: {against[0][0]}" if against else "nothing against the leading one"
    line = plain(told("against", asked.acted, asked.problem, what), 600)
    seen = [observe("objection", text, cites=name, against=leader.claim) for text, name in against]
    claims = [
        observe("hypothesis", row.claim, cites=", ".join(row.evidence), place=row.place, objection=row.objection)
        for row in order
    ]
    return Looked(
        order, (*looked.evidence, observe("think", line), *claims, *seen),
        (*looked.thoughts, thought("against", asked.acted, asked.problem)),
    )  # fmt: skip


def stated(answer: str, texts: Mapping[str, str]) -> list[Hypothesis]:
    """The hypotheses of an answer that rest on something that was observed.

    texts: evidence id -> what it says.
    """
    marks = list(_HYPOTHESIS.finditer(answer))
    ends = [mark.start() for mark in marks[1:]] + [len(answer)]
    found: dict[str, Hypothesis] = {}
    for mark, end in zip(marks, ends, strict=False):
        block = answer[mark.end() : end]
        grounds = tuple(dict.fromkeys(match[1] for match in _BECAUSE.finditer(block) if _stands(match, texts)))
        place = _PLACE.search(block)
        claim = plain(mark[1].strip("* "), MAX_CLAIM)
        if grounds and claim:
            where = plain(place[1].strip("*` "), MAX_PLACE) if place else ""
            found.setdefault(claim, Hypothesis(claim=claim, evidence=grounds, place=where))
    return list(found.values())[:MOST]


def objections(answer: str, texts: Mapping[str, str]) -> list[tuple[str, str]]:
    """What an answer says against a hypothesis, with the evidence that says so."""
    return [
        (plain(f"“{match[2]}” {match[3].strip()}", MAX_CLAIM), match[1])
        for match in _AGAINST.finditer(answer)
        if _stands(match, texts)
    ][:MOST]


def _stands(match: re.Match[str], texts: Mapping[str, str]) -> bool:
    return match[1] in texts and says(texts[match[1]], match[2])


def rows(hypotheses: Sequence[Hypothesis]) -> list[str]:
    """Hypotheses as a prompt shows them."""
    return [
        data(
            f"{row.claim} ({row.place or 'somewhere'}) [{', '.join(row.evidence)}]"
            + (f"; but {row.objection}" if row.objection else ""),
            800,
        ).replace("\n", " ")
        for row in hypotheses
    ]
