"""The names a statement can use, with what is known of each: the vocabulary that templates draw from."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Literal

from tools.repair.facts import Facts, ScopeFacts
from tools.repair.kinds import UNKNOWN, Kinds, compatible
from tools.repair.source import FUNCTIONS, SourceFile

Role = Literal["parameter", "local", "loop", "enclosing", "attribute", "global"]
MAX_VARIABLES = 80


@dataclass(frozen=True, slots=True)
class Variable:
    """A value in scope as it is written (`x`, `self.x`). bound: the line that bound it last, 0 when not in the
    function.

    unused: it is never read in the function, a hint that it was forgotten.
    """

    name: str
    role: Role
    kinds: Kinds = UNKNOWN
    bound: int = 0
    unused: bool = False


def visible(facts: Facts, statement: ast.stmt) -> tuple[Variable, ...]:
    """Variables that a statement can read: its function's, those around it, attributes of self, the module's."""
    source = facts.source
    scope = facts.scope(source.scope_of(statement))
    found = {v.name: v for v in _own(source, scope, statement)}
    for v in (*_enclosing(facts, statement), *_attributes(facts, scope), *_globals(facts, scope)):
        found.setdefault(v.name, v)
        if len(found) >= MAX_VARIABLES:
            break
    return tuple(found.values())


def _own(source: SourceFile, scope: ScopeFacts, statement: ast.stmt) -> Iterator[Variable]:
    if not isinstance(scope.node, FUNCTIONS):
        return
    for name in scope.own_parameters:
        yield Variable(name, "parameter", scope.kinds.get(name, UNKNOWN), scope.node.lineno, name in scope.unused)
    loop = source.loop_of(statement)
    end = (loop.end_lineno if loop else None) or statement.end_lineno or statement.lineno
    for name in scope.writes:
        earlier = [line for line in scope.bound_lines(name) if line <= end]
        if earlier and name != scope.receiver:
            role: Role = "loop" if name in scope.loops else "local"
            before = [line for line in earlier if line < statement.lineno] or earlier
            yield Variable(name, role, scope.kinds.get(name, UNKNOWN), before[-1], name in scope.unused)


def _enclosing(facts: Facts, statement: ast.stmt) -> Iterator[Variable]:
    function = facts.source.function_of(statement)
    around = facts.source.function_of(function) if function else None
    while around is not None:
        outer = facts.scope(around)
        for name in (*outer.own_parameters, *outer.writes):
            if name in outer.parameters or outer.bound_lines(name):
                yield Variable(name, "enclosing", outer.kinds.get(name, UNKNOWN), 0, name in outer.unused)
        around = facts.source.function_of(around)


def _attributes(facts: Facts, scope: ScopeFacts) -> Iterator[Variable]:
    owner = facts.source.class_of(scope.node) if scope.receiver else None
    if owner is None:
        return
    known = facts.class_facts(owner)
    for attribute, _ in known.attributes.most_common(24):
        if attribute not in known.methods:
            name = f"{scope.receiver}.{attribute}"
            yield Variable(name, "attribute", known.kinds.get(f"self.{attribute}", UNKNOWN))


def _globals(facts: Facts, scope: ScopeFacts) -> Iterator[Variable]:
    """Module variables; those the function or its neighbours read come first."""
    module = facts.module
    names = [n for n in module.writes if module.bound_lines(n) and not n.startswith("__")]
    for name in sorted(names, key=lambda n: -scope.reads[n])[:24]:
        yield Variable(name, "global", module.kinds.get(name, UNKNOWN))


def comprehension_names(source: SourceFile, node: ast.AST) -> tuple[str, ...]:
    """Names that the comprehensions around an expression bind."""
    found: list[str] = []
    for above in source.ancestors(node):
        if isinstance(above, ast.stmt):
            break
        if isinstance(above, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            targets = (n for g in above.generators for n in ast.walk(g.target))
            found += [n.id for n in targets if isinstance(n, ast.Name)]
        elif isinstance(above, ast.Lambda):
            found += [a.arg for a in above.args.args]
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=1 << 16)
def similarity(first: str, second: str) -> float:
    """How alike two names look, 0 to 1: shared words, common ends, small slips."""
    if first == second:
        return 1.0
    a, b = _name_words(first), _name_words(second)
    shared = len(a & b) / max(len(a | b), 1)
    if min(len(first), len(second)) <= 2:
        return max(shared, 0.5 if len(first) == len(second) else 0.1)
    ratio = SequenceMatcher(None, first, second, autojunk=False).ratio()
    return max(shared, ratio * ratio)


@lru_cache(maxsize=1 << 14)
def _name_words(name: str) -> frozenset[str]:
    spaced = "".join(f"_{c.lower()}" if c.isupper() else c for c in name.replace(".", "_"))
    return frozenset(w for w in spaced.split("_") if w and w != "self")


def nearest(name: str, others: tuple[str, ...] | list[str], *, count: int = 5, least: float = 0.3) -> list[str]:
    """The names that look most like `name`, itself left out."""
    scored = ((similarity(name, other), other) for other in dict.fromkeys(others) if other != name)
    ranked = sorted(((s, o) for s, o in scored if s >= least), key=lambda pair: (-pair[0], pair[1]))
    return [other for _, other in ranked[:count]]


_ROLE_NEIGHBOURS: frozenset[tuple[Role, Role]] = frozenset(
    {("parameter", "local"), ("local", "parameter"), ("loop", "local"), ("local", "loop"), ("loop", "parameter")}
)
_SHARED_WORD = 0.5  # `default` and `default_value`


def substitution_weight(wanted: Kinds, old: Variable | None, new: Variable, line: int) -> float:
    """How likely `new` was meant where `old` (None: unknown) stands on `line`; about 0.05 to 1.5."""
    weight = compatible(wanted, new.kinds)
    if old is not None:
        alike = similarity(old.name, new.name)
        near = (old.role, new.role) in _ROLE_NEIGHBOURS or alike >= _SHARED_WORD
        close = 1.0 if old.role == new.role else 0.85 if near else 0.6
        weight *= close * (0.6 + 0.7 * alike)
    if new.role == "global":
        weight *= 0.4
    elif new.role == "attribute" and (old is None or old.role != "attribute"):
        weight *= 0.6
    if new.bound and 0 <= line - new.bound <= 3:
        weight *= 1.15
    return weight * (2.0 if new.unused else 1.0)
