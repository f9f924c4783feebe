"""Lines of several threads or processes that write into one log at once, told apart by what their heads name.

A stack trace of many lines is torn apart where each line is written by itself, as web servers do with what a program
prints: `[pid 214:tid 140216]`, `[http-nio-8080-exec-3]`, `[worker-2]`, `(Thread-7)`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

HEAD = 200  # bytes of a line in which a thread is looked for
LOOKED = 200  # beginnings of traces by which it is seen whether they are torn apart
_MARK = re.compile(
    rb"\[pid \d{1,10}(?::tid \d{1,20})?\]|\[(?:[Tt]hread|tid|pid)[ =:#-]?\w{1,20}\]|\[\d{1,10}[:#]\d{1,20}\]"
    rb"|[\[(][A-Za-z](?:[\w.$]{0,40}[-#]){1,6}\d{1,8}[\])]"
)
Places = NDArray[np.intp]


def mark(line: bytes) -> bytes:
    """What names the thread of a line, empty where nothing does."""
    found = _MARK.search(line, 0, HEAD)
    return found[0] if found else b""


def torn(lines: Sequence[bytes], starts: Sequence[int]) -> bool:
    """Whether traces that begin at `starts` go on in lines further down, after those of other threads."""
    for place in starts[:LOOKED]:
        if place + 1 < len(lines):
            one, other = mark(lines[place]), mark(lines[place + 1])
            if one and other and one != other:
                return True
    return False


def strands(lines: Sequence[bytes]) -> list[Places]:
    """The places of each thread's lines, in order; a line that names none goes on with the thread of the one above."""
    numbers: dict[bytes, int] = {}
    own = np.zeros(len(lines), dtype=np.int64)
    last = 0
    for place, line in enumerate(lines):
        name = mark(line)
        last = numbers.setdefault(name, len(numbers)) if name else last
        own[place] = last
    order = np.argsort(own, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(own[order])) + 1)
