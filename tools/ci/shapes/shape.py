"""What a tool's failing output looks like, as data, and how a text is looked through for it."""

from __future__ import annotations

import bisect
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tools.ci.values import Kind

Tests = Callable[[Sequence[str]], Iterator[str]]
MAX_TESTS = 500
NEVER = re.compile(r"(?!)")


def lines_with(*patterns: str) -> re.Pattern[str]:
    """One pattern for whole lines, any of several."""
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Shape:
    """verdict: the line by which the tool says that it failed, of which the last one counts; start: the line by which
    its run begins; errors: what an error looks like, the surest first, the text in the one named group or all of it;
    tests: reads the ids out of the lines of the run; command: what a script's line has that runs it; words: one of them
    is in every text that `verdict` can match; rank: 0 for tools, higher for what runs them and for what is said about
    any program.
    """

    tool: str
    kind: Kind
    words: tuple[str, ...]
    verdict: re.Pattern[str]
    errors: tuple[re.Pattern[str], ...]
    command: re.Pattern[str] = NEVER
    start: re.Pattern[str] | None = None
    tests: Tests | None = None
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Match:
    """A shape in a text. place: of its verdict; error: its first error and where that is (characters)."""

    shape: Shape
    place: int
    error: str
    at: int
    tests: tuple[str, ...]


def ids_by(*patterns: re.Pattern[str]) -> Tests:
    """Reads ids line by line: the last group that took part in the first of the patterns that matches."""

    def read(lines: Sequence[str]) -> Iterator[str]:
        for line in lines:
            if match := next(filter(None, (pattern.match(line) for pattern in patterns)), None):
                yield match[match.lastindex or 0]

    return read


def find(shape: Shape, text: str) -> Match | None:
    """The shape's last run in a text; None where its verdict is not there."""
    if not any(word in text for word in shape.words):
        return None
    verdict = last(shape.verdict, text)
    if verdict is None:
        return None
    started = last(shape.start, text[: verdict.start()]) if shape.start else None
    begin = started.start() if started else 0
    patterns = (*shape.errors, shape.verdict)
    error = next((found for pattern in patterns if (found := pattern.search(text, begin))), verdict)
    group = error.lastgroup or 0
    region = text[begin:] if shape.tests else ""
    tests = tuple(dict.fromkeys(shape.tests(region.split("\n")))) if shape.tests else ()
    return Match(shape, verdict.start(), error[group], error.start(group), tests[:MAX_TESTS])


def last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    """The last match in a text."""
    return next(iter(deque(pattern.finditer(text), maxlen=1)), None)


class Lines:
    """Places of a text as numbers of the log's lines: pieces in their order, each with the number of its first line."""

    def __init__(self, pieces: Sequence[tuple[int, str]]) -> None:
        self.text = "".join(piece for _, piece in pieces)
        self._pieces = pieces
        self._starts: list[int] = []
        size = 0
        for _, piece in pieces:
            self._starts.append(size)
            size += len(piece)

    def number(self, place: int) -> int:
        """The log's line that has a character of the text."""
        if not self._pieces:
            return 0
        index = max(0, bisect.bisect_right(self._starts, place) - 1)
        first, piece = self._pieces[index]
        return first + piece.count("\n", 0, place - self._starts[index])
