"""The note as text and as Markdown. What came from logs and commits is shown as code, so that it formats nothing."""

from __future__ import annotations

from collections.abc import Iterator

from tools.oplogs.asking import written
from tools.triage.values import Note, Sentence, Suspected

CAUSES = {
    "change": "a change of the code", "config": "a change of the configuration", "dependency": "a changed dependency",
    "infrastructure": "infrastructure or upstream (no change fits)", "healthy": "healthy: nothing happened",
    "inconclusive": "inconclusive",
}  # fmt: skip
_BAR = 40  # columns of the timeline's picture
SURE, PROBABLE = 0.75, 0.5  # confidence from which a cause is said to be sure enough to act on, and to be probable


def title(note: Note) -> str:
    """The verdict in a line, with what its confidence means to somebody who has to act."""
    told = "only a suspicion, "
    if note.cause in ("healthy", "inconclusive"):
        told = ""
    elif note.confidence >= PROBABLE:
        told = "sure enough to act on, " if note.confidence >= SURE else "probable, "
    return f"Triage: {CAUSES[note.cause]} ({told}confidence {note.confidence:.2f})"


def unsure(note: Note) -> bool:
    """Whether what is left to decide comes before what to do."""
    return note.confidence < PROBABLE and bool(note.decide)


def window(note: Note) -> tuple[int, int]:
    """From when to when the timeline is drawn: what is older than the logs by much is at its edge. Times are known."""
    times = [row.time for row in note.timeline if row.time >= 0] + [at for at in (note.begin, note.end) if at >= 0]
    start, end = min(times), max(*times, min(times) + 1)
    return (max(start, note.begin - (note.end - note.begin) // 4) if 0 <= note.begin < note.end else start), end


def suspected(note: Note) -> tuple[Suspected, ...]:
    """The suspects for which something speaks, at least the first one."""
    return tuple(each for number, each in enumerate(note.suspects) if each.score > 0 or not number)


def text(note: Note) -> Iterator[str]:
    """Lines for a terminal."""
    return _told(note, markdown=False)


def markdown(note: Note) -> Iterator[str]:
    """Lines of Markdown."""
    return _told(note, markdown=True)


def _told(note: Note, *, markdown: bool) -> Iterator[str]:
    yield f"{'# ' if markdown else ''}{title(note)}"
    yield ""
    yield from (_sentence(each) for each in note.summary)
    todo = ("What to do", list(_actions(note)))
    decide = ("To decide", [f"- {_sentence(each)}" for each in note.decide])
    for name, rows in (decide, todo) if unsure(note) else (todo, decide):
        yield from _section(name, markdown, rows)
    yield from _section("Blast radius", markdown, [f"- {_sentence(each)}" for each in note.blast])
    yield from _section("Timeline", markdown, list(_timeline(note, markdown=markdown)))
    for number, suspect in enumerate(suspected(note), 1):
        yield from _section("Suspect changes", markdown, []) if number == 1 else ()
        yield from _suspect(number, suspect, markdown=markdown)
    yield from _section("Hypotheses", markdown, list(_hypotheses(note, markdown=markdown)))
    seen = [
        f"- {each.id} {each.kind}: {_code(each.summary, markdown=markdown)}"
        f"{f' [{each.where}]' if each.where else ''}{f' ({each.query})' if each.query else ''}"
        for each in note.evidence
    ]
    yield from _section("Evidence", markdown, [*seen, "", note.citations])
    yield from _section("Notes", markdown, [f"- {each}" for each in note.notes])


def _hypotheses(note: Note, *, markdown: bool) -> Iterator[str]:
    """Side by side. A model's words are shown as code, and as the model's."""
    for number, each in enumerate(note.hypotheses, 1):
        told = (
            each.claim.text if each.by == "signals" else f"{_code(each.claim.text, markdown=markdown)} says {each.by}"
        )
        yield f"{number}. {told} [{', '.join(each.claim.cites)}] (confidence {each.confidence:.2f})"
        yield from (f"   - for: {_sentence(said)}" for said in each.supports)
        yield from (f"   - against: {_sentence(said)}" for said in each.contradicts)
        yield f"   - to tell: {_sentence(each.test)}"


def _section(name: str, marked: bool, rows: list[str]) -> Iterator[str]:
    if rows or name == "Suspect changes":
        yield ""
        yield f"## {name}" if marked else name
        yield ""
        yield from rows


def _sentence(sentence: Sentence) -> str:
    return f"{sentence.text} [{', '.join(sentence.cites)}]"


def _code(text: str, *, markdown: bool) -> str:
    return f"`` {text.replace('``', '` `')} ``" if markdown else text


def _timeline(note: Note, *, markdown: bool) -> Iterator[str]:
    dated = [row for row in note.timeline if row.time >= 0]
    if not dated:
        return
    first, last = window(note)
    yield from ("```text",) if markdown else ()
    for row in dated:
        at = max(0, round((row.time - first) / (last - first) * (_BAR - 1)))
        mark = (
            "D"
            if row.what.startswith(("Deploy", "Commit"))
            else "A"
            if row.what.startswith("Alerts")
            else "O"
            if row.what == "The onset."
            else "*"
        )
        what = row.what.replace("```", "'''")
        yield f"{written(row.time)} |{'.' * at}{mark}{'.' * (_BAR - 1 - at)}| {what} [{', '.join(row.cites)}]"
    yield from ("```",) if markdown else ()


def _suspect(number: int, suspect: Suspected, *, markdown: bool) -> Iterator[str]:
    named = suspect.commit[:12] or "outside the repository"
    subject = _code(suspect.subject, markdown=markdown)
    yield f"{number}. {named} {subject} ({suspect.kind}, {suspect.score:g} points, {', '.join(suspect.evidence)})"
    yield from (f"   - {point.points:+.1f} {point.detail} [{point.evidence}]" for point in suspect.points)
    if number == 1 and suspect.excerpt:
        fence = "~~~~" if markdown else ""
        yield from (f"   {row}".rstrip() for row in (f"{fence}diff" if fence else "", *_fenced(suspect.excerpt), fence))


def _fenced(excerpt: str) -> Iterator[str]:
    return (row.replace("~~~", "~ ~") for row in excerpt.splitlines())


def _actions(note: Note) -> Iterator[str]:
    for action in note.actions:
        yield f"- {action.kind}: {_sentence(action.sentence)}"
        if action.command:
            yield f"      {action.command}"
