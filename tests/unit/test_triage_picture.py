"""The page of a note: what its picture holds, that hostile texts stay texts, and that nothing is fetched or run."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import html
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.unit.test_triage import BEGAN, at
from tools.oplogs.opening import opened
from tools.triage.deploys import read_deploys
from tools.triage.investigate import Incident, triage
from tools.triage.page import POLICY, page
from tools.triage.picture import drawing
from tools.triage.reading import Log
from tools.triage.values import Note

HOSTILE = "</title><script>alert(1)</script><img src=x onerror=alert(2)> ]]> & \" ' javascript:x"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def note(tmp_path: Path) -> Note:
    """Errors from the 40th minute on, after one deploy and before another; a stranger wrote the words."""
    rows = [f"{at(second)} INFO served" for second in range(0, 3600, 5)]
    rows += [f"{at(second)} ERROR {HOSTILE}" for second in range(2400, 3600, 10)]
    (tmp_path / "web.log").write_text("\n".join(sorted(rows)) + "\n")
    deploys = f'[{{"time": "{at(2380)}", "service": "web", "note": "{HOSTILE[:20]}"}}, {{"time": "{at(3000)}"}}]'
    with_index = opened([tmp_path / "web.log"], cache=tmp_path)
    try:
        logs = {"web": Log("web", with_index)}
        return asyncio.run(triage(Incident(logs=logs, deploys=read_deploys(deploys))))
    finally:
        with_index.close()


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_picture_shows_deploys_the_onset_and_bursts(note: Note) -> None:
    """In order from left to right, with a title and a description; the late deploy is crossed out."""
    root = ET.fromstring(drawing(note))  # noqa: S314 - our own text
    title, told = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert told is not None
    assert "2 deploys" in (told.text or "")
    assert root.get("aria-labelledby") == f"{title.get('id')} {told.get('id')}"
    boxes = [box for box in root.iter(f"{SVG}rect") if box.find(f"{SVG}title") is not None]
    onset = next(line for line in root.iter(f"{SVG}line") if line.get("stroke-dasharray"))
    before, after = (float(box.get("x", "")) for box in boxes)
    assert before < float(onset.get("x1", "")) < after
    assert "after the onset: not the cause" in "".join(boxes[1].itertext())
    (symptom,) = note.symptoms
    assert sum(symptom.counts) == symptom.after == 120
    assert not any(symptom.counts[:39])
    bars = next(path for path in root.iter(f"{SVG}path") if "M" in path.get("d", "") and " h" in path.get("d", ""))
    assert bars.get("d", "").count("M") == sum(count > 0 for count in symptom.counts)


def test_a_page_of_hostile_texts_runs_and_fetches_nothing(note: Note) -> None:
    """No scripts, handlers or addresses but its own anchors; every anchor exists; the one style is the one allowed."""
    reader = _Tags()
    text = page(note)
    reader.feed(text)
    style = text[text.index("<style>") + 7 : text.index("</style>")]
    assert text.count("<style") == 1
    assert base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() in POLICY
    assert html.escape(POLICY) in text
    assert not {"script", "img", "link", "iframe", "object", "foreignobject"} & {t for t, _ in reader.tags}
    names = {name for _, attributes in reader.tags for name in attributes}
    assert not [name for name in names if name.startswith("on") or name in ("src", "style")]
    links = {attributes["href"] for tag, attributes in reader.tags if tag == "a"}
    ids = {f"#{attributes['id']}" for _, attributes in reader.tags if "id" in attributes}
    assert links
    assert links <= ids
    assert "&lt;script&gt;alert(" in text


def test_a_quiet_day_has_a_picture_too(tmp_path: Path) -> None:
    """The deploys stand in it; nothing began."""
    (tmp_path / "web.log").write_text("\n".join(f"{at(second)} INFO served" for second in range(0, 900, 5)) + "\n")
    index = opened([tmp_path / "web.log"], cache=tmp_path)
    try:
        deploys = read_deploys(f'[{{"time": {BEGAN + 60}, "service": "web"}}]')
        quiet = asyncio.run(triage(Incident(logs={"web": Log("web", index)}, deploys=deploys)))
    finally:
        index.close()
    assert "nothing began" in drawing(quiet)
    assert "1 deploys" in drawing(quiet)
