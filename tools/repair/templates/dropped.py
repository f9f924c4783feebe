"""Values that are computed and dropped, and the None of a method that changes its object taken for a value."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tools.repair.kinds import dotted
from tools.repair.site import Proposal, Site, template
from tools.repair.vocabulary import CALL_RESULTS, METHOD_RESULTS, words

_OPPOSITE: dict[type[ast.cmpop], str] = {
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.Lt: ">=",
    ast.LtE: ">",
    ast.Gt: "<=",
    ast.GtE: "<",
    ast.In: "not in",
    ast.NotIn: "in",
    ast.Is: "is not",
    ast.IsNot: "is",
}
_IN_PLACE = frozenset(words("sort reverse append extend insert update add remove clear discard appendleft shuffle"))
_MEANINGLESS = (ast.Compare, ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.Name, ast.Attribute, ast.Subscript)


@template("dropped-value", prior=0.55, limit=10)
def dropped_value(site: Site) -> Iterator[Proposal]:
    """`a == b` alone to `if a != b: return False`, `a = b`, `return a == b`; `s.strip()` alone to `s = s.strip()`."""
    statement = site.statement
    if not isinstance(statement, ast.Expr) or site.function is None or not site.owns_lines:
        return
    value = statement.value
    if isinstance(value, ast.Call):
        yield from _dropped_call(site, value)
    elif isinstance(value, _MEANINGLESS):
        yield from _dropped_condition(site, value)


def _dropped_condition(site: Site, value: ast.expr) -> Iterator[Proposal]:
    text = site.text(value)
    false = _opposite(site, value)
    yield site.replace_statement(f"if {false}:\n    return False", weight=1.0)
    if isinstance(value, ast.Compare) and dotted(value.left) and [type(op) for op in value.ops] == [ast.Eq]:
        yield site.replace_statement(f"{site.text(value.left)} = {site.text(value.comparators[0])}", weight=1.0)
    yield site.replace_statement(f"return {text}", weight=0.8)
    yield site.replace_statement(f"if {text}:\n    return True", weight=0.5)
    if site.loop is not None:
        yield site.replace_statement(f"if {text}:\n    continue", weight=0.3)
        yield site.replace_statement(f"if {text}:\n    break", weight=0.3)


def _opposite(site: Site, value: ast.expr) -> str:
    if isinstance(value, ast.Compare) and len(value.ops) == 1:
        left, right = site.text(value.left), site.text(value.comparators[0])
        return f"{left} {_OPPOSITE[type(value.ops[0])]} {right}"
    if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.Not):
        return site.text(value.operand)
    text = site.text(value)
    return f"not {text}" if isinstance(value, ast.Name | ast.Attribute | ast.Subscript) else f"not ({text})"


def _dropped_call(site: Site, call: ast.Call) -> Iterator[Proposal]:
    """A call of which only the value matters, as far as its name tells; any other call is left to weak proposals."""
    text, func = site.text(call), call.func
    passed = {site.text(argument) for argument in call.args}
    for place in _stored_beside(site):
        yield site.replace_statement(f"{place} = {text}", weight=1.0 if place in passed else 0.4)
    if isinstance(func, ast.Attribute):
        known = 1.0 if func.attr in METHOD_RESULTS or func.attr in _PURE else 0.25
        target = dotted(func.value)
        if target and target not in ("self", "cls") and func.attr not in _IN_PLACE:
            yield site.replace_statement(f"{target} = {text}", weight=known)
    elif isinstance(func, ast.Name) and call.args:
        known = 1.0 if func.id in CALL_RESULTS else 0.25
        target = dotted(call.args[0])
        if target and func.id not in ("print", "super", "setattr", "delattr"):
            yield site.replace_statement(f"{target} = {text}", weight=known)
    if not (isinstance(func, ast.Attribute) and func.attr in _IN_PLACE):
        yield site.replace_statement(f"return {text}", weight=0.3)


def _stored_beside(site: Site) -> list[str]:
    """What the other branch of the `if` around the statement assigns to."""
    owner = site.block.owner
    if not isinstance(owner, ast.If):
        return []
    others = owner.orelse if site.statement in owner.body else owner.body
    while len(others) == 1 and isinstance(others[0], ast.If):
        others = [*others[0].body, *others[0].orelse]
    assigned = [s.targets[0] for s in others if isinstance(s, ast.Assign) and len(s.targets) == 1]
    return list(dict.fromkeys(site.text(target) for target in assigned))[:2]


_PURE = frozenset(words("replace quantize normalize astimezone with_suffix intersection union difference copy sub"))


@template("none-of-method", prior=0.5, limit=6)
def none_of_method(site: Site) -> Iterator[Proposal]:
    """`x = y.sort()` to `y.sort()` and `x = y`, `return y.append(z)` to `y.append(z)` and `return y`."""
    statement = site.statement
    if not isinstance(statement, ast.Assign | ast.Return) or not site.owns_lines:
        return
    call = statement.value
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or call.func.attr not in _IN_PLACE:
        return
    text, changed = site.text(call), site.text(call.func.value)
    if isinstance(statement, ast.Return):
        yield site.replace_statement(f"{text}\nreturn {changed}")
    elif len(statement.targets) == 1:
        target = site.text(statement.targets[0])
        rest = [] if target == changed else [f"{target} = {changed}"]
        yield site.replace_statement("\n".join([text, *rest]))
    better = {"sort": "sorted", "reverse": "reversed"}.get(call.func.attr)
    if better:
        arguments = site.source.text[site.source.span(call.func)[1] : site.source.span(call)[1]][1:-1]
        inner = f"{changed}, {arguments}" if arguments.strip() else changed
        new = f"sorted({inner})" if better == "sorted" else f"list(reversed({inner}))"
        yield site.replace(call, new, weight=0.9)
