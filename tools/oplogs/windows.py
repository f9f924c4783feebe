"""Lines out of a block of text, or of a file around an offset, without reading more of it than that takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO

import numpy as np
from numpy.typing import NDArray

MAX_SHOWN = 4_000  # characters of a line
_STEP = 16_000
_CHUNK = 1 << 18
_MOST = 8_000_000  # bytes to either side
Lines = NDArray[np.int64]


def newlines(text: bytes) -> Lines:
    """Where the lines of `text` end."""
    return np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == ord("\n"))


def line_of(text: bytes, ends: Lines, number: int) -> str:
    """A line as it is shown, counted from 0."""
    return shown(text[int(ends[number - 1]) + 1 if number else 0 : int(ends[number])])


def shown(line: bytes) -> str:
    """A line as text, a long one cut."""
    text = line[: 4 * MAX_SHOWN].decode("utf-8", "replace").rstrip("\r")
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}… ({len(line):,} bytes)"


def ended(file: IO[bytes], start: int, offsets: Sequence[int]) -> list[int]:
    """For each offset, in order, how many lines end between `start` and it."""
    found: list[int] = []
    lines, at = 0, start
    file.seek(start)
    for offset in offsets:
        while at < offset:
            text = file.read(min(_CHUNK, offset - at))
            if not text:  # shorter than it was
                break
            lines += text.count(b"\n")
            at += len(text)
        found.append(lines)
    return found


def around(file: IO[bytes], at: int, size: int, lines: int) -> tuple[list[bytes], bytes, list[bytes]]:
    """The line that begins at `at`, and as many as `lines` before and after it, fewer where lines are very long.

    size: bytes of the file that count.
    """
    start, text = at, b""
    while lines and start and text.count(b"\n") <= lines and len(text) < _MOST:
        step = min(start, max(_STEP, len(text)))
        start -= step
        file.seek(start)
        text = file.read(step) + text
    before = text.split(b"\n")[1 if start else 0 : -1][-lines:] if lines else []
    file.seek(at)
    text = file.read(min(_STEP, size - at))
    while text.count(b"\n") <= lines and at + len(text) < size and len(text) < _MOST:
        more = file.read(min(max(_STEP, len(text)), size - at - len(text)))
        if not more:
            break
        text += more
    line, *after = text.split(b"\n", lines + 1)[: lines + 1]
    return before, line, after[:-1] if after and not after[-1] and text.count(b"\n") <= lines else after
