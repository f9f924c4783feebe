"""Statements and small `if` blocks that stand elsewhere in the file, in surroundings like those of the place, with
names adapted to those in scope there: whoever writes two alike pieces of code forgets a line in one of them.
"""

from __future__ import annotations

import ast
import builtins
import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from tools.repair.facts import Facts, ScopeFacts
from tools.repair.kinds import UNKNOWN, compatible, dotted
from tools.repair.names import Variable, similarity
from tools.repair.site import Proposal, Site, shown, template
from tools.repair.source import COMPOUND, FUNCTIONS, SourceFile
from tools.repair.templates.passages import LEAVING, anchors, is_docstring, span_lines, touch

_MOST_DONORS = 1_500
_MOST_ADAPTED = 2
_MOST_TRIED = 14
_LEAST = 0.3
_SIMPLE = (ast.Assign, ast.AugAssign, ast.Expr, ast.Delete, ast.AnnAssign)
_BUILTINS = frozenset(dir(builtins))
Words = frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class Donor:
    """A statement that may be missing elsewhere. parts: its test and the statements of its block, or itself alone.

    before, after: words of its neighbours, None at the ends of the block; names: the names in it, by part;
    attributes: those it uses on self.
    """

    statement: ast.stmt
    parts: tuple[ast.expr | ast.stmt, ...]
    before: Words | None
    after: Words | None
    names: tuple[tuple[ast.Name, ...], ...]
    attributes: Words


@template("insert-elsewhere", prior=0.24, limit=14, decay=0.1)
def insert_elsewhere(site: Site) -> Iterator[Proposal]:
    """In front of the statement, or behind it at the end of its block, what stands between neighbours like its own."""
    if site.function is None or isinstance(site.statement, FUNCTIONS) or is_docstring(site.statement):
        return
    if not anchors(site.source, site.statement):
        return
    before, own = site.block.before, words(site.source, site.statement)
    earlier = words(site.source, before) if before is not None else None
    found = [(code, weight, False) for code, weight in _fitting(site, earlier, own)]
    if site.block.after is None and not isinstance(site.statement, LEAVING):
        found += [(code, weight, True) for code, weight in _fitting(site, own, None)]
    present = {_squeezed(site.text(s)) for s in site.block.statements if span_lines(s) <= 3}
    for code, weight, behind in sorted(found, key=lambda f: -f[1]):
        if _squeezed(code) not in present:
            put = site.insert_after if behind else site.insert_before
            yield put(code, f"insert `{shown(code)}`", weight=weight)


def _squeezed(text: str) -> str:
    return " ".join(text.split())


def _fitting(site: Site, before: Words | None, after: Words | None) -> list[tuple[str, float]]:
    """Code for a place between two neighbours, with weights, likeliest first."""
    scored: list[tuple[float, int, Donor]] = []
    known, function = _members(site), site.function
    low, high = (function.lineno, function.end_lineno or 0) if function is not None else (0, 0)
    for index, donor in enumerate(donors(site.facts)):
        alike = _alike(donor.before, before) + _alike(donor.after, after)
        # Guards of the same function need no likeness of their surroundings.
        guard = len(donor.parts) > 1 and low <= donor.statement.lineno <= high
        if (guard or alike >= _LEAST) and donor.attributes <= known and donor.statement is not site.statement:
            scored.append((-alike, index, donor))
    found: dict[str, float] = {}
    for alike, _, donor in heapq.nsmallest(_MOST_TRIED, scored, key=lambda entry: entry[:2]):
        names, fit = _renaming(site, donor)
        if names is not None:
            code = _adapted(site.source, donor, names)
            weight = min(1.0, 0.2 - alike / 1.6) * fit * _worth(donor)
            found[code] = max(found.get(code, 0.0), weight)
    return list(found.items())


@lru_cache(maxsize=4)
def _members(site: Site) -> frozenset[str]:
    """What code at a place may use on self; nothing outside classes."""
    owner = site.owner
    return frozenset((*owner.attributes, *owner.methods, *owner.body_names)) if owner is not None else frozenset()


def _worth(donor: Donor) -> float:
    """Guards and updates, `x = f(x)` among them, are forgotten more often than first assignments."""
    statement = donor.statement
    if isinstance(statement, ast.Assign) and dotted(statement.targets[0]) not in touch(statement).reads:
        return 0.65
    return 1.0


def _alike(one: Words | None, other: Words | None) -> float:
    if one is None or other is None:
        return 0.2 if one is other else 0.0
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared) if shared else 0.0


def words(source: SourceFile, statement: ast.stmt) -> Words:
    """Names, attributes and the type of a statement; of its header only when it holds a block."""
    found = {type(statement).__name__}
    for node in source.expressions(statement):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
    return frozenset(found)


@lru_cache(maxsize=4)
def donors(facts: Facts) -> tuple[Donor, ...]:
    """Statements of the functions of a file that may be missing elsewhere, at most 1,500."""
    source = facts.source
    found = []
    for statement in source.statements:
        parts = _parts(source, statement)
        if parts and source.function_of(statement) is not None:
            block = source.blocks[statement]
            around = [words(source, s) if s is not None else None for s in (block.before, block.after)]
            names = tuple(tuple(n for n in ast.walk(part) if isinstance(n, ast.Name)) for part in parts)
            found.append(Donor(statement, parts, around[0], around[1], names, _attributes(parts)))
            if len(found) >= _MOST_DONORS:
                break
    return tuple(found)


def _parts(source: SourceFile, statement: ast.stmt) -> tuple[ast.expr | ast.stmt, ...]:
    """The pieces of a statement that can be a donor, () for others."""
    if isinstance(statement, _SIMPLE):
        short = not is_docstring(statement) and _short(source, statement)
        return (statement,) if short and source.owns_lines(statement) else ()
    if not isinstance(statement, ast.If) or statement.orelse or source.is_elif(statement) or len(statement.body) > 2:
        return ()
    inner: tuple[ast.expr | ast.stmt, ...] = (statement.test, *statement.body)
    plain = all(_short(source, part) and not isinstance(part, COMPOUND) for part in inner)
    return inner if plain else ()


def _short(source: SourceFile, node: ast.expr | ast.stmt) -> bool:
    start, end = source.span(node)
    return node.lineno == node.end_lineno and end - start <= 90


def _attributes(parts: tuple[ast.AST, ...]) -> Words:
    nodes = (n for part in parts for n in ast.walk(part) if isinstance(n, ast.Attribute))
    return frozenset(n.attr for n in nodes if isinstance(n.value, ast.Name) and n.value.id in ("self", "cls"))


def _adapted(source: SourceFile, donor: Donor, names: Mapping[str, str]) -> str:
    """The donor's code with names replaced, "    " for one level of indentation."""
    pieces = zip(donor.parts, donor.names, strict=True)
    texts = [_renamed(source, part, inner, names) for part, inner in pieces]
    return texts[0] if len(texts) == 1 else f"if {texts[0]}:\n    " + "\n    ".join(texts[1:])


def _renaming(site: Site, donor: Donor) -> tuple[Mapping[str, str] | None, float]:
    """Replacements for the names that are not in scope at the site, and how well they fit; None when there are none."""
    nodes = [node for part in donor.names for node in part]
    used = {node.id for node in nodes}
    missing = sorted(used - _available(site))
    if len(missing) > _MOST_ADAPTED or any(n.id in missing and not site.placed(n) for n in nodes):
        return None, 0.0
    chosen: dict[str, str] = {}
    fit = 1.0
    for name in missing:
        scope = site.facts.scope(site.source.scope_of(donor.statement))
        best = _nearest(site, scope, name, used | set(chosen.values()))
        if best is None:
            return None, 0.0
        chosen[name] = best[0]
        fit *= best[1]
    return chosen, fit


@lru_cache(maxsize=4)
def _available(site: Site) -> frozenset[str]:
    inner = site.scope.inner
    own = {v.name for v in site.variables} | {*site.facts.module_names, site.scope.receiver}
    return frozenset(own | _BUILTINS | set(inner))


def _nearest(site: Site, scope: ScopeFacts, name: str, taken: set[str]) -> tuple[str, float] | None:
    """The variable that fits best in place of a name of another scope, by kind, look and role."""
    kinds = scope.kinds.get(name, UNKNOWN)
    best: tuple[str, float] | None = None
    for v in site.variables:
        if v.name in taken or v.role in ("global", "attribute"):
            continue
        role = 1.0 if (name in scope.loops) == (v.role == "loop") else 0.7
        look = max(similarity(name, v.name), _same_parameter(site, scope, name, v))
        weight = compatible(kinds, v.kinds) * role * (0.5 + 0.5 * look)
        if weight >= 0.3 and (best is None or weight > best[1]):
            best = v.name, weight
    return best


def _same_parameter(site: Site, scope: ScopeFacts, name: str, v: Variable) -> float:
    """How much two names look alike for being parameters: more so at the same position."""
    if name not in scope.own_parameters or v.name not in site.scope.own_parameters:
        return 0.0
    return 0.8 if scope.own_parameters.index(name) == site.scope.own_parameters.index(v.name) else 0.4


def _renamed(
    source: SourceFile, node: ast.expr | ast.stmt, inner: tuple[ast.Name, ...], names: Mapping[str, str]
) -> str:
    start, end = source.span(node)
    text = source.text[start:end]
    for name in sorted((n for n in inner if n.id in names), key=lambda n: -n.col_offset):
        low, high = source.span(name)
        text = text[: low - start] + names[name.id] + text[high - start :]
    return text
