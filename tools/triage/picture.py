"""A picture of a note's time as SVG: alerts, deploys, and what each service's log says newly.

All texts are escaped; colours are never the only sign, and the picture tells in words what it shows. Its parts have
classes, by which a page can colour them otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from tools.oplogs.asking import written
from tools.triage.telling import window
from tools.triage.values import Moment, Note, Symptom

WIDTH, LEFT, RIGHT, TOP, LANE = 1000, 280, 20, 40, 34
LANES = 16  # at most of symptoms
_SPAN = WIDTH - LEFT - RIGHT
_NAME = 38  # characters of a symptom beside its lane


def drawing(note: Note) -> str:
    """The picture as SVG, "" where nothing has a time."""
    if max([note.begin, note.end, *(row.time for row in note.timeline)]) < 0:
        return ""
    start, end = window(note)
    shown = [each for each in note.symptoms if each.first >= 0][:LANES]
    height = TOP + LANE * (2 + len(shown)) + 30
    marks = [row for row in note.timeline if row.time >= 0]
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="100%" font-size="12"',
        'role="img" aria-labelledby="picture-title picture-told" font-family="sans-serif">',
        '<title id="picture-title">Timeline of the incident</title>',
        f'<desc id="picture-told">{escape(_told(note, start, end))}</desc>',
        f'<rect class="ground" width="{WIDTH}" height="{height}" fill="#ffffff"/>',
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
    return round(LEFT + _SPAN * max(0, time - start) / (end - start), 1)


def _y(lane: int) -> int:
    return TOP + LANE * lane


def _axis(start: int, end: int, height: int) -> Iterator[str]:
    for part in range(5):
        time = start + (end - start) * part // 4
        x = _x(time, start, end)
        anchor = "start" if part == 0 else "end" if part == 4 else "middle"
        yield f'<line class="grid" x1="{x}" y1="{TOP - 8}" x2="{x}" y2="{height - 20}" stroke="#dddddd"/>'
        at = f'x="{x}" y="{height - 6}" text-anchor="{anchor}"'
        yield f'<text class="name" {at} fill="#444444">{written(time)[11:19]}</text>'


def _lane(number: int, name: str, marks: Sequence[str]) -> Iterator[str]:
    at = f'x="{LEFT - 10}" y="{_y(number) + 16}" text-anchor="end"'
    yield f'<text class="name" {at} fill="#222222">{escape(name)}</text>'
    yield from marks


def _alert(row: Moment, start: int, end: int) -> str:
    x, y = _x(row.time, start, end), _y(0)
    return f'<path class="alert" d="M{x} {y} l7 18 l-14 0 z" fill="#b00020">{_title(row)}</path>'


def _deploy(row: Moment, start: int, end: int) -> str:
    """A square, filled where it is the suspect one, crossed where it is ruled out."""
    x, y = _x(row.time, start, end), _y(1)
    kind, fill = ("deploy suspect", "#1a5fb4") if "(suspect)" in row.what else ("deploy", "#ffffff")
    late = "(after the onset" in row.what
    cross = f'<path class="deploy" d="M{x - 6} {y + 4} l12 12" stroke="#1a5fb4"/>' if late else ""
    box = f'<rect class="{kind}" x="{x - 6}" y="{y + 4}" width="12" height="12" fill="{fill}" stroke="#1a5fb4">'
    box += f"{_title(row)}</rect>"
    return box + cross


def _title(row: Moment) -> str:
    return f"<title>{written(row.time)} {escape(row.what)}</title>"


def _bursts(lane: int, symptom: Symptom, note: Note, span: tuple[int, int]) -> Iterator[str]:
    """Lines over time as bars, the highest of each symptom as high as its lane."""
    told = f"{symptom.service}, {symptom.level}, {symptom.state}: {symptom.text[:160]}"
    named = " ".join(f"{symptom.service}: {symptom.text}".split())
    yield from _lane(lane, named if len(named) <= _NAME else f"{named[: _NAME - 1]}…", ())
    if not symptom.counts or not any(symptom.counts) or note.begin < 0:
        x = _x(symptom.first, *span)
        dot = f'<circle class="lines" cx="{x}" cy="{_y(lane) + 12}" r="5" fill="#8a4b00">'
        yield f"{dot}<title>{escape(told)}</title></circle>"
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
    yield f'<path class="lines" d="{" ".join(bars)}" fill="#8a4b00"><title>{escape(told)}</title></path>'


def _onset(onset: int, start: int, end: int, height: int) -> Iterator[str]:
    if onset >= 0:
        x = _x(onset, start, end)
        at = f'x1="{x}" y1="18" x2="{x}" y2="{height - 20}"'
        yield f'<line class="onset" {at} stroke="#b00020" stroke-dasharray="4 3"/>'
        side = "end" if x > WIDTH - 120 else "start"
        said = f"onset {written(onset)[11:19]}"
        yield f'<text class="alert" x="{x}" y="14" text-anchor="{side}" fill="#b00020">{said}</text>'
