"""What to do now: a roll-back that was tried, a fix forward, a runbook, an owner to ask."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from sandbox.tree import Tree
from tools.git import plain
from tools.history import History
from tools.patches import PatchInvalid, apply
from tools.tool import ToolError
from tools.triage.hints import terms_of
from tools.triage.ledger import Ledger
from tools.triage.values import Action, Sentence, Suspected, Symptom

_OWNERS = ("CODEOWNERS", ".github/CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")
MOST_RUNBOOKS, MAX_RUNBOOK = 500, 200_000
_MATCH = 2  # words that a runbook has to share


async def roll_back(
    history: History, base: Path, suspect: Suspected, ledger: Ledger, *, before: str = "", sure: bool = True
) -> Action:
    """The revert of a commit, tried on the checkout's files; a fix forward where it does not apply or is a merge.

    before: what ran before its deploy, "" unknown; sure: whether it is more than suspected.
    """
    commit = suspect.commit
    (summary,) = await history.log(commit, 1)
    if len(summary.parents) != 1:
        return _forward(suspect, "is a merge or the first commit", ledger)
    try:
        apply(await history.diff(commit, summary.parents[0]), base)
    except PatchInvalid:
        return _forward(suspect, "no longer reverts cleanly on the checkout", ledger)
    tried = ledger.add("check", f"the reverse diff of {commit[:12]} applies to the checkout", where=commit)
    again = f"; or deploy {before[:12]} again, which ran before" if before else ""
    text = f"Roll back {commit[:12]}: its revert applies to the checkout{again}."
    if not sure:
        text = f"Only suspected: {text[0].lower()}{text[1:-1]}. On one instance first: do the errors stop there?"
    return Action(
        kind="roll back", sentence=Sentence(text=text, cites=(tried, suspect.evidence[0])),
        command=f"git revert --no-edit {commit}",
    )  # fmt: skip


def _forward(suspect: Suspected, why: str, ledger: Ledger) -> Action:
    tried = ledger.add("check", f"{suspect.commit[:12]} {why}", where=suspect.commit)
    text = f"Fix forward, or deploy the revision before: {suspect.commit[:12]} {why}."
    return Action(kind="fix forward", sentence=Sentence(text=text, cites=(tried, suspect.evidence[0])))


def runbook(folder: Path, symptoms: Sequence[Symptom], ledger: Ledger) -> Action | None:
    """The runbook (*.md below `folder`) that shares most words with the symptoms, two at least."""
    words = terms_of("\n".join(f"{s.text} {s.example} {s.service} {' '.join(s.hints)}" for s in symptoms))
    best: tuple[float, str, list[str]] | None = None
    texts = {path: _text(path) for path in sorted(folder.rglob("*.md"))[:MOST_RUNBOOKS] if not path.is_symlink()}
    terms = {path: terms_of(text) for path, text in texts.items()}
    for path, own in terms.items():
        shared = sorted(own & words)
        value = sum(1 / sum(term in other for other in terms.values()) for term in shared)
        if len(shared) >= _MATCH and (best is None or value > best[0]):
            best = (value, path.relative_to(folder).as_posix(), shared[:5])
    if best is None:
        return None
    name = plain(best[1], 200)
    seen = ledger.add("runbook", f"runbook {name} shares words: {', '.join(best[2])}", where=name)
    return Action(kind="mitigate", sentence=Sentence(text=f"Follow the runbook {name}.", cites=(seen,)))


def _text(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(MAX_RUNBOOK)


def owner(base: Path, files: Sequence[str], author: str, ledger: Ledger) -> Action | None:
    """Whom to ask: CODEOWNERS of the files, else who wrote the change."""
    rules = _rules(base)
    for file in files:
        names = next((names for pattern, names in reversed(rules) if _covers(pattern, file)), ())
        if names:
            told = plain(" ".join(names), 200)
            seen = ledger.add("owner", f"CODEOWNERS: {file} belongs to {told}", where=file)
            return Action(kind="escalate", sentence=Sentence(text=f"Escalate to {told}.", cites=(seen,)))
    if not author:
        return None
    seen = ledger.add("owner", f"the change was written by {author}")
    return Action(kind="escalate", sentence=Sentence(text=f"Ask {author}, who wrote the change.", cites=(seen,)))


def _rules(base: Path) -> list[tuple[str, tuple[str, ...]]]:
    tree = Tree(base)  # a link in a repository leads nowhere
    text = next((text for name in _OWNERS if (text := tree.read(name, max_bytes=MAX_RUNBOOK))), "")
    rows = (line.split("#")[0].split() for line in text.splitlines())
    return [(row[0], tuple(row[1:])) for row in rows if row]


def _covers(pattern: str, file: str) -> bool:
    """Whether a pattern of CODEOWNERS covers a file."""
    anchored = "/" in pattern.rstrip("/")
    pattern = re.sub(r"\*{2,}", "*", pattern.strip("/"))
    tails = [file] if anchored else ["/".join(file.split("/")[at:]) for at in range(file.count("/") + 1)]
    return any(fnmatchcase(tail, pattern) or fnmatchcase(tail, f"{pattern}/*") for tail in tails)


async def actions(
    history: History | None, base: Path | None, lead: Suspected | None, symptoms: Sequence[Symptom], *,
    runbooks: Path | None, ledger: Ledger, running: Mapping[str, str], sure: bool = True,
) -> tuple[Action, ...]:  # fmt: skip
    """What to do, the most useful first. lead: the change that the verdict names, if it names one.

    running: service -> what ran before its deploy; sure: whether the change is more than suspected.
    """
    found: list[Action] = []
    before = running.get(lead.service, "") if lead is not None else ""
    if lead is not None and lead.commit and history is not None and base is not None:
        try:
            found.append(await roll_back(history, base, lead, ledger, before=before, sure=sure))
        except ToolError as error:
            found.append(_forward(lead, f"cannot be reverted here ({error})", ledger))
    elif lead is not None and not lead.commit:
        text = f"Take back what was deployed ({lead.subject[:80]}){f', to {before[:12]}' if before else ''}."
        found.append(Action(kind="roll back", sentence=Sentence(text=text, cites=lead.evidence)))
    book = runbook(runbooks, symptoms, ledger) if runbooks is not None and runbooks.is_dir() else None
    whom = owner(base, lead.files, lead.author, ledger) if lead is not None and base is not None else None
    found += [action for action in (book, whom) if action is not None]
    if not found and symptoms:
        text = f"Watch {symptoms[0].service}, and look at what it calls and runs on."
        found.append(Action(kind="watch", sentence=Sentence(text=text, cites=(symptoms[0].evidence,))))
    return tuple(found)
