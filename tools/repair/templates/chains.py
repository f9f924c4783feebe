"""The order in which calls are applied to a value, and one element taken where the whole was (or the other way)."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tools.repair.kinds import CONTAINERS
from tools.repair.site import Proposal, Site, is_load, is_place, template


@template("call-order", prior=0.34, limit=10)
def call_order(site: Site) -> Iterator[Proposal]:
    """`f(x).m()` and `f(x.m())`, `f(g(x))` and `g(f(x))`, `x.a().b()` and `x.b().a()`."""
    for node in site.expressions:
        if not isinstance(node, ast.Call) or not site.placed(node):
            continue
        if isinstance(node.func, ast.Attribute):
            yield from _of_method(site, node, node.func)
        elif node.args and isinstance(node.args[0], ast.Call):
            yield from _of_function(site, node, node.args[0])


def _of_method(site: Site, node: ast.Call, func: ast.Attribute) -> Iterator[Proposal]:
    inner = func.value
    if not isinstance(inner, ast.Call):
        return
    outer = _tail(site, node, func)
    if isinstance(inner.func, ast.Attribute):  # x.a().b()
        first = _tail(site, inner, inner.func)
        if first != outer:
            yield site.replace(node, f"{_operand(site, inner.func.value)}{outer}{first}", weight=0.8)
    if _wraps(inner):  # f(x).b()
        argument = inner.args[0]
        yield site.replace(node, _exchanged(site, inner, argument, f"{_operand(site, argument)}{outer}"))


def _of_function(site: Site, node: ast.Call, inner: ast.Call) -> Iterator[Proposal]:
    if isinstance(inner.func, ast.Attribute) and is_load(inner.func):  # f(x.m()) to f(x).m()
        text = _exchanged(site, node, inner, site.text(inner.func.value))
        yield site.replace(node, f"{text}{_tail(site, inner, inner.func)}")
    if _wraps(inner) and site.text(node.func) != site.text(inner.func):  # f(g(x)) to g(f(x))
        argument = inner.args[0]
        applied = _exchanged(site, node, inner, site.text(argument))
        yield site.replace(node, _exchanged(site, inner, argument, applied), weight=0.8)


def _exchanged(site: Site, node: ast.expr, part: ast.expr, text: str) -> str:
    """The text of `node` with another text for a part of it."""
    start, end = site.source.span(node)
    low, high = site.source.span(part)
    return site.source.text[start:low] + text + site.source.text[high:end]


def _tail(site: Site, call: ast.Call, func: ast.Attribute) -> str:
    """`.m(a)` of `x.m(a)`. A receiver in parentheses ends behind its parenthesis."""
    _, after = site.source.span(func.value)
    _, end = site.source.span(call)
    return site.source.text[site.source.text.index(".", after) : end]


def _operand(site: Site, node: ast.expr) -> str:
    """An expression as what a method is called on."""
    simple = ast.Name | ast.Attribute | ast.Subscript | ast.Call | ast.List | ast.Dict | ast.JoinedStr
    return site.text(node) if isinstance(node, simple) else f"({site.text(node)})"


def _wraps(call: ast.Call) -> bool:
    """Whether a call takes one value first, as a wrapper does."""
    return bool(call.args) and not isinstance(call.args[0], ast.Starred)


@template("element", prior=0.26, limit=10)
def element(site: Site) -> Iterator[Proposal]:
    """`x` to `x[0]`, `x[-1]` in a call or a subscript; `x[0]` to `x`."""
    for node in site.expressions:
        if not site.placed(node) or not is_load(node):
            continue
        above = site.parent(node)
        if isinstance(node, ast.Subscript) and _is_end(node.slice):
            yield site.replace(node, site.text(node.value), weight=0.5)
        if not is_place(node) or not isinstance(above, ast.Call | ast.Subscript | ast.Return | ast.Compare | ast.For):
            continue
        if isinstance(above, ast.Call) and node is above.func:
            continue
        kinds = site.kinds(node)
        fit = 1.0 if kinds & CONTAINERS else 0.6 if not kinds else 0.05
        measured = isinstance(above, ast.Call) and isinstance(above.func, ast.Name) and above.func.id in _OF_MANY
        place = 1.0 if measured else 0.5
        for index, weight in (("0", 1.0), ("-1", 0.5), ("1", 0.3)):
            yield site.replace(node, f"{site.text(node)}[{index}]", weight=weight * fit * place)


_OF_MANY = frozenset(("len", "range", "sum", "max", "min", "sorted", "list", "zip", "set", "any", "all"))


def _is_end(index: ast.expr) -> bool:
    if isinstance(index, ast.UnaryOp) and isinstance(index.op, ast.USub):
        index = index.operand
    return isinstance(index, ast.Constant) and index.value in (0, 1) and not isinstance(index.value, bool)
