"""Telling thinking from answer, wherever a server puts it: a field of its own, or inline with or without its tags."""

from __future__ import annotations

import re

OPEN, CLOSE = "<think>", "</think>"
_OPENING = re.compile(r"\s*<think>")
_OPENINGS = re.compile(r"(?:\s*<think>)*")
_ENDED_LATE = re.compile(r"(?:\A|\n)[ \t]*</think>[ \t]*(?:\n|\Z)")
_ACTS = ("<tool_call>", "<action ", "<function=")


def split(reasoning: str, content: str, *, inline: bool = False, cut: bool = False) -> tuple[str, str]:
    """(thinking, answer) of a reply.

    reasoning: what came in the server's own field; content: the rest. inline: this server is known to leave thinking
    in the content; cut: the reply ended at its token limit, so that thinking may never have been closed.
    """
    if reasoning:
        return _late(_untagged(reasoning), content)
    opened = _OPENING.match(content)
    head, closed, rest = content.partition(CLOSE)
    if closed and (opened or inline or OPEN not in head):
        return _untagged(head), _reopened(rest)
    if opened or (inline and cut):
        return _untagged(content), ""
    return "", content.strip()


def _late(thinking: str, content: str) -> tuple[str, str]:
    """A model whose thinking was cut by a cap goes on with it in its answer, and closes it there once more."""
    parts = [part.strip() for part in _ENDED_LATE.split(content)]
    said = [part for part in parts if part]
    if len(parts) == 1 or any(mark in part for part in parts[:-1] for mark in _ACTS):
        return thinking, content.strip()
    return "\n".join([thinking, *said[:-1]]), said[-1] if said else ""


def _untagged(text: str) -> str:
    return _OPENINGS.sub("", text, count=1).strip()


def _reopened(text: str) -> str:
    """A model that begins to think again right after it had ended: that is not its answer either."""
    if _OPENING.match(text) and CLOSE in text:
        return text.partition(CLOSE)[2].strip()
    return text.strip()
