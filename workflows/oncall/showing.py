"""A note in the form that a client prefers."""

from __future__ import annotations

from collections.abc import Iterable

from tools.triage import page
from tools.triage.telling import markdown, text
from tools.triage.values import Note
from workflows.text import clean

KINDS = {"application/json": "json", "text/markdown": "md", "text/html": "html", "text/plain": "txt"}
POLICY = f"{page.POLICY}; frame-ancestors 'none'; sandbox"


def shown(note: Note, media: str) -> bytes:
    """The note's bytes."""
    kind = KINDS[media]
    if kind == "json":
        return note.to_json().encode()
    made = {
        "txt": lambda: _lines(text(note)),
        "md": lambda: _lines(markdown(note)),
        "html": lambda: clean(page.page(note)),
    }
    return made[kind]().encode("utf-8", "replace")


def _lines(rows: Iterable[str]) -> str:
    return "".join(f"{clean(row)}\n" for row in rows)
