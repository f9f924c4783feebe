"""The one comment of a pull request, in Markdown. All that comes from elsewhere is escaped, unless it is code."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from workflows.github.publish.fixes import forbidden_paths
from workflows.github.publish.matter import Matter
from workflows.github.publish.standing import TITLES, Standing, state_of
from workflows.github.values import Job, Place
from workflows.report.markdown import code, fence, prose, shortened
from workflows.report.view import MatrixRow, explained, matrix

MOST = 60_000  # GitHub takes 65,536 characters
_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Room:
    """How much each part may hold: characters of a diff, items of a list, cases told at length."""

    diff: int
    items: int
    cases: int


ROOMS = (Room(24_000, 30, 10), Room(6_000, 10, 8), Room(1_500, 4, 5), Room(0, 2, 3))
TONES = {"brief": Room(24_000, 0, 10), "usual": Room(24_000, 8, 10), "thorough": Room(24_000, 30, 10)}


def marker(place: Place, subject: int) -> str:
    """The first line of our comment, by which it is found again."""
    return f"<!-- patchwright {place.id}/{subject} -->"


def body_of(matter: Matter, standings: tuple[Standing, ...], corrected: str) -> str:
    """The comment. Where it would be too long, diffs and lists get less room."""
    text = ""
    for room in (TONES[matter.wanted.tone], *ROOMS):
        text = _render(matter, standings, corrected, room)
        if len(text) <= MOST:
            return text
    return text[:MOST].rsplit("\n", 1)[0] + "\n\n…\n"


def _render(matter: Matter, standings: tuple[Standing, ...], corrected: str, room: Room) -> str:
    view: dict[str, Any] = {
        "marker": Markup(marker(matter.place, matter.subject)),  # noqa: S704 - two numbers
        "state": TITLES[state_of(standings)], "corrected": TITLES.get(corrected, ""), "matter": matter,
        "told": [_told(matter, one, room) for one in standings[: room.cases]],
        "left_out": max(0, len(standings) - room.cases), "room": room,
    }  # fmt: skip
    return str(_template().render(view)).strip() + "\n"


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_FOLDER), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - `finalize` escapes, for Markdown
        finalize=lambda value: value if isinstance(value, Markup) else prose(value),
    )  # fmt: skip
    made.filters |= {"code": code, "fence": fence, "brief": shortened, "ours": Markup}
    made.globals["link"] = link
    return made


def _template() -> Template:
    return _environment().get_template("comment.md.j2")


def link(text: Markup, url: str) -> Markup:
    """A link with a text that is escaped already; the text alone without an address."""
    return Markup(f"[{text}]({url})") if url else text  # noqa: S704 - addresses are made or checked by Links


def _told(matter: Matter, one: Standing, room: Room) -> dict[str, Any]:
    """What the template shows of a case."""
    case, result = one.case, one.result
    report = result.report if result else None
    thorough = case.wish == "explain" or matter.wanted.tone == "thorough"
    items = max(room.items, 8) if thorough and room.diff else room.items
    return {
        "one": one, "case": case, "report": report, "most": items, "jobs": _jobs(matter, case.decision.jobs),
        "log": _log(matter, one), "reason": _reason(one),
        "note": case.note if one.word == "fix" else "", "rows": _rows(one) if one.word != "looking" else [],
        "explained": explained(report) if report else [], "places": _places(matter, one, items),
        "culprit": matter.links.commit(matter.place, report.culprit.commit) if report and report.culprit else "",
        "since": matter.links.commit(matter.place, case.decision.since) if case.decision.since else "",
        "applies": matter.wanted.fix_branch and not case.fork and one.word == "fix",
        "withheld": forbidden_paths(result.diff or "", matter.wanted) if result and one.word == "fix" else (),
        "patch": matter.links.of_run(case.diagnosis, "patch"),
        "certificate": matter.links.of_run(case.diagnosis, "certificate"),
    }  # fmt: skip


def _reason(one: Standing) -> str:
    """Why it stands so, in a sentence."""
    case = one.case
    if one.word in ("stopped", "dismissed"):
        return f"by {case.by}" if case.by else ""
    if one.word in ("passed", "superseded", "closed"):
        return case.note
    if one.word != "looking" and case.decision.kind == "diagnose":
        return one.result.report.reason if one.result else case.note or "the diagnosis left no report"
    return case.decision.reason


def _jobs(matter: Matter, jobs: tuple[Job, ...]) -> list[tuple[str, str]]:
    return [(job.name, matter.links.fit(job.url)) for job in jobs]


def _log(matter: Matter, one: Standing) -> str:
    """The address of the line of the log that has the first real error, "" when it is not known."""
    decision = one.case.decision
    job = next((job for job in decision.jobs if job.id == decision.job), None)
    url = matter.links.fit(job.url) if job else ""
    return f"{url}#step:{decision.step}:{max(decision.line, 1)}" if url and decision.step and "#" not in url else url


def _rows(one: Standing) -> list[MatrixRow]:
    return matrix(one.result.report) if one.result else []


def _places(matter: Matter, one: Standing, most: int) -> list[tuple[str, str, str]]:
    """(place, address, why) of suspects in the code."""
    if one.result is None or one.word not in ("fix", "cause"):
        return []
    sha, links = one.case.head_sha, matter.links
    return [
        (f"{s.file}:{s.line}", links.code(matter.place, sha, s.file, s.line), "; ".join(s.signals[:2]))
        for s in one.result.report.suspects[: min(most, 5)]
    ]
