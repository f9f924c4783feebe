"""Noticing a stream that goes in circles, while it runs: thinking models do, at low temperatures above all."""

from __future__ import annotations

TAIL = 6000
EVERY = 200
_PROBE = 48
_LINES, _DISTINCT, _LONG = 48, 8, 16
_SEARCHED = 8 * TAIL


class Repetition:
    """Fed with the pieces of one stream. least: characters of mere repetition that are too many."""

    def __init__(self, least: int = 480) -> None:
        self._least = least
        self._tail = ""
        self._new = 0

    def add(self, piece: str) -> bool:
        """Take the next piece; True when the stream repeats itself."""
        self._tail += piece
        self._new += len(piece)
        if self._new < EVERY:
            return False
        self._new = 0
        self._tail = self._tail[-TAIL:]
        return bool(period(self._tail, self._least)) or _few_lines(self._tail)


def period(text: str, least: int = 480) -> int:
    """The length of the piece that the end of `text` repeats over `least` characters and four times; 0 for none."""
    if len(text) < least:
        return 0
    if not text[-least:].strip():
        return 1
    probe = text[-_PROBE:]
    start = len(text) - 1
    while (found := text.rfind(probe, 0, start)) >= 0:
        size = len(text) - _PROBE - found
        times = max(4, -(-least // size))
        if size * times > len(text):
            return 0
        if text.endswith(text[-size:] * times):
            return size
        start = found + _PROBE - 1
    return 0


def once(text: str, least: int = 480) -> str:
    """`text` with the repetition at its end left out but for its first copy."""
    size = period(text[-_SEARCHED:], least)
    if not size:
        return text
    twice, end = text[-size:] * 2, len(text)
    while text.endswith(twice, 0, end):  # without a copy for each: there may be a million
        end -= size
    return text[:end]


def _few_lines(tail: str) -> bool:
    """The last lines are the same few over and over, in whatever order."""
    lines = [line.strip() for line in tail.splitlines() if len(line.strip()) >= _LONG][-_LINES:]
    return len(lines) == _LINES and len(set(lines)) <= _DISTINCT
