"""Conditions negated, strengthened, weakened, replaced; clauses dropped; `if`, `elif` and `while` exchanged."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache

from tools.repair.kinds import CONTAINERS, NUMBERS
from tools.repair.site import Proposal, Site, is_atomic, is_place, template
from tools.repair.templates.operators import operator_span

_NEGATED: dict[type[ast.cmpop], str] = {
    ast.Eq: "!=", ast.NotEq: "==", ast.Lt: ">=", ast.LtE: ">", ast.Gt: "<=", ast.GtE: "<", ast.In: "not in",
    ast.NotIn: "in", ast.Is: "is not", ast.IsNot: "is",
}  # fmt: skip
OVERFIT = ("overfit-prone",)


def conditions(site: Site) -> Iterator[ast.expr]:
    """What decides a branch: tests of `if`, `while`, `assert`, conditional expressions and comprehension filters."""
    statement = site.statement
    if isinstance(statement, ast.If | ast.While | ast.Assert):
        yield statement.test
    for node in site.expressions:
        if isinstance(node, ast.IfExp):
            yield node.test
        elif isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            yield from (test for generator in node.generators for test in generator.ifs)
    if isinstance(statement, ast.Return) and isinstance(statement.value, ast.Compare | ast.BoolOp):
        yield statement.value


def joined(left: str, sign: str, right: str) -> str:
    """`left and right` with parentheses around a weaker left or right side."""
    parts = []
    for text in (left, right):
        loose = re.search(r"\b(?:or|if|lambda|and)\b", text) if sign == "and" else re.search(r"\b(?:if|lambda)\b", text)
        parts.append(f"({text})" if loose and not is_atomic(text) else text)
    return f" {sign} ".join(parts)


@template("negate-condition", prior=0.4, limit=8)
def negate_condition(site: Site) -> Iterator[Proposal]:
    for node in conditions(site):
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            left, right = site.text(node.left), site.text(node.comparators[0])
            yield site.replace(
                node, f"{left} {_NEGATED[type(node.ops[0])]} {right}", weight=0.8, why="negate the condition"
            )
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield site.replace(node, site.text(node.operand), why="negate the condition")
        else:
            text = site.text(node)
            negated = f"not {text}" if is_atomic(text) else f"not ({text})"
            yield site.replace(node, negated, why="negate the condition")
    for node in site.expressions:
        if isinstance(node, ast.BoolOp):
            for value in node.values:
                if not isinstance(value, ast.Compare | ast.UnaryOp | ast.BoolOp):
                    yield site.replace(value, f"not {site.text(value)}", weight=0.7)


@template("drop-clause", prior=0.36, limit=8)
def drop_clause(site: Site) -> Iterator[Proposal]:
    """One operand less of `and` / `or`."""
    for node in site.expressions:
        if not isinstance(node, ast.BoolOp):
            continue
        sign = "and" if isinstance(node.op, ast.And) else "or"
        for index, value in enumerate(node.values):
            if len(node.values) == 2:
                yield site.replace(node, site.text(node.values[1 - index]), why=f"drop `{site.text(value)[:40]}`")
                continue
            start, end = site.source.span(value)
            if index:
                span = operator_span(site, node.values[index - 1], value, sign)
                start = span[0] if span else start
            else:
                end = site.source.span(node.values[1])[0]
            yield site.splice(start, end, "", f"drop `{site.text(value)[:40]}`", line=value.lineno)


@lru_cache(maxsize=4)
def predicates(site: Site) -> tuple[tuple[str, float], ...]:
    """Clauses that could be added to a condition: those the function knows, then simple ones over names in scope."""
    found: dict[str, float] = {}
    for text, line in _known_clauses(site):
        near = 1.0 if abs(line - site.line) <= 15 else 0.6
        found[text] = max(found.get(text, 0.0), near)
    mentioned = {n.id for e in site.expressions for n in ast.walk(e) if isinstance(n, ast.Name)}
    variables = sorted(site.variables, key=lambda v: (not v.unused, v.name not in mentioned))
    for v in [v for v in variables if v.role not in ("global", "enclosing")][:8]:
        factor = (1.0 if v.name in mentioned else 0.6) * (1.6 if v.unused else 1.0)
        number, container = bool(v.kinds & NUMBERS), bool(v.kinds & CONTAINERS)
        if not number:
            found.setdefault(v.name, 0.55 * factor)
            found.setdefault(f"{v.name} is not None", (0.7 if "none" in v.kinds or not v.kinds else 0.25) * factor)
            found.setdefault(f"not {v.name}", 0.4 * factor)
            found.setdefault(f"{v.name} is None", (0.5 if "none" in v.kinds or not v.kinds else 0.2) * factor)
        else:
            found.setdefault(f"{v.name} > 0", 0.55 * factor)
            found.setdefault(f"{v.name} < 0", 0.35 * factor)
            found.setdefault(f"{v.name} == 0", 0.35 * factor)
            found.setdefault(f"{v.name} != 0", 0.3 * factor)
        if container:
            found.setdefault(f"len({v.name}) > 1", 0.3 * factor)
    found.update((t, w) for t, w in _pairs(site, mentioned) if t not in found)
    return tuple(sorted(found.items(), key=lambda item: -item[1]))


def _known_clauses(site: Site) -> Iterator[tuple[str, int]]:
    for node in site.scope.nodes:
        tests = [node.test] if isinstance(node, ast.If | ast.While | ast.IfExp) else []
        tests += node.ifs if isinstance(node, ast.comprehension) else []
        for test in tests if site.placed(node) else ():
            for clause in test.values if isinstance(test, ast.BoolOp) else [test]:
                text = site.text(clause)
                if len(text) <= 50 and "\n" not in text and clause.lineno != site.line:
                    yield text, clause.lineno


def _pairs(site: Site, mentioned: set[str]) -> Iterator[tuple[str, float]]:
    """Two names of the condition and around it: `i < len(xs)`, `x in seen`, `i < n`, `x != y`."""
    local = [v for v in site.variables if v.role not in ("global", "enclosing")]
    numbers = [v for v in local if v.kinds & NUMBERS][:5]
    containers = [v for v in local if v.kinds & CONTAINERS][:5]
    keyed = [v for v in local if v.kinds & {"set", "dict"}][:4]
    for v in containers:
        for n in numbers:
            weight = 0.6 if n.name in mentioned or v.name in mentioned else 0.3
            yield f"{n.name} < len({v.name})", weight
    singles = [v for v in local if not v.kinds & {"set", "dict", "list"}][:6]
    for v in keyed:
        for one in singles:
            weight = 0.6 if one.name in mentioned else 0.4
            yield f"{one.name} in {v.name}", weight
            yield f"{one.name} not in {v.name}", weight
    for i, n in enumerate(numbers):
        for m in numbers[i + 1 :]:
            weight = 0.4 if n.name in mentioned or m.name in mentioned else 0.2
            yield from ((f"{n.name} {sign} {m.name}", weight) for sign in ("<", ">", "=="))


@template("strengthen", prior=0.22, tags=OVERFIT, limit=22, decay=0.07)
def strengthen(site: Site) -> Iterator[Proposal]:
    """One more clause with `and`."""
    yield from _add_clause(site, "and")


@template("weaken", prior=0.24, tags=OVERFIT, limit=22, decay=0.07)
def weaken(site: Site) -> Iterator[Proposal]:
    """One more clause with `or`."""
    yield from _add_clause(site, "or")


def _add_clause(site: Site, sign: str) -> Iterator[Proposal]:
    tests = list(conditions(site))[:3]
    added = predicates(site) if tests else ()
    for node in tests:
        text = site.text(node)
        for clause, weight in added:
            if clause in text:
                continue
            fit = weight * (0.85 if sign == "or" and "is not None" in clause else 1.0)
            said = f"also require `{clause}`" if sign == "and" else f"also accept `{clause}`"
            front = _guards(clause, text)
            pair = (clause, text) if front else (text, clause)
            yield site.replace(node, joined(pair[0], sign, pair[1]), weight=fit, why=said)


def _guards(clause: str, text: str) -> bool:
    """Whether a clause must stand first because the rest would fail without it."""
    name = clause.removeprefix("not ").split(" ")[0]
    return bool(re.search(rf"(?<![\w.]){re.escape(name)}(?:\.|\[|\()", text)) or clause.endswith("None")


@template("condition-reuse", prior=0.14, tags=OVERFIT, limit=12)
def condition_reuse(site: Site) -> Iterator[Proposal]:
    """The whole condition replaced by another one of the function, or by one over names in scope."""
    for node in list(conditions(site))[:2]:
        text = site.text(node)
        for clause, weight in predicates(site)[:16]:
            if clause != text:
                yield site.replace(node, clause, weight=weight)


@template("condition-constant", prior=0.08, tags=OVERFIT, limit=4)
def condition_constant(site: Site) -> Iterator[Proposal]:
    for node in conditions(site):
        for text in ("True", "False"):
            yield site.replace(node, text, weight=1.0 if text == "True" else 0.8)


@template("truthiness", prior=0.3, limit=10)
def truthiness(site: Site) -> Iterator[Proposal]:
    """`x` to `x is not None` and back, `not x` to `x is None`, `x == []` to `not x`, `len(x) > 0`."""
    for test in conditions(site):
        for node in test.values if isinstance(test, ast.BoolOp) else [test]:
            yield from _truth(site, node)
    for node in site.expressions:
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or) and len(node.values) == 2:
            first, second = (site.text(v) for v in node.values)
            if not isinstance(node.values[0], ast.Compare | ast.BoolOp | ast.UnaryOp):
                yield site.replace(node, f"{first} if {first} is not None else {second}", weight=0.9)


def _truth(site: Site, node: ast.expr) -> Iterator[Proposal]:
    text = site.text(node)
    if is_place(node) or isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        yield site.replace(node, f"{text} is not None", weight=1.0)
        yield site.replace(node, f"len({text}) > 1", weight=0.15)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield site.replace(node, f"{site.text(node.operand)} is None", weight=1.0)
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        left, right = site.text(node.left), node.comparators[0]
        if isinstance(right, ast.Constant) and right.value is None:
            yield site.replace(node, left if isinstance(node.ops[0], ast.IsNot) else f"not {left}", weight=0.9)
        elif isinstance(node.ops[0], ast.Eq) and site.text(right) in ("0", '""', "''", "[]", "{}", "()"):
            yield site.replace(node, f"not {left}", weight=0.5)


@template("if-while", prior=0.26)
def if_while(site: Site) -> Iterator[Proposal]:
    """`if` to `while` and back; `elif` to `if` and back; an endless loop that ends when its container is empty."""
    statement = site.statement
    start, _ = site.source.span(statement)
    if isinstance(statement, ast.If):
        if site.source.is_elif(statement):
            yield site.splice(start, start + 4, "if", "replace `elif` by `if`")
        elif not statement.orelse:
            yield site.splice(start, start + 2, "while", "replace `if` by `while`")
        before = site.block.before
        if isinstance(before, ast.If) and not before.orelse and not site.source.is_elif(statement):
            yield site.splice(start, start + 2, "elif", "replace `if` by `elif`", weight=0.9)
    elif isinstance(statement, ast.While) and not statement.orelse:
        yield site.splice(start, start + 5, "if", "replace `while` by `if`", weight=0.5)
        if isinstance(statement.test, ast.Constant):
            for v in site.variables:
                if v.kinds & CONTAINERS and v.name in site.scope.mutated:
                    yield site.replace(statement.test, v.name, weight=1.6)
