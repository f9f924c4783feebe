"""Branches that do the wrong thing: their order, what one of them lacks, how they leave the loop or the function."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tools.repair.facts import ScopeFacts
from tools.repair.site import Proposal, Site, shown, template
from tools.repair.source import FUNCTIONS, SourceFile
from tools.repair.templates.conditions import OVERFIT, predicates
from tools.repair.templates.guards import exits
from tools.repair.templates.passages import LEAVING, after, anchors, cut, else_start, lines_at, movable, moved

_LONGEST = 40


@template("branch-order", prior=0.3, limit=6)
def branch_order(site: Site) -> Iterator[Proposal]:
    """Two branches of a chain exchanged with their tests (`n % 15` before `n % 3`) or without; `except` too."""
    statement = site.statement
    if isinstance(statement, ast.If) and len(statement.orelse) == 1 and site.source.is_elif(statement.orelse[0]):
        other = statement.orelse[0]
        if isinstance(other, ast.If):
            yield from _exchanged(site, statement, other)
            if other.orelse and not site.source.is_elif(other.orelse[0]):
                yield from _bodies_exchanged(site, other.body, other.orelse, weight=0.6)
    elif isinstance(statement, ast.Try):
        for one, two in zip(statement.handlers, statement.handlers[1:], strict=False):
            if one.type is not None and two.type is not None and one.name == two.name:
                pieces = [(*site.source.span(a), site.text(b)) for a, b in ((one.type, two.type), (two.type, one.type))]
                yield from _bodies_exchanged(site, one.body, two.body, weight=0.6, also=pieces)


def _exchanged(site: Site, first: ast.If, second: ast.If) -> Iterator[Proposal]:
    source = site.source
    tests = [(*source.span(a.test), source.segment(b.test)) for a, b in ((first, second), (second, first))]
    yield from _bodies_exchanged(site, first.body, second.body, weight=1.0, also=tests)
    yield from _bodies_exchanged(site, first.body, second.body, weight=0.9)


def _bodies_exchanged(
    site: Site,
    one: list[ast.stmt],
    two: list[ast.stmt],
    *,
    weight: float,
    also: list[tuple[int, int, str]] | None = None,
) -> Iterator[Proposal]:
    source = site.source
    first, second = _body_span(source, one), _body_span(source, two)
    if first is None or second is None:
        return
    (a, b), (c, d) = first, second
    text = source.text
    if text[a:b] == text[c:d] and not also:
        return
    said = "exchange the order of two branches" if also else "exchange what two branches do"
    yield site.several([(a, b, text[c:d]), (c, d, text[a:b]), *(also or [])], said, weight=weight)


def _body_span(source: SourceFile, body: list[ast.stmt]) -> tuple[int, int] | None:
    """The characters of a block from its first statement to its last, None when it is long or shares its lines."""
    first, last = body[0], body[-1]
    if (last.end_lineno or 0) - first.lineno > _LONGEST or not source.owns_lines(last):
        return None
    return (source.span(first)[0], source.span(last)[1]) if source.owns_lines(first) else None


@template("missing-update", prior=0.36, limit=8, decay=0.15)
def missing_update(site: Site) -> Iterator[Proposal]:
    """What one branch does and the other lacks: the same statement, or its twin (`i += 1` here, `j += 1` there)."""
    chain = _chain(site)
    for lacking in chain:
        for giving in chain:
            if lacking is not giving:
                yield from _given(site, giving, lacking)


def _chain(site: Site) -> list[list[ast.stmt]]:
    """The blocks of the chain of branches that a statement heads or is in, at most four."""
    top: ast.AST | None = site.statement
    if not isinstance(top, ast.If):
        top = site.block.owner
    found: list[list[ast.stmt]] = []
    while isinstance(top, ast.If) and len(found) < 4:
        found.append(top.body)
        if not top.orelse or site.source.is_elif(top.orelse[0]):
            top = top.orelse[0] if top.orelse else None
        else:
            found.append(top.orelse)
            break
    return found if len(found) > 1 else []


def _given(site: Site, giving: list[ast.stmt], lacking: list[ast.stmt]) -> Iterator[Proposal]:
    source, renamed, twins = site.source, _renaming(giving, lacking), _pairs(giving, lacking)
    known = {source.segment(s) for s in lacking}
    anchor = lacking[-1]
    leaves = isinstance(anchor, LEAVING)
    if not source.owns_lines(anchor) or len(lacking) > 12:
        return
    for statement in giving:
        if id(statement) in twins or not isinstance(statement, ast.Assign | ast.AugAssign | ast.Expr | ast.Delete):
            continue
        text = source.segment(statement)
        if "\n" in text or not source.owns_lines(statement):
            continue
        other = _substituted(text, renamed)
        for code, weight in ((other, 1.0), (text, 0.7)) if other != text else ((text, 0.8 if twins else 0.4),):
            if code not in known:
                said = f"do `{shown(code)}` in the other branch as well"
                if not leaves:
                    yield site.insert_after(code, said, anchor=anchor, weight=weight)
                first = lacking[0]
                if (leaves or len(lacking) > 1) and source.owns_lines(first):
                    yield site.insert_before(code, said, anchor=first, weight=weight * (1.0 if leaves else 0.5))


def _pairs(giving: list[ast.stmt], lacking: list[ast.stmt]) -> dict[int, ast.stmt]:
    """Statements of one branch with their twins in the other: the same shape, by position first."""
    found: dict[int, ast.stmt] = {}
    free = list(lacking)
    for statement in giving:
        twin = next((other for other in free if _differences(statement, other) is not None), None)
        if twin is not None:
            found[id(statement)] = twin
            free.remove(twin)
    return found


def _renaming(giving: list[ast.stmt], lacking: list[ast.stmt]) -> dict[str, str]:
    """How the names of one branch go over into those of the other, read off their twins; and back."""
    found: dict[str, str] = {}
    twins = _pairs(giving, lacking)
    for statement in giving:
        for old, new in _differences(statement, twins.get(id(statement), statement)) or ():
            found.setdefault(old, new)
    return found


def _differences(one: ast.AST, other: ast.AST) -> list[tuple[str, str]] | None:
    """Names and attributes in which two trees differ; None when more differs than names and numbers."""
    found: list[tuple[str, str]] = []
    waiting = [(one, other)]
    while waiting:
        a, b = waiting.pop()
        if type(a) is not type(b):
            return None
        if isinstance(a, ast.Name) and isinstance(b, ast.Name):
            found += [(a.id, b.id)] if a.id != b.id else []
            continue
        if isinstance(a, ast.Attribute) and isinstance(b, ast.Attribute) and a.attr != b.attr:
            found.append((a.attr, b.attr))
        ones, others = list(ast.iter_child_nodes(a)), list(ast.iter_child_nodes(b))
        if len(ones) != len(others):
            return None
        waiting += zip(ones, others, strict=True)
    return found


def _substituted(text: str, renamed: dict[str, str]) -> str:
    """A text with whole words replaced, those exchanged by pairs in one go."""
    if not renamed:
        return text
    both = {**{new: old for old, new in renamed.items()}, **renamed}
    pattern = r"\b(?:" + "|".join(re.escape(name) for name in both) + r")\b"
    return re.sub(pattern, lambda match: renamed.get(match.group(), match.group()), text)


@template("move-across", prior=0.2, limit=4)
def move_across(site: Site) -> Iterator[Proposal]:
    """What one branch does taken to the end of another branch of the chain."""
    statement = site.statement
    inside = isinstance(site.block.owner, ast.If) and not isinstance(statement, LEAVING)
    if not inside or not movable(site.source, statement):
        return
    for body in _chain(site):
        last = body[-1]
        if body is not site.block.statements and not isinstance(last, LEAVING) and site.source.owns_lines(last):
            text = moved(site.source, statement, site.source.indentation(body[0]))
            pieces = [cut(site.source, statement), after(site.source, last, text)]
            yield site.several(pieces, f"move `{shown(site.text(statement))}` to the other branch")


@template("leave", prior=0.42, limit=8)
def leave(site: Site) -> Iterator[Proposal]:
    """`break`, `continue`, `return`, `raise` and `pass` exchanged."""
    statement = site.statement
    if not isinstance(statement, ast.Break | ast.Continue | ast.Return | ast.Pass | ast.Raise):
        return
    old = site.text(statement)
    found = [(code, weight) for code, weight in _other_exits(site, statement) if code != old]
    for code, weight in sorted(found, key=lambda f: -f[1]):
        tags = OVERFIT if code.startswith("return ") and code != "return None" else ()
        yield site.replace_statement(code, f"replace `{shown(old)}` by `{code}`", weight=weight, tags=tags)


def _other_exits(site: Site, statement: ast.stmt) -> Iterator[tuple[str, float]]:
    handler = isinstance(site.block.owner, ast.ExceptHandler)
    if site.loop is not None:
        empty = isinstance(statement, ast.Return) and (
            statement.value is None or isinstance(statement.value, ast.Constant)
        )
        factor = 1.0 if isinstance(statement, ast.Break | ast.Continue) or empty else 0.5
        yield "continue", factor
        yield "break", factor * (1.0 if isinstance(statement, ast.Continue) else 0.8)
    if handler and not isinstance(statement, ast.Raise):
        yield "raise", 0.6
    if not isinstance(statement, ast.Return) and isinstance(site.function, FUNCTIONS):
        raising = 0.3 if isinstance(statement, ast.Raise) else 1.0
        yield from ((code, 0.6 * weight * raising) for code, weight in exits(site)[:4])


@template("add-leave", prior=0.34, limit=6)
def add_leave(site: Site) -> Iterator[Proposal]:
    """A branch that must not go on: `continue`, `break`, `return` or `raise` after its last statement."""
    statement, owner = site.statement, site.block.owner
    branch = isinstance(owner, ast.If | ast.ExceptHandler | ast.match_case)
    if site.block.after is not None or not branch or isinstance(statement, LEAVING) or site.function is None:
        return
    if not anchors(site.source, statement):
        return
    found: list[tuple[str, float]] = []
    if site.loop is not None:
        found += [("continue", 1.0 if _goes_on(site, owner) else 0.0), ("break", 0.9)]
    if isinstance(owner, ast.ExceptHandler):
        found.append(("raise", 0.5))
    found += [(code, 0.5 * weight * _return_fit(site.scope, code)) for code, weight in exits(site)[:4]]
    for code, weight in sorted(found, key=lambda f: -f[1]):
        if weight:
            tags = OVERFIT if code.startswith("return ") and code != "return None" else ()
            yield site.insert_after(code, f"`{shown(code)}` at the end of the branch", weight=weight, tags=tags)


def _goes_on(site: Site, owner: ast.AST) -> bool:
    """Whether something of the loop comes after the branch."""
    current = owner if isinstance(owner, ast.stmt) else site.parent(owner)
    while isinstance(current, ast.stmt) and current is not site.loop:
        if site.source.blocks[current].after is not None:
            return True
        current = site.parent(current)
    return False


def _return_fit(scope: ScopeFacts, code: str) -> float:
    """A bare `return` fits a function that gives nothing back."""
    bare = all(r.value is None for r in scope.returns)
    return 1.4 if bare == (code == "return") else 0.6


@template("else-branch", prior=0.24, limit=8)
def else_branch(site: Site) -> Iterator[Proposal]:
    """`if` after a chain made its next `elif`; an `else` done only on a condition; what follows put under `else`."""
    statement = site.statement
    before = site.block.before
    if isinstance(statement, ast.If) and not site.source.is_elif(statement) and isinstance(before, ast.If):
        last = before
        while len(last.orelse) == 1 and isinstance(last.orelse[0], ast.If):
            last = last.orelse[0]
        if before.orelse and not last.orelse:
            start, _ = site.source.span(statement)
            yield site.splice(start, start + 2, "elif", "replace `if` by `elif`")
    if isinstance(statement, ast.If):
        yield from _conditional_else(site, statement)
        yield from _rest_as_else(site, statement)


def _conditional_else(site: Site, statement: ast.If) -> Iterator[Proposal]:
    head = else_start(site.source, statement)
    if head is None:
        return
    indent = site.source.indentation(statement)
    start = head + len(indent)
    own = site.text(statement.test)
    for clause, weight in predicates(site)[:6]:
        if clause != own and site.source.text.startswith("else", start):
            said = f"replace `else` by `elif {clause}`"
            yield site.splice(start, start + 4, f"elif {clause}", said, weight=0.5 * weight, tags=OVERFIT)


def _rest_as_else(site: Site, statement: ast.If) -> Iterator[Proposal]:
    """The two or three statements after an `if` without `else`, as its `else` (one alone is moved by move-in)."""
    rest = site.block.statements[site.block.index + 1 :]
    if statement.orelse or not 2 <= len(rest) <= 4 or isinstance(statement.body[-1], LEAVING):
        return
    if site.source.is_elif(statement) or not all(anchors(site.source, s) for s in (statement, *rest)):
        return
    for count in range(2, len(rest) + 1):
        part = rest[:count]
        start, end = site.source.lines_span(part[0])[0], site.source.lines_span(part[-1])[1]
        inner = site.indentation + site.source.indent_unit
        body = lines_at(site.source, part, start, site.indentation, inner)
        head = after(site.source, statement, f"{site.indentation}else:{site.source.newline}")
        weight = 0.8 if isinstance(part[-1], LEAVING) or count == len(rest) else 0.4
        yield site.several([head, (start, end, body)], "put what follows under `else`", weight=weight)
