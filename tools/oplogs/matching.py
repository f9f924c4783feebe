"""Where an expression matches in a block of a log, once a line: by Hyperscan where it means the same, else by RE2.

Hyperscan (https://intel.github.io/hyperscan/dev-reference/) reads many bytes at a time and reports every end of a
match; RE2 goes on after the line of a match. Both take time linear in the text. RE2 decides what an expression is:
Hyperscan is given those alone that neither match newlines nor ask what a character is beyond ASCII.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass

import hyperscan
import numpy as np
import re2

from tools.tool import ToolError

MAX_PATTERN = 10_000
MAX_FAST = 1_000
_TIRED = 50_000  # ends of matches in lines that are found already, in one block
_PART = r"\\[wdbt.\\\[\](){}*+?|^$/:\"'=,;<>@#%&!~ -]|\[[^\]\[\\^][^\]\[\\]*\]|\(\?:|\((?!\?)|[^\\\[\](.{]|\{(?!\d)"
_EVERYWHERE = re.compile(rf"(?:\.[*+]|{_PART})+")
_IN_ASCII = re.compile(rf"(?:\.|{_PART})+")
_TOKEN = re.compile(rf"\.|{_PART}")
Text = bytes | bytearray


@dataclass(frozen=True)
class Places:
    """An offset into each line that matched, in order. single: no line twice."""

    at: list[int]
    single: bool


class Matcher:
    """An expression made ready. `places` may be called from several threads. Raises ToolError for one that is none."""

    def __init__(self, pattern: str, *, ignore_case: bool = False) -> None:
        self._patterns = [_compiled(part, ignore_case=ignore_case) for part in _alternatives(pattern)]
        self._everywhere = _EVERYWHERE.fullmatch(pattern) is not None and not ignore_case
        self._fast = _database(pattern, ignore_case=ignore_case)
        self._local = threading.local()

    def places(self, text: Text, end: int) -> Places:
        """Where it matches in `text` up to `end`, where a line ends."""
        fast = self._fast  # another thread may give it up meanwhile
        if fast is not None and (self._everywhere or _ascii(text, end)):
            found = self._scanned(fast, text, end)
            if found is not None:
                return Places(found, single=True)
            self._fast = None  # it matches nearly everywhere: going from line to line is faster
        at = [place for pattern in self._patterns for place in _matched(pattern, text, end)]
        return Places(at, single=len(self._patterns) == 1)

    def _scanned(self, database: hyperscan.Database, text: Text, end: int) -> list[int] | None:
        """By Hyperscan; None when there are far more ends of matches than lines with one."""
        found: list[int] = []
        hear = _listener(text, found)
        with memoryview(text) as whole, whole[:end] as part:
            try:
                database.scan(part, match_event_handler=hear, scratch=self._scratch(database))  # type: ignore[type-var]
            except hyperscan.ScanTerminated:
                return None
        return found

    def _scratch(self, database: hyperscan.Database) -> hyperscan.Scratch:
        scratch: hyperscan.Scratch | None = getattr(self._local, "scratch", None)
        if scratch is None:
            scratch = self._local.scratch = hyperscan.Scratch(database)
        return scratch


def _listener(text: Text, found: list[int]) -> Callable[..., bool | None]:
    line_end, wasted, find = -1, 0, text.find

    def hear(_: int, __: int, to: int, *___: object) -> bool | None:
        nonlocal line_end, wasted
        if to > line_end:
            line_end = find(b"\n", to - 1)
            if line_end < 0:  # the last line of what another program wrote may have no end
                line_end = len(text)
            found.append(to - 1)
            return None
        wasted += 1
        return wasted > _TIRED or None

    return hear


def _ascii(text: Text, end: int) -> bool:
    return not end or bool(np.frombuffer(text, dtype=np.uint8, count=end).max() < 128)


def _database(pattern: str, *, ignore_case: bool) -> hyperscan.Database | None:
    """For Hyperscan, None for an expression that is another one there, or none."""
    plain = len(pattern) <= MAX_FAST and pattern.isascii() and pattern.isprintable()
    if not plain or not _IN_ASCII.fullmatch(pattern) or not _takes_something(pattern):
        return None
    database = hyperscan.Database()
    flags = hyperscan.HS_FLAG_MULTILINE | (hyperscan.HS_FLAG_CASELESS if ignore_case else 0)
    try:
        database.compile(expressions=[pattern.encode()], ids=[0], elements=1, flags=[flags])
    except hyperscan.HyperscanError:  # also where it matches nothing at all, everywhere
        return None
    return database


def _takes_something(pattern: str) -> bool:
    """Whether each match holds a character: where one ends then tells its line."""
    rest = "".join(part for part in _TOKEN.findall(pattern) if part not in {"^", "$", r"\b"})
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(rest, options).fullmatch(b"") is None
    except re2.error:
        return False


def _compiled(pattern: str, *, ignore_case: bool) -> re2._Regexp:
    if len(pattern) > MAX_PATTERN:
        raise ToolError(f"an expression of more than {MAX_PATTERN:,} characters")
    options = re2.Options()
    options.log_errors = False
    options.never_nl = True  # an expression is about lines
    options.case_sensitive = not ignore_case
    try:
        return re2.compile(f"(?m){pattern}", options)
    except re2.error as error:
        said = error.args[0].decode("utf-8", "replace") if isinstance(error.args[0], bytes) else str(error)
        raise ToolError(f"the expression {pattern!r} cannot be used (RE2: {said})") from error


def _alternatives(pattern: str) -> list[str]:
    """Expressions of which one has to match. Each for itself is found faster: RE2 can jump to how it begins."""
    parts = pattern.split("|")
    plain = not set(pattern) & set("\\[](){}") and all(parts) and len(parts) <= 8
    return parts if plain else [pattern]


def _matched(pattern: re2._Regexp, text: Text, end: int) -> list[int]:
    """Where an expression matches, once a line."""
    at, found = 0, []
    while (match := pattern.search(text, at, end)) and match.start() < end:
        place, after = match.span()
        found.append(place)
        at = text.find(b"\n", max(place, after - 1), end) + 1
        if not at:
            break
    return found
