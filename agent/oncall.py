"""A model thinks along in a triage: hypotheses beside those of the signals, and objections to the leading one.

Code decides what counts. A claim that cites nothing, quotes what its evidence does not say, or has a chain that runs
backwards in time is dropped; confidence is capped by what the signals ground. Verdict, confidence, suspects and actions
of the note stay as they are, whatever a model says: logs are written by strangers, and a model can be talked into
anything by them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from agent.act import Account, Task, act
from agent.domain import Reasoner
from agent.eyes import Eyes, looked
from agent.mind import Mind
from agent.model import ModelError
from agent.nodes.case import UNASKED, NoHands, data, said_by, told
from agent.nodes.reasons import says
from agent.prompts import render
from tools.git import plain
from tools.oplogs.asking import written
from tools.triage.ledger import checked
from tools.triage.values import Cause, Hypothesis, Note, Observation, Sentence, Suspected

LENSES = (
    "changes that went live", "what lies outside: hosts, networks, what is called", "data and traffic that came in"
)  # fmt: skip
SHOWN, MOST, MAX_CLAIM = 40, 4, 300
SLACK_S = 2  # times have whole seconds
UNGROUNDED, SOME, STRONG = 0.3, 0.4, 0.6  # the most confidence of a model's hypothesis, by the grounding of its change
_MARK = r"^\W{0,4}%s\W{0,4}:\W{0,4}"
_CLAIM = re.compile(_MARK % "HYPOTHESIS(?: ?#?\\d)?" + r"(.+)$", re.MULTILINE)
_CHAIN = re.compile(_MARK % "CHAIN" + r"(.+)$", re.MULTILINE)
_TEST = re.compile(_MARK % "TEST" + r"(.+)$", re.MULTILINE)
_ID = re.compile(r"\bE\d{1,4}\b")
_QUOTED = r"\[?(E\d{1,4})\]?[\s:,]{0,4}[\"“'`](.{1,500}?)[\"”'`](?=[\s.,;:(-]|$)"
_BECAUSE = re.compile(_MARK % "BECAUSE" + _QUOTED, re.MULTILINE)
_AGAINST = re.compile(_MARK % "AGAINST" + _QUOTED, re.MULTILINE)
_NONE = 'Nothing of that can be kept. Each HYPOTHESIS needs a line BECAUSE: [evidence id] "words", copied exactly.'
_CAUSES: Mapping[str, Cause] = {"code": "change", "config": "config", "dependency": "dependency"}


@dataclass(frozen=True)
class _Asked:
    """An answer, "" for none, and a line that tells how it came."""

    text: str
    line: str


async def reasoned(
    note: Note, mind: Mind, reasoner: Reasoner, now: Callable[[], float], eyes: Eyes | None = None
) -> Note:
    """The note with the model's hypotheses and objections, citations checked again. What fails is said in its notes.

    eyes: what it may look at before, None for nothing but the note.
    """
    if not note.symptoms:
        return note
    account = Account(reasoner, reasoner.tokens, now, reasoner.wall_s)
    if eyes is not None:
        note = await looked(note, mind, account, eyes, _shown(note))
    shown = _shown(note)
    by_id = {each.id: each for each in _most_telling(note)}
    work = [
        asyncio.ensure_future(
            _ask(
                mind, account, f"weigh{number}", render("weigh.user", lens=lens, **shown),
                check=lambda text: "" if list(_stated(text, note, by_id, "")) else _NONE,
            )
        )
        for number, lens in enumerate(LENSES[: max(2, reasoner.samples)])
    ]  # fmt: skip
    leader = note.hypotheses[0].claim.text if note.hypotheses else note.summary[0].text
    doubt = render("doubt.user", leader=data(leader, 600), **shown)
    work.append(asyncio.ensure_future(_ask(mind, account, "doubt", doubt)))
    try:
        *answers, against = await asyncio.gather(*work)
    finally:
        for each in work:
            each.cancel()
        await asyncio.gather(*work, return_exceptions=True)
    named = plain(reasoner.name, 80)
    stated = [each for answer in answers for each in _stated(answer.text, note, by_id, named)]
    notes = (*note.notes, *(plain(each.line, 300) for each in (*answers, against)))
    mine = _challenged(note, tuple(_quoted(_AGAINST, against.text, by_id)))
    merged = (*mine, *_different(stated, mine))
    decide = (*note.decide, *_apart(note, merged))
    return checked(note.model_copy(update={"hypotheses": merged, "notes": notes, "decide": decide}))


async def _ask(
    mind: Mind, account: Account, branch: str, prompt: str, *, check: Callable[[str], str] = lambda _: ""
) -> _Asked:
    async def wanted(answer: str) -> str:
        return check(answer)

    task = Task(
        branch=branch, system=render("weigh.system"), prompt=prompt, tools=(), temperature=0.6, seed=0, check=wanted
    )  # fmt: skip
    try:
        acted = await act(mind, NoHands(), task, account)
    except ModelError as error:
        return _Asked("", told(branch, UNASKED, said_by(error), "nothing is taken from it"))
    return _Asked(acted.text, told(branch, acted, "", "what cites evidence is taken"))


def _shown(note: Note) -> dict[str, object]:
    """The values of the prompt's part incident.md."""
    began = f"It began at {written(note.onset)}" if note.onset >= 0 else "When it began is not known"
    return {
        "began": data(f"{began}, probably in {note.service or 'no known service'}.", 300),
        "evidence": [
            {"id": each.id, "kind": each.kind, "summary": data(each.summary, 400),
             "when": written(each.time) if each.time >= 0 else "(no time)"}
            for each in _most_telling(note)
        ],
    }  # fmt: skip


def _most_telling(note: Note) -> tuple[Observation, ...]:
    """What a prompt shows: the first of what was seen, and whatever was asked for."""
    return (*note.evidence[:SHOWN], *(each for each in note.evidence[SHOWN:] if each.kind == "answer"))


def _stated(answer: str, note: Note, by_id: Mapping[str, Observation], by: str) -> Iterator[Hypothesis]:
    """The hypotheses of an answer that stand: quotes that are there, a chain that runs forward in time."""
    marks = list(_CLAIM.finditer(answer))[:MOST]
    ends = [mark.start() for mark in marks[1:]] + [len(answer)]
    for mark, end in zip(marks, ends, strict=False):
        block = answer[mark.end() : end]
        supports = tuple(_quoted(_BECAUSE, block, by_id))
        chained = _CHAIN.search(block)
        chain = [by_id[name] for name in _ID.findall(chained[1]) if name in by_id] if chained else []
        claim, test = plain(mark[1].strip("* "), MAX_CLAIM), _TEST.search(block)
        if not supports or not claim or not test or not forward(chain, note.onset):
            continue
        cites = tuple(dict.fromkeys((*(each.id for each in chain), *(said.cites[0] for said in supports))))
        suspect = _blamed(note, cites)
        yield Hypothesis(
            claim=Sentence(text=claim, cites=cites), cause=_CAUSES.get(suspect.kind, "inconclusive")
            if suspect else "infrastructure", commit=suspect.commit if suspect else "", supports=supports,
            contradicts=tuple(_quoted(_AGAINST, block, by_id)),
            test=Sentence(text=plain(test[1].strip("* "), MAX_CLAIM), cites=cites), confidence=_cap(suspect), by=by,
        )  # fmt: skip


def forward(chain: Sequence[Observation], onset: int) -> bool:
    """Whether a causal chain is consistent in time: it has evidence, in order, and its cause is not after the onset.

    Commits have no place in that order: a commit is older than its deploy, but what it changed came with that.
    """
    times = [each.time for each in chain if each.time >= 0 and each.kind != "commit"]
    ordered = all(later >= earlier - SLACK_S for earlier, later in pairwise(times))
    late = any(each.kind == "deploy" and each.time > onset + SLACK_S for each in chain)
    return bool(chain) and ordered and not late


def _quoted(pattern: re.Pattern[str], text: str, by_id: Mapping[str, Observation]) -> Iterator[Sentence]:
    """What is quoted from evidence that says so, as sentences of the evidence's own words."""
    for match in list(pattern.finditer(text))[:MOST]:
        if match[1] in by_id and says(by_id[match[1]].summary, match[2]):
            yield Sentence(text=f"“{plain(match[2], MAX_CLAIM)}”", cites=(match[1],))


def _blamed(note: Note, cites: Sequence[str]) -> Suspected | None:
    """The suspect whose commit (without one, whose deploy) is cited."""
    return next((each for each in note.suspects if each.evidence[0] in cites), None)


def _cap(suspect: Suspected | None) -> float:
    """What the signals ground: a model's own certainty counts for nothing."""
    if suspect is None or suspect.kind == "inert" or suspect.score <= 0:
        return UNGROUNDED
    return STRONG if suspect.grounding >= 3.0 else SOME if suspect.grounding >= 1.5 else UNGROUNDED


def _challenged(note: Note, objections: tuple[Sentence, ...]) -> tuple[Hypothesis, ...]:
    """The signals' hypotheses, with what was found against the leader."""
    if not note.hypotheses or not objections:
        return note.hypotheses
    leader, *others = note.hypotheses
    known = (*leader.contradicts, *objections)
    return (leader.model_copy(update={"contradicts": tuple(dict.fromkeys(known))}), *others)


def _different(stated: Sequence[Hypothesis], mine: Sequence[Hypothesis]) -> Iterator[Hypothesis]:
    """Each claim once, none surer than the leader that the signals have."""
    most = max((each.confidence for each in mine), default=UNGROUNDED)
    seen: set[str] = set()
    for each in stated:
        if each.claim.text not in seen and len(seen) < MOST:
            seen.add(each.claim.text)
            yield each.model_copy(update={"confidence": round(min(each.confidence, most), 2)})


def _apart(note: Note, merged: Sequence[Hypothesis]) -> Iterator[Sentence]:
    """Where nothing is decided and a model blames another change than the signals do: what to look at, in our words."""
    lead = merged[0] if merged else None
    rival = next(
        (each for each in merged if lead and each.by != lead.by and each.commit not in ("", lead.commit)), None
    )
    if note.cause == "inconclusive" and lead and rival:
        one, other = lead.commit[:12] or "a cause outside", rival.commit[:12]
        text = f"To decide between {one} and {other}, which a model points to, take back one at a time."
        yield Sentence(text=text, cites=(*lead.claim.cites, *rival.claim.cites))
