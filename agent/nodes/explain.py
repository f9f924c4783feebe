"""explain: what was wrong, why the verified patch mends it, and its risk, in a model's words; code drops what cites
nothing. Whatever goes wrong here, the patch is verified: the report is then as it is without a model.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from langgraph.runtime import Runtime

from agent.act import Task, act
from agent.bench import Progress
from agent.deps import Deps
from agent.domain import Cited, Evidence, Explanation, Patch
from agent.evidence import observe
from agent.model import ModelError
from agent.nodes.case import CRASH, UNASKED, NoHands, account, counted, crash_of, data, said_by, thought, told, unheard
from agent.prompts import render
from agent.state import State, Update
from tools.git import plain

BRANCH = "explain"
SHARE = 0.5
MAX_S = 240.0
REPORT, DIFF = 3000, 8000
FIRST, LAST = 25, 15
MAX_SENTENCES, MAX_SENTENCE = 4, 400
_ID = r"[a-z][a-z-]{0,30}-[0-9a-f]{6}"
_CITED = re.compile(rf"\[\s*({_ID}(?:[\s,;]+{_ID}){{0,9}})\s*\]")
_PART = re.compile(r"^\W{0,4}(CAUSE|FIX|RISK)\W{0,4}:", re.MULTILINE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=\S)")
_UNCITED = (
    "No sentence of that can be kept. Answer in the form CAUSE:, FIX:, RISK:, and end every sentence with ids of the "
    "evidence above in brackets."
)


async def explain(state: State, runtime: Runtime[Deps]) -> Update:
    """Entered only with a verified patch and a model."""
    deps, reasoner, verdict = runtime.context, state.request.reasoner, state.verified
    patch = next((p for p in state.patches if verdict and p.id == verdict.patch), None)
    if reasoner is None or deps.mind is None or patch is None or unheard(state):
        return {}
    deps.mind.renew()
    deps.emit(Progress(node="explain", text=f"{reasoner.name} explains the patch"))
    shown = observe("patch", patch.description, artifact=patch.id)
    known = [*_leading(state), shown]
    ids = {item.id for item in [*state.evidence, shown]}

    async def check(answer: str) -> str:
        return "" if cited(answer, ids) else _UNCITED

    task = Task(
        branch=BRANCH, system=render("explain.system"), prompt=_prompt(state, deps, patch, known), tools=(),
        temperature=0.6, seed=0, check=check,
    )  # fmt: skip
    share = min(SHARE, MAX_S / max(1.0, state.remaining_s()))
    money = account(state, deps, reasoner, share=share)
    began, acted, problem = money.tokens, UNASKED, ""
    try:
        acted = await act(deps.mind, NoHands(), task, money)
    except ModelError as error:
        problem = said_by(error)
    found = cited(acted.text, ids)
    line = told(BRANCH, acted, problem, "explains the patch" if found else "nothing that it says can be kept")
    thoughts = counted(BRANCH, began - money.tokens, [thought(BRANCH, acted, problem)])
    update: Update = {
        "thoughts": thoughts,
        "evidence": [observe("explanation", plain(line, 600))],
    }
    if found:
        update = {**update, "explanation": found, "evidence": [*update["evidence"], shown]}
    return update


def _leading(state: State) -> list[Evidence]:
    """The first of the evidence and the last, where there is much."""
    seen = state.evidence
    return list(seen) if len(seen) <= FIRST + LAST else [*seen[:FIRST], *seen[-LAST:]]


def _prompt(state: State, deps: Deps, patch: Patch, known: list[Evidence]) -> str:
    issue = deps.artifacts.text(state.request.issue) if state.request.issue else ""
    return render(
        "explain.user",
        crash=data(crash_of(state), CRASH),
        report=data(issue, REPORT),
        patch={"id": known[-1].id, "diff": data(deps.artifacts.text(patch.id), DIFF)},
        evidence=[{"id": item.id, "summary": data(plain(item.summary, 300), 300)} for item in known],
    )


def cited(answer: str, known: Collection[str]) -> Explanation | None:
    """The sentences of an answer that cite evidence, all of which exists; None when there is none."""
    parts: dict[str, str] = {}
    marks = list(_PART.finditer(answer))
    ends = [mark.start() for mark in marks[1:]] + [len(answer)]
    for mark, end in zip(marks, ends, strict=False):
        parts.setdefault(mark[1], answer[mark.end() : end])
    rows = {name: _sentences(text, known) for name, text in parts.items()}
    found = Explanation(cause=rows.get("CAUSE", ()), fix=rows.get("FIX", ()), risk=rows.get("RISK", ()))
    return found if found.cause or found.fix or found.risk else None


def _sentences(text: str, known: Collection[str]) -> tuple[Cited, ...]:
    """Each citation belongs to the one sentence before it."""
    kept, start = [], 0
    for match in _CITED.finditer(text):
        sentences = [part for part in _SENTENCE.split(text[start : match.start()].strip(" \n\t*-.")) if part.strip()]
        ids = tuple(dict.fromkeys(re.split(r"[\s,;]+", match[1])))
        start = match.end()
        if sentences and all(name in known for name in ids):
            kept.append(Cited(text=plain(" ".join(sentences[-1].split()), MAX_SENTENCE), evidence=ids))
    return tuple(kept[:MAX_SENTENCES])
