"""A note in the form that a client prefers."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable

from markdown_it import MarkdownIt

from tools.triage.telling import markdown, text
from tools.triage.values import Note
from workflows.text import clean

KINDS = {"application/json": "json", "text/markdown": "md", "text/html": "html", "text/plain": "txt"}
_STYLE = (
    "body{max-width:60rem;margin:2rem auto;font:16px/1.5 sans-serif}pre{overflow:auto;background:#f4f4f4;padding:1rem}"
)
_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "sandbox"
)


def shown(note: Note, media: str) -> bytes:
    """The note's bytes."""
    kind = KINDS[media]
    if kind == "json":
        return note.to_json().encode()
    if kind == "txt":
        return _lines(text(note)).encode("utf-8", "replace")
    marked = _lines(markdown(note))
    return (marked if kind == "md" else page(marked)).encode("utf-8", "replace")


def _lines(rows: Iterable[str]) -> str:
    return "".join(f"{clean(row)}\n" for row in rows)


def page(marked: str) -> str:
    """Markdown as a page; HTML in it is text, and images and links lead nowhere."""
    body = MarkdownIt("commonmark", {"html": False}).disable(["image", "link", "autolink"]).render(marked)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Incident</title><style>{_STYLE}</style>'
        f"</head><body>{body}</body></html>\n"
    )
