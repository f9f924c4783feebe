"""Statements that are missing: updates of state that nothing updates, and statements seen elsewhere in the file."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from functools import lru_cache

from tools.repair.kinds import CONTAINERS, NUMBERS, UNKNOWN, Kinds, compatible
from tools.repair.names import Variable, nearest
from tools.repair.site import Proposal, Site, template
from tools.repair.source import COMPOUND, FUNCTIONS, FunctionNode
from tools.repair.vocabulary import MUTATORS

_SIMPLE = (ast.Assign, ast.AugAssign, ast.Expr, ast.Delete, ast.AnnAssign)
_LEAVING = (ast.Return, ast.Raise, ast.Continue, ast.Break)


def _insertable(site: Site) -> bool:
    """Whether a statement can be put in front of or after this one."""
    statement = site.statement
    if site.function is None or isinstance(statement, (*FUNCTIONS, ast.ClassDef)):
        return False
    whole_lines = site.owns_lines if not isinstance(statement, COMPOUND) else not site.source.is_elif(statement)
    return whole_lines and not _is_docstring(statement)


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _placements(site: Site, code: str, said: str, weight: float) -> Iterator[Proposal]:
    """In front of the statement; behind it when it is the last of its block and does not leave it."""
    yield site.insert_before(code, said, weight=weight)
    if site.block.after is None and not isinstance(site.statement, _LEAVING):
        yield site.insert_after(code, said, weight=weight)


@template("insert-update", prior=0.42, limit=50, decay=0.06)
def insert_update(site: Site) -> Iterator[Proposal]:
    """`seen.add(x)`, `result.append(x)`, `i += 1`, `x = x.next`, `self.count -= 1`: what the function seems to lack."""
    if not _insertable(site):
        return
    for code, weight in updates(site):
        if _already_there(site, code):
            continue
        yield from _placements(site, code, f"insert `{code}`", weight)


def _already_there(site: Site, code: str) -> bool:
    around = (site.block.before, site.statement, site.block.after)
    return any(s is not None and s.lineno == s.end_lineno and site.text(s) == code for s in around)


@lru_cache(maxsize=4)
def updates(site: Site) -> tuple[tuple[str, float], ...]:
    """Updates of state that could be missing here, likeliest first."""
    found: dict[str, float] = {}
    for code, weight in (*_growth(site), *_counting(site), *_stepping(site)):
        found[code] = max(found.get(code, 0.0), weight)
    return tuple(sorted(found.items(), key=lambda item: -item[1])[:24])


def _growth(site: Site) -> Iterator[tuple[str, float]]:
    """Containers of the function that nothing fills get what is at hand."""
    scope = site.scope
    items = _items_at_hand(site)
    for v in site.variables:
        kinds = v.kinds & {"list", "set", "dict"}
        if not kinds or v.role in ("global", "enclosing"):
            continue
        starved = v.name not in scope.mutated and v.role in ("local", "attribute") and scope.reads[v.name] > 0
        need = 1.0 if starved and v.role == "local" else 0.45 if v.name in scope.mutated else 0.25
        for item, fit in items:
            if item == v.name:
                continue
            if "set" in kinds:
                yield f"{v.name}.add({item})", need * fit
                yield f"{v.name}.discard({item})", need * fit * 0.3
            if "list" in kinds:
                yield f"{v.name}.append({item})", need * fit
            if "dict" in kinds:
                yield f"del {v.name}[{item}]", need * fit * 0.2
                yield from (
                    (f"{v.name}[{item}] = {other}", need * fit * 0.6) for other, _ in items[:4] if other != item
                )
        if "list" in kinds:
            yield f"{v.name}.pop()", need * 0.45
            yield f"{v.name}.sort()", need * 0.3
            yield f"{v.name}.reverse()", need * 0.25


def _items_at_hand(site: Site) -> list[tuple[str, float]]:
    """Loop variables, then locals bound close by, then parameters: what an update may work with."""
    scored: list[tuple[float, str]] = []
    for v in site.variables:
        if v.role not in ("loop", "local", "parameter"):
            continue
        near = 1.0 if 0 <= site.line - v.bound <= 6 and v.role != "parameter" else 0.7
        weight = {"loop": 1.0, "local": 0.9, "parameter": 0.55}[v.role] * near * (1.5 if v.unused else 1.0)
        scored.append((weight * (0.7 if v.kinds & {"set", "dict"} else 1.0), v.name))
    scored.sort(key=lambda pair: (-pair[0], pair[1]))
    return [(name, weight) for weight, name in scored[:6]]


def _counting(site: Site) -> Iterator[tuple[str, float]]:
    """Numbers that a loop tests but does not change, and counters on self."""
    loop = site.loop
    tested, changed = _loop_names(loop) if loop is not None else (set(), set())
    for v in site.variables:
        if not v.kinds & NUMBERS or v.role in ("global", "enclosing", "loop"):
            continue
        stuck = v.name in tested and v.name not in changed
        weight = 1.0 if stuck else 0.4 if v.role == "local" else 0.3 if v.role == "attribute" else 0.12
        yield f"{v.name} += 1", weight
        yield f"{v.name} -= 1", weight * 0.7
        if v.role == "local" and loop is not None:
            yield f"{v.name} = 0", weight * 0.3
        for other in site.variables:
            if other.name != v.name and other.role in ("local", "loop", "parameter") and other.kinds & NUMBERS:
                yield f"{v.name} += {other.name}", weight * 0.4
                yield f"{v.name} = {other.name}", weight * 0.35


def _loop_names(loop: ast.For | ast.AsyncFor | ast.While) -> tuple[set[str], set[str]]:
    """Names the head of a while loop tests, names its body binds."""
    tests = ast.walk(loop.test) if isinstance(loop, ast.While) else iter(())
    tested = {n.id for n in tests if isinstance(n, ast.Name)}
    bound = {n.id for s in loop.body for n in ast.walk(s) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return tested, bound


def _stepping(site: Site) -> Iterator[tuple[str, float]]:
    """`node = node.next`, `prev = node`: a variable moved on by an attribute or to its neighbour."""
    loop = site.loop
    tested, changed = _loop_names(loop) if loop is not None else (set(), set())
    local = [v for v in site.variables if v.role in ("local", "parameter") and not v.kinds & (CONTAINERS | NUMBERS)]
    for v in local[:6]:
        stuck = v.name in tested and v.name not in changed
        for attribute in list(site.facts.attributes.get(v.name, ()))[:6]:
            if attribute in ("next", "prev", "parent", "left", "right", "successor", "tail", "rest", "child"):
                yield f"{v.name} = {v.name}.{attribute}", 1.0 if stuck else 0.4
    moving = [v for v in site.variables if v.role in ("local", "loop") and site.loop is not None]
    for v in moving[:6]:
        for other in moving[:6]:
            if v.name != other.name and v.role == "local" and compatible(v.kinds, other.kinds) >= 0.6:
                fit = 0.5 if not v.kinds or v.kinds == other.kinds else 0.3
                yield f"{v.name} = {other.name}", fit if v.name not in changed else fit * 0.6


@template("insert-copy", prior=0.26, limit=20, decay=0.07)
def insert_copy(site: Site) -> Iterator[Proposal]:
    """A statement that stands elsewhere in the function, its class or its siblings, with its names adapted."""
    if not _insertable(site):
        return
    around = {site.text(s) for s in (site.statement, site.block.before) if s is not None and s.lineno == s.end_lineno}
    for code, weight in _copies(site):
        if code not in around:
            yield from _placements(site, code, f"insert `{code[:60]}`", weight)


def _copies(site: Site) -> Iterator[tuple[str, float]]:
    function = site.function
    if function is None:
        return
    available = {v.name for v in site.variables} | {*site.facts.module_names, site.scope.receiver}
    for statement in _statements_of(site, function):
        near = 1.0 if abs(statement.lineno - site.line) <= 8 else 0.6
        yield site.text(statement), near * _worth(statement)
        yield from ((code, near * weight * 0.7) for code, weight in _variants(site, statement))
    for sibling in _siblings(site, function)[:8]:
        for statement in _statements_of(site, sibling)[:12]:
            code, missing = _adapted(site, statement, available)
            if code and missing <= 1:
                yield code, _worth(statement) * (0.5 if not missing else 0.3)


def _statements_of(site: Site, function: FunctionNode) -> list[ast.stmt]:
    """Simple one-line statements of a function, docstrings left out."""
    nodes = site.facts.scope(function).nodes
    return [
        n
        for n in nodes
        if isinstance(n, _SIMPLE) and n.lineno == n.end_lineno and not _is_docstring(n) and len(site.text(n)) <= 90
    ]


def _worth(statement: ast.stmt) -> float:
    """Updates and calls are forgotten more often than first assignments."""
    if isinstance(statement, ast.AugAssign | ast.Delete):
        return 1.0
    if isinstance(statement, ast.Expr):
        return 1.0 if isinstance(statement.value, ast.Call) else 0.4
    return 0.6


def _variants(site: Site, statement: ast.stmt) -> Iterator[tuple[str, float]]:
    """`out.append(token)` for `stack.append(token)`: the same update of another variable of the same kind."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name):
        if call.func.attr in MUTATORS:
            yield from _renamed(site, statement, call.func.value)
    elif isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
        yield from _renamed(site, statement, statement.target)


def _renamed(site: Site, statement: ast.stmt, node: ast.Name) -> Iterator[tuple[str, float]]:
    kinds = site.scope.kinds.get(node.id, UNKNOWN)
    for v in site.variables:
        if v.name != node.id and v.role in ("local", "parameter") and _same_kind(kinds, v):
            start, end = site.source.span(node)
            low, high = site.source.span(statement)
            text = site.source.text
            yield text[low:start] + v.name + text[end:high], 1.0


def _same_kind(kinds: Kinds, v: Variable) -> bool:
    return bool(v.kinds & kinds) or (not v.kinds and not kinds)


def _siblings(site: Site, function: FunctionNode) -> list[FunctionNode]:
    """Other functions of the same class or module, nearest first."""
    home = site.source.parents.get(function)
    found = [n for n in getattr(home, "body", []) if isinstance(n, FUNCTIONS) and n is not function]
    return sorted(found, key=lambda n: abs(n.lineno - function.lineno))


def _adapted(site: Site, statement: ast.stmt, available: set[str]) -> tuple[str, int]:
    """A statement with names that are not in scope here replaced by the most similar ones, and how many were."""
    low, high = site.source.span(statement)
    text, missing, shift = site.source.text[low:high], 0, low
    names = sorted(
        (n for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load) and site.placed(n)),
        key=lambda n: -n.col_offset,
    )
    for node in names:
        if node.id in available or node.id in _BUILTINS:
            continue
        missing += 1
        closest = nearest(node.id, [v.name for v in site.variables], count=1, least=0.5)
        if not closest or missing > 1:
            return "", missing
        start, end = site.source.span(node)
        text = text[: start - shift] + closest[0] + text[end - shift :]
    return text, missing


_BUILTINS = frozenset(dir(builtins))
