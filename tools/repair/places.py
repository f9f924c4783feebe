"""Which statements to edit and how much each is suspected: the localizer's list, spread over what lies around it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tools.repair.facts import Facts
from tools.repair.source import COMPOUND, FunctionNode, parse
from tools.values import Crash, Suspect

MAX_SUSPECTS = 3_000
MAX_FILES = 60
TOP_FUNCTIONS = 10
FUNCTION_SHARE = 0.5
CLASS_SHARE = 0.3
GLOBAL_SHARE = 0.35


@dataclass(frozen=True, slots=True)
class Place:
    """A statement of a file and its suspicion in (0, 1]."""

    facts: Facts
    statement: ast.stmt
    suspicion: float


@dataclass(eq=False)
class Spread:
    """Suspicion by statement, over files that are parsed when first needed."""

    sources: Mapping[str, str]
    _files: dict[str, Facts | None] = field(default_factory=dict)
    _scores: dict[ast.stmt, float] = field(default_factory=dict)
    _homes: dict[ast.stmt, Facts] = field(default_factory=dict)

    def facts(self, path: str) -> Facts | None:
        """Facts of a file; None when it is not given, not Python, or one too many."""
        if path not in self._files:
            wanted = path in self.sources and len(self._files) < MAX_FILES
            source = parse(path, self.sources[path]) if wanted else None
            self._files[path] = Facts(source) if source else None
        return self._files[path]

    def raise_to(self, facts: Facts, statement: ast.stmt, score: float) -> None:
        """Suspect a statement at least this much."""
        if score > self._scores.get(statement, 0.0):
            self._scores[statement] = min(1.0, score)
            self._homes[statement] = facts

    def places(self) -> list[Place]:
        """All suspected statements, most suspected first; ties in the order of files and lines."""
        found = [Place(self._homes[s], s, score) for s, score in self._scores.items()]
        return sorted(found, key=lambda p: (-p.suspicion, p.facts.source.path, p.statement.lineno))

    def best(self) -> float:
        return max(self._scores.values(), default=0.0)

    def functions(self) -> list[tuple[FunctionNode, Facts, float]]:
        """The functions with the most suspected statements, each with its best score."""
        found: dict[FunctionNode, tuple[Facts, float]] = {}
        for place in self.places():
            function = place.facts.source.outermost_function(place.statement)
            if function is not None and function not in found:
                found[function] = (place.facts, place.suspicion)
        return [(function, facts, score) for function, (facts, score) in found.items()][:TOP_FUNCTIONS]


def places(sources: Mapping[str, str], suspects: Sequence[Suspect], crashes: Sequence[Crash]) -> list[Place]:
    """Statements to edit: those of the suspects, frames of the crashes, then at a share of the score all statements of
    the top functions, their classes' bodies and the module variables they read.
    """
    spread = Spread(sources)
    for suspect in sorted(suspects, key=lambda s: -s.score)[:MAX_SUSPECTS]:
        facts = spread.facts(suspect.file)
        statement = facts.source.statement_at(suspect.line) if facts else None
        if facts is not None and statement is not None and suspect.score > 0:
            spread.raise_to(facts, statement, suspect.score)
    _add_frames(spread, crashes)
    for function, facts, score in spread.functions():
        for statement in _inside(function, facts):
            spread.raise_to(facts, statement, score * FUNCTION_SHARE)
        for statement in _class_body(function, facts):
            spread.raise_to(facts, statement, score * CLASS_SHARE)
        for statement in _globals_read(function, facts):
            spread.raise_to(facts, statement, score * GLOBAL_SHARE)
    return spread.places()


def _add_frames(spread: Spread, crashes: Sequence[Crash]) -> None:
    """The innermost frames inside the given sources are suspects even when the localizer's list lacks them."""
    share = (spread.best() or 1.0) * FUNCTION_SHARE
    for crash in crashes[:50]:
        frames = [f for f in reversed(crash.frames) if f.inside and f.file in spread.sources]
        for frame in frames[:2]:
            facts = spread.facts(frame.file)
            statement = facts.source.statement_at(frame.line) if facts else None
            if facts is not None and statement is not None:
                spread.raise_to(facts, statement, share)


def _inside(function: FunctionNode, facts: Facts) -> Iterator[ast.stmt]:
    yield function
    yield from (node for node in facts.scope(function).nodes if isinstance(node, ast.stmt))


def _class_body(function: FunctionNode, facts: Facts) -> Iterator[ast.stmt]:
    owner = facts.source.parents.get(function)
    if isinstance(owner, ast.ClassDef):
        yield owner
        yield from (s for s in owner.body if not isinstance(s, COMPOUND))


def _globals_read(function: FunctionNode, facts: Facts) -> Iterator[ast.stmt]:
    reads = facts.scope(function).reads
    for statement in facts.source.tree.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        if any(isinstance(t, ast.Name) and t.id in reads for t in targets):
            yield statement
