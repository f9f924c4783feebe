"""What is kept of one step's output in bounded memory: its head, its tail, and lines of the middle that speak of
errors.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

HEAD = 512 << 10
TAIL = 1536 << 10
LINE = 40  # what a line costs beside its bytes: looking for patterns takes time by lines too
MIDDLE = 256 << 10
_AFTER = 1_500  # bytes kept behind a line of the middle that speaks of an error
_WORDS = (b"rror", b"FAIL", b"panic", b"not ok ", b"Failed")


class Window:
    """The kept pieces of an output, each with the number of its first line; blocks end at line ends."""

    def __init__(self, first_line: int = 1) -> None:
        self.first_line = first_line
        self.lines = 0
        self._head: list[tuple[int, bytes]] = []
        self._middle: list[tuple[int, bytes]] = []
        self._tail: deque[tuple[int, bytes]] = deque()
        self._sizes = [0, 0, 0]

    def add(self, block: bytes) -> None:
        """Take further output."""
        if not block:
            return
        piece = (self.first_line + self.lines, block)
        self.lines += block.count(b"\n")
        cost = _cost(block)
        if not self._tail and self._sizes[0] + cost <= HEAD:
            self._head.append(piece)
            self._sizes[0] += cost
            return
        self._tail.append(piece)
        self._sizes[2] += cost
        while len(self._tail) > 1 and self._sizes[2] - _cost(self._tail[0][1]) >= TAIL:
            number, dropped = self._tail.popleft()
            self._sizes[2] -= _cost(dropped)
            self._excerpt(number, dropped)

    def pieces(self) -> Iterator[tuple[int, bytes]]:
        """(number of the first line, bytes), in order."""
        yield from self._head
        yield from self._middle
        yield from self._tail

    def end(self, size: int = 8_192) -> bytes:
        """The last bytes."""
        end = b"".join(block for _, block in list(self._tail)[-2:]) if self._tail else b""
        return (end or b"".join(block for _, block in self._head))[-size:]

    def _excerpt(self, number: int, block: bytes) -> None:
        """Keep a few lines of a block that goes, from where it first speaks of an error."""
        position = 0
        for _ in range(50):
            if self._sizes[1] >= MIDDLE:
                return
            places = [place for word in _WORDS if (place := block.find(word, position)) >= 0]
            if not places:
                return
            start = block.rfind(b"\n", 0, min(places)) + 1
            end = block.find(b"\n", min(len(block), min(places) + _AFTER)) + 1 or len(block)
            start = max(start, position)
            self._middle.append((number + block.count(b"\n", 0, start), block[start:end]))
            self._sizes[1] += end - start
            position = end


def _cost(block: bytes) -> int:
    return len(block) + LINE * block.count(b"\n")
