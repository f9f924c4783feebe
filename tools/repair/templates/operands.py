"""Operands dropped, swapped, combined, regrouped, negated, or taken from elsewhere in the function."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tools.repair.kinds import NUMBERS, compatible
from tools.repair.site import Proposal, Site, is_load, is_place, template

_SIGNS: dict[type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%",
}  # fmt: skip
_ONE_WAY = (ast.Sub, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.LShift, ast.RShift)
_LOW, _HIGH = (ast.Add, ast.Sub), (ast.Mult, ast.Div, ast.FloorDiv, ast.Mod)


def value_places(site: Site) -> Iterator[ast.expr]:
    """Expressions whose value is used as it is: returned, assigned, passed, compared, indexed with, an operand."""
    for node in site.expressions:
        above = site.parent(node)
        if not is_load(node) or isinstance(node, ast.Starred | ast.Slice | ast.Constant):
            continue
        if isinstance(above, ast.Attribute | ast.Starred | ast.FormattedValue | ast.JoinedStr):
            continue
        called = isinstance(above, ast.Call) and node is above.func
        subscripted = isinstance(above, ast.Subscript) and node is above.value
        if not called and not subscripted and not isinstance(above, ast.Expr | ast.Delete):
            yield node


@template("drop-operand", prior=0.35)
def drop_operand(site: Site) -> Iterator[Proposal]:
    for node in site.expressions:
        if isinstance(node, ast.BinOp) and not isinstance(node.left, ast.Constant | ast.JoinedStr):
            yield site.replace(node, site.text(node.left), weight=1.0)
        if isinstance(node, ast.BinOp) and not (isinstance(node.op, ast.Mod) and "str" in site.kinds(node.left)):
            yield site.replace(node, site.text(node.right), weight=0.8)


@template("swap-operands", prior=0.35)
def swap_operands(site: Site) -> Iterator[Proposal]:
    """`a - b` to `b - a`; for `+` only where order matters (texts, lists)."""
    for node in site.expressions:
        if not isinstance(node, ast.BinOp):
            continue
        left, right = site.source.span(node.left), site.source.span(node.right)
        kinds = site.kinds(node)
        ordered = isinstance(node.op, _ONE_WAY) or (
            isinstance(node.op, ast.Add) and not (kinds and kinds <= NUMBERS) and not _is_small(node.right)
        )
        if ordered and not (isinstance(node.op, ast.Mod) and "str" in site.kinds(node.left)):
            edits = [(*left, site.text(node.right)), (*right, site.text(node.left))]
            if isinstance(node.left, ast.BinOp) or isinstance(node.right, ast.BinOp):
                edits = [(start, end, f"({text})") for start, end, text in edits]
            yield site.several(
                edits, "swap the operands of the operation", weight=0.5 if _is_small(node.right) else 1.0
            )


def _is_small(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int)


@template("regroup", prior=0.35)
def regroup(site: Site) -> Iterator[Proposal]:
    """Parentheses added or taken away: `a + b // c` to `(a + b) // c`, `not a or b` to `not (a or b)`."""
    for node in site.expressions:
        if isinstance(node, ast.BinOp):
            yield from _regroup_numbers(site, node)
        elif isinstance(node, ast.BoolOp):
            yield from _regroup_conditions(site, node)


def _regroup_numbers(site: Site, node: ast.BinOp) -> Iterator[Proposal]:
    outer = _SIGNS.get(type(node.op))
    for inner, on_left in ((node.left, True), (node.right, False)):
        sign = _SIGNS.get(type(inner.op)) if isinstance(inner, ast.BinOp) else None
        if not outer or not sign or not isinstance(inner, ast.BinOp) or outer == sign == "+":
            continue
        first, second = site.text(inner.left), site.text(inner.right)
        if on_left:
            text = f"{first} {sign} ({second} {outer} {site.text(node.right)})"
        else:
            text = f"({site.text(node.left)} {outer} {first}) {sign} {second}"
        if isinstance(node.op, _LOW) or isinstance(inner.op, _LOW) or not on_left:
            yield site.replace(node, text)


def _regroup_conditions(site: Site, node: ast.BoolOp) -> Iterator[Proposal]:
    outer, other = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
    first = node.values[0]
    if isinstance(first, ast.UnaryOp) and isinstance(first.op, ast.Not):
        rest = f" {outer} ".join(site.text(v) for v in node.values[1:])
        yield site.replace(node, f"not ({site.text(first.operand)} {outer} {rest})", weight=0.6)
    if len(node.values) != 2:
        return
    left, right = node.values
    if isinstance(right, ast.BoolOp) and len(right.values) == 2:
        a, b = (site.text(v) for v in right.values)
        yield site.replace(node, f"({site.text(left)} {outer} {a}) {other} {b}")
    if isinstance(left, ast.BoolOp) and len(left.values) == 2:
        a, b = (site.text(v) for v in left.values)
        yield site.replace(node, f"{a} {other} ({b} {outer} {site.text(right)})")


@template("negate-number", prior=0.14)
def negate_number(site: Site) -> Iterator[Proposal]:
    """`x` to `-x` for a number, and `-x` to `x`."""
    for node in value_places(site):
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            if not isinstance(node.operand, ast.Constant):
                yield site.replace(node, site.text(node.operand), weight=2.0)
        elif is_place(node) and site.kinds(node) & NUMBERS and not isinstance(site.parent(node), ast.Compare):
            yield site.replace(node, f"-{site.text(node)}", weight=0.6)


@template("combine-operands", prior=0.2, limit=24, decay=0.08)
def combine_operands(site: Site) -> Iterator[Proposal]:
    """A number replaced by its sum or difference with another number in scope: `k` to `k - seen`."""
    numbers = [v for v in site.variables if v.role != "global" and (v.kinds & NUMBERS or v.unused)]
    numbers += [v for v in site.variables if v.role == "global" and v.kinds & NUMBERS][:2]
    for node in value_places(site):
        if not is_place(node) and not isinstance(node, ast.Call | ast.Subscript):
            continue
        known = site.kinds(node)
        if known and not known & NUMBERS:
            continue
        text = site.text(node)
        present = {n.id for n in ast.walk(_whole(site, node)) if isinstance(n, ast.Name)}
        for v in numbers[:8]:
            if v.name == text:
                continue
            weight = (1.0 if known else 0.6) * (0.6 if v.name in present else 1.0) * (2.5 if v.unused else 1.0)
            for sign, factor in (("-", 1.0), ("+", 1.0), ("*", 0.3)):
                yield site.replace(node, f"{text} {sign} {v.name}", weight=weight * factor)


def _whole(site: Site, node: ast.expr) -> ast.expr:
    """The largest operation an expression is part of."""
    current: ast.expr = node
    for above in site.source.ancestors(node):
        if not isinstance(above, ast.BinOp | ast.Compare | ast.UnaryOp):
            break
        current = above
    return current


@template("expression-reuse", prior=0.16, tags=("overfit-prone",), limit=24, decay=0.08)
def expression_reuse(site: Site) -> Iterator[Proposal]:
    """An expression replaced by another one that the same function uses."""
    pool = _pool(site)
    for node in value_places(site):
        if isinstance(node, ast.Compare | ast.BoolOp | ast.Lambda) or _operand_of_same(site, node):
            continue
        text, kinds = site.text(node), site.kinds(node)
        for other, other_kinds in pool:
            if other != text and other not in text:
                weight = compatible(kinds, other_kinds) * (1.2 if text in other else 1.0)
                yield site.replace(node, other, weight=weight * (0.8 if is_place(node) else 1.0))


def _operand_of_same(site: Site, node: ast.expr) -> bool:
    """Inner parts of a long sum are left to the other templates."""
    above = site.parent(node)
    return isinstance(above, ast.BinOp) and isinstance(site.parent(above), ast.BinOp)


def _pool(site: Site) -> list[tuple[str, frozenset[str]]]:
    """Calls, items, attribute chains and operations of the function, nearest first, one line each."""
    found: dict[str, tuple[int, frozenset[str]]] = {}
    wanted = (ast.Call, ast.Subscript, ast.BinOp, ast.Attribute)
    for node in site.scope.nodes:
        if not isinstance(node, wanted) or not is_load(node) or not site.placed(node):
            continue
        above = site.parent(node)
        if isinstance(above, ast.Call | ast.Subscript | ast.Attribute) and node in (
            getattr(above, "func", None),
            getattr(above, "value", None),
        ):
            continue
        text = site.text(node)
        if len(text) <= 40 and "\n" not in text and not isinstance(above, ast.Expr):
            distance = abs(node.lineno - site.line)
            if text not in found or distance < found[text][0]:
                found[text] = (distance, site.kinds(node))
    ranked = sorted(found.items(), key=lambda item: (item[1][0], item[0]))
    return [(text, kinds) for text, (_, kinds) in ranked[:12]]
