"""Texts from outside inside Markdown: shown as they are, without effect: no HTML, links, images, mentions."""

from __future__ import annotations

import re

from markupsafe import Markup

from workflows.text import brief, clean, line

_SPECIAL = re.compile(r"[\\`*{}\[\]<>|~$!&]|(?<!\w)_|_(?!\w)")
_BLOCK = re.compile(r"^(\d+)(?=[.)](?:\s|$))|^(?=[-+=#>:])")
_LIVE = re.compile(r"(?<=@)(?=\w)|(?<=#)(?=\d)|(?<=GH-)(?=\d)|(?<=://)|(?<=\bwww)(?=\.)|(?<=:)(?=//)", re.IGNORECASE)
_JOINER = "\u2060"  # invisible, and no service takes "@" + joiner + name for a mention
_RUN = re.compile(r"`+")


def prose(value: object) -> Markup:
    """A sentence on one line, escaped. The default for everything a template inserts."""
    text = line(str(value), 4000)
    escaped = _SPECIAL.sub(lambda match: f"&{_ENTITIES[match[0]]};" if match[0] in _ENTITIES else f"\\{match[0]}", text)
    escaped = _BLOCK.sub(lambda match: f"{match[1]}\\" if match[1] else "\\", escaped)
    return Markup(_LIVE.sub(_JOINER, escaped))  # noqa: S704 - escaped for Markdown, where Markup only marks that


_ENTITIES = {"<": "lt", ">": "gt", "&": "amp"}


def code(value: object) -> Markup:
    """An identifier, path or short text as a code span, in a table cell too."""
    text = line(str(value), 1000).replace("|", "\\|")
    if not text:
        return Markup("")
    ticks = "`" * (_longest(text) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return Markup(f"{ticks}{pad}{text}{pad}{ticks}")  # noqa: S704


def fence(value: object, language: str = "") -> Markup:
    """A block of code behind a fence that is longer than any run of backticks in it."""
    text = clean(str(value)).rstrip("\n")
    ticks = "`" * max(3, _longest(text) + 1)
    return Markup(f"{ticks}{language}\n{text}\n{ticks}")  # noqa: S704


def shortened(value: object, characters: int) -> str:
    """At most so many characters, saying how many were left out."""
    return brief(str(value), characters)


def _longest(text: str) -> int:
    return max((len(run) for run in _RUN.findall(text)), default=0)
