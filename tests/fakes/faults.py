"""Small faults and their fixes, read from a text, to ask at which rank the candidates hold the fix.

A text has sections: `== template: what went wrong`, then lines of a file; those of the faulty code are marked `-`,
those of the right code `+`, the line that crashed `*` (if none is: the first `-` line, else that after the first `+`).
`! KeyError: 'x'` is the failure's error, `? raises(KeyError)` a line of the tests.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.repair.edits import apply
from tools.repair.generate import candidates
from tools.values import Candidate, Crash, Frame, Suspect

FILE = "shop/stock.py"


@dataclass(frozen=True)
class Fault:
    """Faulty and right code; template: the one that is for it; line: that is suspected, where the error came from."""

    template: str
    name: str
    faulty: str
    right: str
    line: int
    error: str = ""
    tests: str = ""

    @property
    def crashes(self) -> list[Crash]:
        kind, _, message = self.error.partition(": ")
        frames = (Frame(file="tests/test_stock.py", line=3), Frame(file=FILE, line=self.line))
        return [Crash(kind=kind, message=message, frames=frames)] if kind else []

    def candidates(self, files: Mapping[str, str] | None = None) -> Iterator[Candidate]:
        """All candidates, the line of the fault suspected most."""
        suspect = Suspect(file=FILE, line=self.line, end_line=self.line, function="", function_line=1, score=1.0)
        tests = {"tests/test_stock.py": self.tests}
        return candidates({FILE: self.faulty, **(files or {})}, [suspect], self.crashes, test_sources=tests)

    def rank(self, limit: int, files: Mapping[str, str] | None = None) -> int:
        """The place of the first candidate that gives the right code, counted from 1; 0: not among `limit`."""
        for number, candidate in enumerate(itertools.islice(self.candidates(files), limit), 1):
            if apply(self.faulty, candidate.edits) == self.right:
                return number
        return 0


def sections(path: Path) -> list[tuple[str, str]]:
    """Titles and bodies of a text with `== title` lines."""
    parts = [
        part.partition("\n") for part in re.split(r"^== ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    ]
    return [(title, body.rstrip("\n")) for title, _, body in parts]


def faults(path: Path) -> list[Fault]:
    """All faults of a text."""
    return [_fault(title, body.split("\n")) for title, body in sections(path)]


def _fault(title: str, lines: list[str]) -> Fault:
    template, _, name = title.partition(": ")
    said = {mark: "\n".join(line[2:] for line in lines if line[:1] == mark) for mark in "!?"}
    code = [line for line in lines if line[:1] not in ("!", "?")]
    old, new = ("".join(f"{line[1:]}\n" for line in code if line[:1] != sign) for sign in ("+", "-"))
    kept = [line for line in code if line[:1] != "+"]
    marked = [i for i, line in enumerate(kept, 1) if line[:1] == "*"] + [
        i for i, line in enumerate(kept, 1) if line[:1] == "-"
    ]
    added = next((i for i, line in enumerate(code, 1) if line[:1] == "+"), 1)
    line = marked[0] if marked else min(added, len(kept))
    return Fault(template, name, old, new, line, said["!"], said["?"])
