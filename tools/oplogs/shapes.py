"""From a block of log to the shape of each line: every word with a digit in it becomes a single `0`.

Shapes are few where lines are many, so that whatever is costly (headers, templates, levels) is done once per shape. The
work over bytes is done by numpy.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MAX_SHAPE = 1_000  # bytes of a line that its shape looks at
PIECE = 200_000
MAX_SHAPES = 40_000  # told apart by one reader; what comes later is told apart by its beginning
MAX_BYTES = 20_000_000  # of all of them
MERGED = b" \x1a"  # ends a shape that stands for several
_OTHER, _WORD, _DIGIT = 0, 1, 2


def _kinds() -> NDArray[np.uint8]:
    kinds = np.zeros(256, dtype=np.uint8)
    for byte in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_.-/\\@%$~+*":
        kinds[byte] = _WORD
    kinds[0x80:] = _WORD
    for byte in b"0123456789":
        kinds[byte] = _DIGIT
    return kinds


_KINDS = _kinds()
_QUOTE, _SPACE, _ZERO = ord('"'), ord(" "), ord("0")


def shaped(block: bytes) -> bytes:
    """`block` with every word that holds a digit written as `0`; the status of an access log's line stays.

    Lines stay lines. A word is letters, digits and what glues them in names, paths and numbers.
    """
    text = np.frombuffer(block, dtype=np.uint8)
    if not text.size:
        return b""
    kinds = _KINDS[text]
    kinds[_statuses(text, kinds)] = _OTHER
    word = kinds != _OTHER
    bounds = np.flatnonzero(word[1:] != word[:-1]) + 1
    bounds = np.concatenate((np.zeros(1, dtype=bounds.dtype), bounds))
    numbered = np.maximum.reduceat(kinds, bounds) == _DIGIT
    keep = np.repeat(~numbered, np.diff(bounds, append=text.size))
    firsts = bounds[numbered]
    keep[firsts] = True
    written = text.copy()
    written[firsts] = _ZERO
    return bytes(written[keep].tobytes())


def _statuses(text: NDArray[np.uint8], kinds: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Where the three digits of `" 500 ` stand: an HTTP status after a quoted request."""
    quotes = np.flatnonzero(text[:-5] == _QUOTE) if text.size > 5 else np.zeros(0, dtype=np.intp)
    quotes = quotes[(text[quotes + 1] == _SPACE) & (text[quotes + 5] == _SPACE)]
    digit = [kinds[quotes + place] == _DIGIT for place in (2, 3, 4)]
    quotes = quotes[digit[0] & digit[1] & digit[2]]
    return np.concatenate([quotes + place for place in (2, 3, 4)])


class ShapeBook(dict[bytes, int]):
    """Numbers for shapes, in the order of their first appearance; a shape not yet known gets one when it is asked for.

    Past MAX_SHAPES a new shape is told apart by its first words only, past twice that not at all: `merged` counts.
    """

    def __init__(self) -> None:
        super().__init__()
        self.merged = 0
        self.size = 0

    def __missing__(self, shape: bytes) -> int:
        if len(self) >= MAX_SHAPES or self.size > MAX_BYTES:
            self.merged += 1
            words = b" ".join(shape[:400].split(None, 4)[:4]) if len(self) < 2 * MAX_SHAPES else b""
            shape = words[:200] + MERGED
        self.size += len(shape)
        return self.setdefault(shape, len(self))


def shapes_of(block: bytes) -> list[bytes]:
    """The shape of each line of `block`, which ends with a newline."""
    parts: list[bytes] = []
    at = 0
    while at < len(block):  # pieces that stay in the processor's cache
        end = block.find(b"\n", at + PIECE)
        end = len(block) if end < 0 else end + 1
        parts.append(shaped(block[at:end]))
        at = end
    lines = b"".join(parts).split(b"\n")
    lines.pop()
    if max(map(len, lines), default=0) > MAX_SHAPE:
        lines = [line[:MAX_SHAPE] for line in lines]
    return lines
