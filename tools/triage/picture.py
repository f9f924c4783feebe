"""The note as a page with a picture of its time: alerts, deploys, and what each service's log says newly.

One file without scripts, styles or anything from elsewhere: it shows under the strictest content security policy. All
texts are escaped; colours are never the only sign, and the picture tells in words what it shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from tools.oplogs.asking import written
from tools.triage.telling import CAUSES
from tools.triage.values import Moment, Note, Sentence, Symptom

WIDTH, LEFT, RIGHT, TOP, LANE = 1000, 190, 20, 40, 34
LANES = 16  # at most of symptoms
_SPAN = WIDTH - LEFT - RIGHT
_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'"


def page(note: Note) -> str:
    """HTML of the note: verdict, picture, timeline as a table, what to do, evidence that sentences link to."""
    title = escape(f"Triage: {CAUSES[note.cause]} (confidence {note.confidence:.2f})")
    rows = [
        "<!DOCTYPE html>", '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">',
        f"<title>{title}</title></head><body><h1>{title}</h1>",
        *_list(note.summary), drawing(note), *_table(note.timeline),
        *_part("Suspect changes", [
            f"{escape(s.commit[:12] or 'outside the repository')} <code>{escape(s.subject)}</code>, {s.score:g} points"
            f"{_links(s.evidence)}" for s in note.suspects
        ]),
        *_part("Hypotheses", [
            f"{_claim(h.claim)} ({escape(h.by)}, confidence {h.confidence:.2f})<ul>"
            + "".join(f"<li>for: {_claim(said)}</li>" for said in h.supports)
            + "".join(f"<li>against: {_claim(said)}</li>" for said in h.contradicts)
            + f"<li>to tell: {_claim(h.test)}</li></ul>"
            for h in note.hypotheses
        ]),
        *_part("Blast radius", map(_claim, note.blast)),
        *_part("What to do", [
            f"{a.kind}: {_claim(a.sentence)}{f' <code>{escape(a.command)}</code>' if a.command else ''}"
            for a in note.actions
        ]),
        *_part("To decide", map(_claim, note.decide)),
        "<h2>Evidence</h2><dl>",
        *(f'<dt id="{escape(e.id)}">{escape(e.id)} {e.kind}</dt><dd><code>{escape(e.summary)}</code></dd>'
          for e in note.evidence),
        f"</dl><p>{escape(note.citations)}</p></body></html>",
    ]  # fmt: skip
    return "\n".join(row for row in rows if row) + "\n"


def _claim(sentence: Sentence) -> str:
    return escape(sentence.text) + _links(sentence.cites)


def _links(cites: Sequence[str]) -> str:
    return " [" + ", ".join(f'<a href="#{escape(each)}">{escape(each)}</a>' for each in cites) + "]"


def _list(sentences: Sequence[Sentence]) -> Iterator[str]:
    return (f"<p>{_claim(each)}</p>" for each in sentences)


def _part(name: str, items: Iterator[str] | Sequence[str] | map[str]) -> Iterator[str]:
    rows = [f"<li>{item}</li>" for item in items]
    if rows:
        yield f"<h2>{name}</h2><ul>"
        yield from rows
        yield "</ul>"


def _table(moments: Sequence[Moment]) -> Iterator[str]:
    if moments:
        yield "<h2>Timeline</h2><table><thead><tr>"
        yield '<th scope="col">Time</th><th scope="col">What</th></tr></thead><tbody>'
        for row in moments:
            at = written(row.time) if row.time >= 0 else "unknown"
            yield f"<tr><td>{at}</td><td>{escape(row.what)}{_links(row.cites)}</td></tr>"
        yield "</tbody></table>"


def drawing(note: Note) -> str:
    """The picture as SVG, "" where nothing has a time."""
    times = [row.time for row in note.timeline if row.time >= 0] + [t for t in (note.begin, note.end) if t >= 0]
    if not times:
        return ""
    start, end = min(times), max(*times, min(times) + 1)
    shown = [each for each in note.symptoms if each.first >= 0][:LANES]
    height = TOP + LANE * (2 + len(shown)) + 30
    marks = [row for row in note.timeline if row.time >= 0]
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="100%" font-size="12"',
        'role="img" aria-labelledby="picture-title picture-told" font-family="sans-serif">',
        '<title id="picture-title">Timeline of the incident</title>',
        f'<desc id="picture-told">{escape(_told(note, start, end))}</desc>',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        *_axis(start, end, height),
        *_lane(0, "alerts", [_alert(row, start, end) for row in marks if row.what.startswith("Alerts")]),
        *_lane(1, "deploys", [_deploy(row, start, end) for row in marks if row.what.startswith("Deploy")]),
        *(row for number, each in enumerate(shown, 2) for row in _bursts(number, each, note, (start, end))),
        *_onset(note.onset, start, end, height),
        "</svg>",
    ])  # fmt: skip


def _told(note: Note, start: int, end: int) -> str:
    deploys = sum(row.what.startswith("Deploy") for row in note.timeline)
    alerts = sum(row.what.startswith("Alerts") for row in note.timeline)
    began = f"it began at {written(note.onset)}" if note.onset >= 0 else "nothing began"
    services = ", ".join(dict.fromkeys(each.service for each in note.symptoms)) or "no service"
    return (
        f"From {written(start)} to {written(end)}: {alerts} alerts, {deploys} deploys, {began}; new or more lines of "
        f"{services}. The table after the picture says the same in words."
    )


def _x(time: int, start: int, end: int) -> float:
    return round(LEFT + _SPAN * (time - start) / (end - start), 1)


def _y(lane: int) -> int:
    return TOP + LANE * lane


def _axis(start: int, end: int, height: int) -> Iterator[str]:
    for part in range(5):
        time = start + (end - start) * part // 4
        x = _x(time, start, end)
        anchor = "start" if part == 0 else "end" if part == 4 else "middle"
        yield f'<line x1="{x}" y1="{TOP - 8}" x2="{x}" y2="{height - 20}" stroke="#dddddd"/>'
        yield f'<text x="{x}" y="{height - 6}" text-anchor="{anchor}" fill="#444444">{written(time)[11:19]}</text>'


def _lane(number: int, name: str, marks: Sequence[str]) -> Iterator[str]:
    yield f'<text x="{LEFT - 10}" y="{_y(number) + 16}" text-anchor="end" fill="#222222">{escape(name)}</text>'
    yield from marks


def _alert(row: Moment, start: int, end: int) -> str:
    x, y = _x(row.time, start, end), _y(0)
    return f'<path d="M{x} {y} l7 18 l-14 0 z" fill="#b00020">{_title(row)}</path>'


def _deploy(row: Moment, start: int, end: int) -> str:
    """A square, filled where it is the suspect one, crossed where it is ruled out."""
    x, y = _x(row.time, start, end), _y(1)
    fill = "#1a5fb4" if "(suspect)" in row.what else "#ffffff"
    cross = f'<path d="M{x - 6} {y + 4} l12 12" stroke="#1a5fb4"/>' if "(after the onset" in row.what else ""
    box = f'<rect x="{x - 6}" y="{y + 4}" width="12" height="12" fill="{fill}" stroke="#1a5fb4">{_title(row)}</rect>'
    return box + cross


def _title(row: Moment) -> str:
    return f"<title>{written(row.time)} {escape(row.what)}</title>"


def _bursts(lane: int, symptom: Symptom, note: Note, span: tuple[int, int]) -> Iterator[str]:
    """Lines over time as bars, the highest of each symptom as high as its lane."""
    told = f"{symptom.service}, {symptom.level}, {symptom.state}: {symptom.text[:160]}"
    named = f"{symptom.service} ({symptom.state})"
    yield from _lane(lane, named[:28], ())
    if not symptom.counts or not any(symptom.counts) or note.begin < 0:
        x = _x(symptom.first, *span)
        yield f'<circle cx="{x}" cy="{_y(lane) + 12}" r="5" fill="#8a4b00"><title>{escape(told)}</title></circle>'
        return
    part = (note.end - note.begin) / len(symptom.counts)
    most = max(symptom.counts)
    bars = []
    for number, count in enumerate(symptom.counts):
        if count:
            high = round(max(2.0, (LANE - 8) * count / most), 1)
            left = _x(int(note.begin + number * part), *span)
            wide = round(max(1.5, _SPAN * part / (span[1] - span[0]) - 0.5), 1)
            bars.append(f"M{left} {_y(lane) + LANE - 6} v-{high} h{wide} v{high} z")
    yield f'<path d="{" ".join(bars)}" fill="#8a4b00"><title>{escape(told)}</title></path>'


def _onset(onset: int, start: int, end: int, height: int) -> Iterator[str]:
    if onset >= 0:
        x = _x(onset, start, end)
        yield f'<line x1="{x}" y1="18" x2="{x}" y2="{height - 20}" stroke="#b00020" stroke-dasharray="4 3"/>'
        side = "end" if x > WIDTH - 120 else "start"
        yield f'<text x="{x}" y="14" text-anchor="{side}" fill="#b00020">onset {written(onset)[11:19]}</text>'
