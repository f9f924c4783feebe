"""Bytes of a log as plain lines: no time stamps, no terminal sequences, nothing invisible."""

from __future__ import annotations

import re

from sandbox.redact import redact

MAX_LINE = 2_000
_STAMP = re.compile(
    r"^\ufeff?(?:\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?Z\]? ?(?:\d\d[OE][+ ]?)?)", re.MULTILINE
)
_ANSI = re.compile(
    r"\x1b\[[0-?]{0,64}[ -/]{0,8}[@-~]|\x1b\][^\x07\x1b\n]{0,2000}(?:\x07|\x1b\\)?|\x1b[ -/]{0,4}[0-~]"
    r"|\x9b[0-?]{0,64}[@-~]"
)
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f]"
)
_OVERWRITTEN = re.compile(r"^[^\n]*\r(?=[^\n\r])", re.MULTILINE)
_SECTION = re.compile(r"section_(?:start|end):\d{1,12}:[\w.\[\]=,-]{1,200}\r?")
_COMMENT = re.compile(r"<!--.{0,2000}?(?:-->|$)", re.DOTALL)
_MENTION = re.compile(r"(?<![\w`/.@])@(?=[A-Za-z0-9])")
_REFERENCE = re.compile(r"(?<![\w&`/])#(?=\d)|(?<=\w)#(?=\d)|(?<=\bGH)-(?=\d)")


def plain(data: bytes) -> str:
    """The text of a log, or of whole lines of one. Of a line that a progress bar rewrote, its last state stays."""
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    text = _STAMP.sub("", text)
    if "\x1b" in text or "\x9b" in text:
        text = _ANSI.sub("", text)
    if "section_" in text:
        text = _SECTION.sub("", text)
    if "\r" in text:
        text = _OVERWRITTEN.sub("", text).replace("\r", "")
    return text if text.isascii() and text.isprintable() else _UNSEEN.sub("", text)


def passable(text: str, limit: int = 400) -> str:
    """A line or a few of a log for readers outside: cleaned again, without HTML comments, cut."""
    cut = text[: 4 * limit]
    cleaned = _COMMENT.sub("", _UNSEEN.sub("", _ANSI.sub("", cut))).strip()
    return cleaned if len(cleaned) <= limit else cleaned[: limit - 1] + "…"


def told(text: str, limit: int = 400) -> str:
    """As `passable`, without what looks like a secret that the CI system did not mask."""
    return passable(redact(text[: 4 * limit]), limit)


def for_markdown(text: str, limit: int = 400) -> str:
    """Text of a log as Markdown that mentions nobody, refers to nothing, closes nothing and shows no HTML or image."""
    cleaned = told(text, limit).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    cleaned = _MENTION.sub("&#64;", cleaned)
    cleaned = _REFERENCE.sub(lambda match: "&#35;" if match[0] == "#" else "&#45;", cleaned)
    return re.sub(r"([\\`*_\[\]|~!])", r"\\\1", cleaned).replace("://", ":&#47;&#47;").replace("www.", "www&#46;")
