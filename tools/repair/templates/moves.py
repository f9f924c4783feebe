"""Statements in the wrong place: up or down in their block, out of it, into the one beside it; an `else` of the wrong
statement.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tools.repair.site import Proposal, Site, shown, template
from tools.repair.source import LOOPS
from tools.repair.templates.passages import (
    LEAVING,
    Piece,
    after,
    anchors,
    before,
    cut,
    else_start,
    holder,
    initial,
    lines_at,
    movable,
    moved,
    span_lines,
    touch,
    whole,
)

_REACH = 5
_LEVELS = 3
_LONGEST = 60


def _label(site: Site) -> str:
    return shown(site.text(site.statement).split("\n", 1)[0])


def _yields(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Yield)


@template("move-statement", prior=0.3, limit=6, decay=0.15)
def move_statement(site: Site) -> Iterator[Proposal]:
    """Exchanged with the statement after or before it, or taken past several, where their order can matter."""
    source, statement, block = site.source, site.statement, site.block
    if not movable(source, statement):
        return
    last = block.index + _REACH + 1
    down = _crossed(site, block.statements[block.index + 1 : last])
    up = _crossed(site, block.statements[max(0, block.index - _REACH) : block.index][::-1])
    ordered = sorted(((i, way) for way, found in ((1, down), (-1, up)) for i in range(len(found))), key=lambda p: p[0])
    for distance, way in ordered:
        other = (down if way > 0 else up)[distance]
        if distance == 0 and abs(source.blocks[other].index - block.index) == 1:
            yield _exchange(site, other)
            continue
        put = after if way > 0 else before
        text = moved(source, statement, source.indentation(other))
        said = f"move `{_label(site)}` {'behind' if way > 0 else 'in front of'} line {other.lineno}"
        weight = (0.7 if way > 0 else 0.6) * (0.6 if span_lines(statement) > 3 else 1.0)
        yield site.several([cut(source, statement), put(source, other, text)], said, weight=weight / (distance + 1))


def _crossed(site: Site, others: list[ast.stmt]) -> list[ast.stmt]:
    """Statements in the way, nearest first, that it makes a difference to pass; ends where nothing can pass."""
    own, found = touch(site.statement), []
    lost = isinstance(site.statement, LEAVING)
    for other in others:
        if not anchors(site.source, other) or span_lines(other) > _LONGEST or (isinstance(other, LEAVING) and not lost):
            break
        if own.meets(touch(other)):
            found.append(other)
    return found


def _exchange(site: Site, other: ast.stmt) -> Proposal:
    """The same edit from both sides: the shorter of two neighbours taken past the longer."""
    source = site.source
    first, second = sorted((site.statement, other), key=lambda s: s.lineno)
    if span_lines(second) <= span_lines(first):
        pieces = [before(source, first, moved(source, second, source.indentation(first))), cut(source, second)]
    else:
        pieces = [cut(source, first), after(source, second, moved(source, first, source.indentation(second)))]
    unreachable = isinstance(first, LEAVING)
    one, two = touch(first), touch(second)
    crossing = one.writes & two.reads or one.reads & two.writes
    guarded = (one.leaves and two.changes) or (two.leaves and one.changes)
    weight = 1.4 if unreachable else 1.0 if crossing else 0.75 if guarded else 0.45
    weight *= 0.6 if span_lines(first) > 8 or span_lines(second) > 8 else 1.0
    said = f"exchange `{shown(site.text(first))}` and the statement after it"
    return site.several(pieces, said, weight=weight)


@template("move-out", prior=0.34, limit=7, decay=0.12)
def move_out(site: Site) -> Iterator[Proposal]:
    """Out of the block: behind the `if` or loop that holds it, in front of it, or that of the next one further out."""
    source, statement, block = site.source, site.statement, site.block
    if not movable(source, statement) or isinstance(statement, LEAVING):
        return
    found: list[tuple[float, str, list[Piece]]] = []
    loops, above = 0, holder(source, statement)
    for level in range(_LEVELS):
        if above is None:
            break
        anchor = whole(source, above)
        loops += isinstance(anchor, LOOPS)
        if not anchors(source, anchor):
            break
        text = moved(source, statement, source.indentation(anchor))
        for put, weight in ((after, _behind(site, block.index)), (before, _in_front(site, above))):
            if weight:
                where = f"{'behind' if put is after else 'in front of'} the block of line {anchor.lineno}"
                pieces = [cut(source, statement), put(source, anchor, text)]
                found.append((weight * 0.75**level, where, pieces))
        above = holder(source, anchor)
    for weight, where, pieces in sorted(found, key=lambda f: -f[0]):
        yield site.several(pieces, f"move `{_label(site)}` {where}", weight=weight)


def _behind(site: Site, index: int) -> float:
    """How likely a statement belongs behind its block: more so the last one, an update less than a call."""
    last = index + 1 == len(site.block.statements)
    if _yields(site.statement) and last:
        return 0.0  # moved by move-return
    rest = site.block.statements[index + 1 :]
    if not last and isinstance(rest[0], LEAVING) and len(rest) == 1:
        return 0.6
    return 1.0 if last else 0.25 if len(rest) == 1 else 0.12


def _in_front(site: Site, above: ast.stmt) -> float:
    """How likely it belongs in front: the first of its block, a start value; not what needs the loop's variable."""
    own = touch(site.statement)
    if isinstance(above, ast.For | ast.AsyncFor):
        bound = {n.id for n in ast.walk(above.target) if isinstance(n, ast.Name)}
        if own.reads & bound or own.writes & bound:
            return 0.0
    if isinstance(above, ast.With | ast.AsyncWith | ast.Try):
        return 0.3 if site.block.index == 0 else 0.1
    if initial(site.statement):
        return 0.9 if isinstance(above, LOOPS) else 0.3
    return 0.6 if site.block.index == 0 else 0.12


@template("move-in", prior=0.28, limit=8, decay=0.12)
def move_in(site: Site) -> Iterator[Proposal]:
    """Into the block beside it: the last of the loop or branch before, its `else`, or the first of the next block."""
    source, statement, block = site.source, site.statement, site.block
    if not movable(source, statement):
        return
    found = list(_into_previous(site, block.before)) if block.before is not None else []
    if block.after is not None and not isinstance(statement, LEAVING):
        found += _into_next(site, block.after)
    for weight, where, pieces in sorted(found, key=lambda f: -f[0]):
        yield site.several(pieces, f"move `{_label(site)}` {where}", weight=weight)


Move = tuple[float, str, list[Piece]]


def _into_previous(site: Site, neighbour: ast.stmt) -> Iterator[Move]:
    source, statement = site.source, site.statement
    leaves = isinstance(statement, LEAVING) or _yields(statement)
    for body, weight, where in _bodies(site, neighbour):
        inner = body[-1]
        if isinstance(inner, LEAVING) or not source.owns_lines(inner):
            continue
        if leaves and body is getattr(neighbour, "body", None):
            continue  # moved by move-return
        text = moved(source, statement, source.indentation(body[0]))
        yield weight, f"to the end of the {where}", [after(source, inner, text), cut(source, statement)]
    last = _last_test(neighbour)
    if last is not None and not last.orelse and anchors(source, whole(source, last)) and not _all_leave(last):
        inner_text = moved(source, statement, site.indentation + source.indent_unit)
        head = f"{site.indentation}else:{source.newline}"
        yield 0.55, "into an `else`", [after(source, neighbour, head + inner_text), cut(source, statement)]


def _bodies(site: Site, neighbour: ast.stmt) -> Iterator[tuple[list[ast.stmt], float, str]]:
    """Blocks of a statement at whose end another may belong, each with a weight and a name."""
    if isinstance(neighbour, LOOPS):
        yield neighbour.body, 1.0, "loop"
        if isinstance(neighbour.body[-1], ast.If | ast.For):
            yield from ((body, weight * 0.5, where) for body, weight, where in _bodies(site, neighbour.body[-1]))
    elif isinstance(neighbour, ast.With | ast.AsyncWith):
        yield neighbour.body, 0.9, "`with` block"
    elif isinstance(neighbour, ast.Try):
        yield neighbour.body, 0.7, "`try` block"
        yield from ((handler.body, 0.4, "handler") for handler in neighbour.handlers[:2])
    elif isinstance(neighbour, ast.If):
        yield neighbour.body, 0.8, "branch"
        if neighbour.orelse and site.source.is_elif(neighbour.orelse[0]):
            yield from _bodies(site, neighbour.orelse[0])
        elif neighbour.orelse:
            yield neighbour.orelse, 0.8, "`else` branch"


def _last_test(neighbour: ast.stmt) -> ast.If | None:
    """The last `if` or `elif` of a chain."""
    found = neighbour if isinstance(neighbour, ast.If) else None
    while found is not None and len(found.orelse) == 1 and isinstance(found.orelse[0], ast.If):
        found = found.orelse[0]
    return found


def _all_leave(test: ast.If) -> bool:
    return isinstance(test.body[-1], LEAVING)


def _into_next(site: Site, neighbour: ast.stmt) -> Iterator[Move]:
    source, statement = site.source, site.statement
    if not isinstance(neighbour, (*LOOPS, ast.If, ast.With, ast.AsyncWith, ast.Try)):
        return
    inner = neighbour.body[0]
    if not source.owns_lines(inner):
        return
    started = initial(statement)
    weight = 0.6
    if started is not None and isinstance(neighbour, LOOPS):
        weight = 0.9 if started in touch(neighbour).writes else 0.1
    elif isinstance(neighbour, (*LOOPS, ast.If)):
        weight = 0.45
    text = moved(source, statement, source.indentation(inner))
    yield weight, "to the start of the next block", [cut(source, statement), before(source, inner, text)]


@template("move-else", prior=0.36, limit=4)
def move_else(site: Site) -> Iterator[Proposal]:
    """The `else` of a loop or outer `if` given to the `if` inside it, and back; an `else` block done in any case."""
    statement = site.statement
    if not isinstance(statement, (*LOOPS, ast.If, ast.Try)):
        return
    head = else_start(site.source, statement)
    if head is not None:
        yield from _else_inwards(site, statement, head)
        yield from _else_outwards(site, statement, head)
        yield from _else_dropped(site, statement, head)


def _else_inwards(site: Site, statement: ast.stmt, head: int) -> Iterator[Proposal]:
    inner = _last_test(getattr(statement, "body", [statement])[-1])
    if inner is None or inner.orelse or not site.source.owns_lines(inner):
        return
    said = f"give the `else` to the `if` of line {inner.lineno}"
    weight = 1.0 if isinstance(statement, LOOPS) else 0.6
    yield _else_at(site, statement, head, site.source.indentation(inner), said=said, weight=weight)


def _else_outwards(site: Site, statement: ast.stmt, head: int) -> Iterator[Proposal]:
    source = site.source
    whole_chain = whole(source, statement)
    above = holder(source, whole_chain)
    block = source.blocks[whole_chain]
    if block.after is not None or above is None or isinstance(above, ast.Match) or getattr(above, "orelse", None):
        return
    if not isinstance(above, (ast.If, *LOOPS)) or not isinstance(statement, ast.If):
        return
    searching = isinstance(above, LOOPS) and any(isinstance(n, ast.Break) for n in ast.walk(statement))
    weight = 1.2 if searching else 0.5 if isinstance(above, ast.If) else 0.35
    said = f"give the `else` to the statement of line {above.lineno}"
    yield _else_at(site, statement, head, source.indentation(above), said=said, weight=weight)


def _else_at(site: Site, owner: ast.stmt, head: int, indent: str, *, said: str, weight: float) -> Proposal:
    source, orelse = site.source, getattr(owner, "orelse", [])
    end = source.lines_span(orelse[-1])[1]
    text = lines_at(source, orelse, head, source.indentation(owner), indent)
    return site.splice(head, end, text, said, weight=weight)


def _else_dropped(site: Site, statement: ast.stmt, head: int) -> Iterator[Proposal]:
    """The block of an `else` done in any case; nothing changes when the other branch leaves."""
    source, orelse, body = site.source, getattr(statement, "orelse", []), getattr(statement, "body", [])
    start, end = source.lines_span(orelse[0])[0], source.lines_span(orelse[-1])[1]
    if isinstance(body[-1], LEAVING) or start <= head or isinstance(statement, ast.Try) or len(orelse) == 1:
        return  # one statement alone is moved by move-out
    outer = source.indentation(statement)
    text = lines_at(source, orelse, start, source.indentation(orelse[0]), outer)
    yield site.splice(head, end, text, "do the `else` block in any case", weight=0.4)
