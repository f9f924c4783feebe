"""One ranked list of suspects out of several signals, each saying why it is there.

A function's score is a weighted sum of what the signals say about it; a statement's score is its own spectrum and
frames scaled by its function's. Every covered statement of a function gets at least half of its function's best
score: the right line often shares its coverage with its neighbours (measured: one exact fix stood at candidate 45
without this).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tools.localize.imported import suspected
from tools.localize.outline import MODULE, Function, Outline, outline
from tools.localize.spectrum import ochiai
from tools.values import Coverage, Crash, Frame, Signal, Suspect, TestResult

SPECTRUM, TRACEBACK, NAME, CHANGE, MESSAGE = 1.0, 0.45, 0.3, 0.35, 0.5
MAX_SUSPECTS = 400
_WORD = re.compile(r"[a-z]+|[A-Z][a-z]*|\d+")
_QUOTED = re.compile(r"[`'\"]([A-Za-z_][\w.]*)[`'\"]|\b([A-Za-z_]\w*)\(\)")
_ARGUMENTS = re.compile(r"([A-Za-z_][\w.]*)\(\) (?:got|takes|missing|argument)")
_COMMON = {"test", "tests", "should", "when", "with", "the", "is", "for", "of", "to", "in", "a", "and", "not", "self"}

Key = tuple[str, int]


@dataclass(frozen=True)
class Observed:
    """What the signals are taken from. sources: texts of files that may be suspected, without the tests;
    changed: file -> line -> weight of recent change in (0, 1]; passing: ids of passing tests.
    """

    failing: Sequence[TestResult]
    passing: Sequence[str]
    sources: Mapping[str, str]
    coverage: Coverage | None = None
    changed: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    crashes: Sequence[Crash] = ()


@dataclass
class _Board:
    """Scores by function (file, start line; 0 for module level) and by line, with their reasons."""

    outlines: Mapping[str, Outline]
    functions: dict[Key, dict[str, Signal]] = field(default_factory=lambda: defaultdict(dict))
    lines: dict[Key, float] = field(default_factory=dict)

    def blame(self, file: str, line: int, signal: Signal) -> None:
        """Count a signal for the function around a line, once per kind: the strongest."""
        self.mark((file, self._start(file, line)), signal)

    def mark(self, key: Key, signal: Signal) -> None:
        known = self.functions[key].get(signal.name)
        if known is None or known.weight < signal.weight:
            self.functions[key][signal.name] = signal

    def _start(self, file: str, line: int) -> int:
        function = self.outlines[file].function_at(line)
        return function.start if function else 0


def rank(observed: Observed) -> tuple[Suspect, ...]:
    """Statements under suspicion, best first; empty when no signal points into `sources`."""
    board = _Board({file: outline(text) for file, text in observed.sources.items()})
    _spectrum(board, observed)
    crashes = [*observed.crashes, *(r.crash for r in observed.failing if r.crash)]
    _traceback(board, crashes)
    _message(board, crashes)
    _imported(board, observed, crashes)
    _names(board, observed)
    _changes(board, observed)
    return _statements(board)


def _spectrum(board: _Board, observed: Observed) -> None:
    if observed.coverage is None:
        return
    failing = {result.id for result in observed.failing}
    scores = ochiai(observed.coverage, failing, set(observed.passing))
    best = max((score for (file, _), score in scores.items() if file in board.outlines), default=1.0)
    for (file, line), score in scores.items():
        if file not in board.outlines:
            continue
        share = score / best
        board.lines[file, line] = max(share, board.lines.get((file, line), 0.0))
        detail = f"line {line} runs in failing tests more than in passing ones (Ochiai {score:.2f})"
        board.blame(file, line, Signal(name="spectrum", weight=SPECTRUM * share, detail=detail))


def _traceback(board: _Board, crashes: Sequence[Crash]) -> None:
    """The innermost frame weighs most; each step outwards weighs less."""
    for crash in crashes:
        inner = [frame for frame in crash.frames if frame.inside and frame.file in board.outlines]
        for depth, frame in enumerate(reversed(inner)):
            weight = TRACEBACK / (1 + depth)
            where = "raised here" if depth == 0 else f"{depth} calls above the raise"
            _frame(
                board, frame, Signal(name="traceback", weight=weight, detail=f"{crash.kind or 'the failure'} {where}")
            )


def _frame(board: _Board, frame: Frame, signal: Signal) -> None:
    board.blame(frame.file, frame.line, signal)
    key = (frame.file, frame.line)
    board.lines[key] = max(board.lines.get(key, 0.0), min(1.0, 0.5 + signal.weight))


def _message(board: _Board, crashes: Sequence[Crash]) -> None:
    """Functions that the message names: the callee of a failed argument binding, quoted names."""
    for crash in crashes:
        bound = set(_ARGUMENTS.findall(crash.message[:2000])) if crash.kind == "TypeError" else set()
        quoted = {name for pair in _QUOTED.findall(crash.message[:2000]) for name in pair if name}
        for name in bound | quoted:
            weight = MESSAGE if name in bound else MESSAGE / 3
            _mark_named(board, name, Signal(name="message", weight=weight, detail=f"the message names `{name}`"))


def _imported(board: _Board, observed: Observed, crashes: Sequence[Crash]) -> None:
    """Bodies of modules and classes that the failures point at."""
    for file, line, signal, share in suspected(board.outlines, observed.sources, crashes):
        board.blame(file, line, signal)
        board.lines[file, line] = max(board.lines.get((file, line), 0.0), share)


def _mark_named(board: _Board, name: str, signal: Signal) -> None:
    for file, shape in board.outlines.items():
        for function in shape.named(name.rpartition(".")[2])[:3]:
            board.mark((file, function.start), signal)


def _names(board: _Board, observed: Observed) -> None:
    """Words that a failing test's name shares with a function's, the rarer the better."""
    wanted = {word for result in observed.failing for word in _words(result.id.split("::")[-1])}
    named = {(file, f.start): _words(f.name) for file, shape in board.outlines.items() for f in shape.functions}
    spread: dict[str, int] = defaultdict(int)
    for words in named.values():
        for word in words & wanted:
            spread[word] += 1
    for key, words in named.items():
        shared = words & wanted
        if shared and key in board.functions:
            closeness = sum(1 / spread[w] for w in shared) / max(1, len(words))
            detail = f"its name shares {', '.join(sorted(shared))} with the failing test"
            board.mark(key, Signal(name="name", weight=NAME * min(1.0, closeness + len(shared) / 10), detail=detail))


def _words(text: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(text) if len(word) > 1} - _COMMON


def _changes(board: _Board, observed: Observed) -> None:
    for file, lines in observed.changed.items():
        if file not in board.outlines:
            continue
        for line, weight in lines.items():
            board.blame(
                file, line, Signal(name="change", weight=CHANGE * weight, detail=f"line {line} was changed recently")
            )
            if (file, line) in board.lines:
                board.lines[file, line] = min(1.0, board.lines[file, line] + 0.1 * weight)


def _statements(board: _Board) -> tuple[Suspect, ...]:
    totals = {key: sum(s.weight for s in signals.values()) for key, signals in board.functions.items()}
    top = max(totals.values(), default=0.0)
    if top <= 0:
        return ()
    suspects: dict[tuple[str, int, int], Suspect] = {}
    for key, total in totals.items():
        for suspect in _of_function(board, key, total / top):
            place = (suspect.file, suspect.line, suspect.function_line)
            if place not in suspects or suspects[place].score < suspect.score:
                suspects[place] = suspect
    ranked = sorted(suspects.values(), key=lambda s: (-s.score, s.file, s.line))
    return tuple(ranked[:MAX_SUSPECTS])


def _of_function(board: _Board, key: Key, score: float) -> list[Suspect]:
    file, start = key
    shape = board.outlines[file]
    function = next((f for f in shape.functions if f.start == start), None)
    lines = _lines_of(board, file, function)
    best = max((share for _, share in lines), default=1.0) or 1.0
    signals = tuple(sorted(board.functions[key].values(), key=lambda s: -s.weight))
    rows = []
    for line, share in lines:
        statement = shape.statement_at(line)
        first, last = (statement.line, statement.end) if statement else (line, line)
        rows.append(
            Suspect(
                file=file, line=first, end_line=last,
                function=function.name if function else MODULE,
                function_line=function.line if function else 0,
                score=round(score * max(0.5, share / best), 6), signals=signals,
            )
        )  # fmt: skip
    return rows


def _lines_of(board: _Board, file: str, function: Function | None) -> list[tuple[int, float]]:
    """The covered lines of a function (its own, not of functions inside), all its statements when none is covered."""
    shape = board.outlines[file]
    own = [
        (line, share)
        for (name, line), share in board.lines.items()
        if name == file and shape.function_at(line) == function
    ]
    if own or function is None:
        return own
    return [(s.line, 0.5) for s in shape.statements if function.line < s.line <= function.end]


def functions(suspects: Sequence[Suspect]) -> tuple[tuple[str, str, float], ...]:
    """The same ranking at function level: (file, qualified name, best score), best first."""
    best: dict[tuple[str, str], float] = {}
    for suspect in suspects:
        key = (suspect.file, suspect.function)
        best[key] = max(best.get(key, 0.0), suspect.score)
    return tuple((file, name, score) for (file, name), score in sorted(best.items(), key=lambda item: -item[1]))
