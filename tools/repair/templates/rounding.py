"""Numbers that are rounded, divided or compared in the wrong way."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tools.repair.kinds import NUMBERS
from tools.repair.site import Proposal, Site, is_atomic, is_place, template
from tools.repair.templates.calls import callee_name
from tools.repair.templates.entries import grouped, member, using

_ROUNDINGS = (
    "ROUND_HALF_UP",
    "ROUND_HALF_EVEN",
    "ROUND_DOWN",
    "ROUND_UP",
    "ROUND_FLOOR",
    "ROUND_CEILING",
    "ROUND_HALF_DOWN",
)


def _grouped(text: str) -> str:
    return text if is_atomic(text) else f"({text})"


@template("rounding", prior=0.42, limit=16, decay=0.07)
def rounding(site: Site) -> Iterator[Proposal]:
    """`int(x)`, `round(x)`, `x // 1`, `floor` and `ceil` exchanged; half up; to so many digits."""
    for node in site.expressions:
        if isinstance(node, ast.Call) and node.args and callee_name(node) in ("int", "round", "floor", "ceil", "trunc"):
            yield from _rounded(site, node)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.FloorDiv):
            yield from _divided(site, node)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            left, right = site.text(node.left), site.text(node.right)
            above = site.parent(node)
            if not (isinstance(above, ast.Call) and callee_name(above) in ("int", "round", "floor", "ceil")):
                yield site.replace(node, f"int({left} / {right})", weight=0.5)
                yield site.replace(node, f"round({left} / {right})", weight=0.6)
                yield site.replace(node, f"round({left} / {right}, 2)", weight=0.7)
                yield site.replace(node, f"round({left} / {right}, 1)", weight=0.4)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            yield from _cyclic(site, node)


def _rounded(site: Site, node: ast.Call) -> Iterator[Proposal]:
    name, inner = callee_name(node), site.text(node.args[0])
    argument = node.args[0]
    if name == "int" and (len(node.args) > 1 or "str" in site.kinds(argument) or isinstance(argument, ast.Constant)):
        return
    counting = site.kinds(argument) & NUMBERS or isinstance(argument, ast.BinOp)
    fit = 1.0 if counting else 0.5
    if name == "round" and len(node.args) == 2:
        digits = site.text(node.args[1])
        yield site.replace(node, f"round({inner})", weight=fit * 0.5)
        yield site.replace(node, f"round({inner} + 1e-9, {digits})", weight=fit * 0.3)
        for other in ("2", "1", "3", "0", "4"):
            if other != digits:
                yield site.replace(node.args[1], other, weight=fit * 0.4)
        return
    yield site.replace(node, f"int({_grouped(inner)} + 0.5)", weight=fit * 0.8)
    for other in ("floor", "ceil"):
        if name != other:
            written, statement = _math(site, other)
            yield using(site, site.replace(node, f"{written}({inner})", weight=fit * 0.8), statement)
    if name == "int":
        yield site.replace(node, f"round({inner})", weight=fit)
        yield site.replace(node, f"int(round({inner}))", weight=fit * 0.4)
        yield site.replace(node, f"int(float({inner}))", weight=fit * 0.3)
    if isinstance(argument, ast.BinOp) and isinstance(argument.op, ast.Div):
        left, right = site.text(argument.left), site.text(argument.right)
        yield site.replace(node, f"{left} // {right}", weight=0.9)


def _math(site: Site, name: str) -> tuple[str, str]:
    """`ceil` or `math.ceil`, with the import it takes."""
    written, statement = member(site, "math", name)
    return (f"math.{name}", "import math") if statement else (written, "")


def _divided(site: Site, node: ast.BinOp) -> Iterator[Proposal]:
    """`a // b` rounded up or to the nearest, or towards zero."""
    left, right = site.text(node.left), site.text(node.right)
    group = _grouped(right)
    yield site.replace(node, f"-(-{_grouped(left)} // {right})", weight=1.0)
    yield site.replace(node, f"({left} + {group} - 1) // {right}", weight=0.9)
    written, statement = _math(site, "ceil")
    yield using(site, site.replace(node, f"{written}({left} / {right})", weight=0.7), statement)
    yield site.replace(node, f"round({left} / {right})", weight=0.8)
    yield site.replace(node, f"({left} + {group} // 2) // {right}", weight=0.4)
    yield site.replace(node, f"int({left} / {right})", weight=0.8)


def _cyclic(site: Site, node: ast.BinOp) -> Iterator[Proposal]:
    """`x % n` to `x % n or n` (12 o'clock), `(x - 1) % n + 1`, `(x + n) % n`."""
    if "str" in site.kinds(node.left) or isinstance(node.left, ast.Constant | ast.JoinedStr):
        return
    left, right = site.text(node.left), site.text(node.right)
    above = site.parent(node)
    if isinstance(above, ast.Compare | ast.If | ast.While):
        return
    yield site.replace(node, f"({left} % {right} or {right})", weight=0.7)
    yield site.replace(node, f"({left} - 1) % {_grouped(right)} + 1", weight=0.7)
    yield site.replace(node, f"({left} + 1) % {_grouped(right)}", weight=0.5)
    yield site.replace(node, f"{_grouped(left)} % {_grouped(right)} + 1", weight=0.5)


@template("nearly-equal", prior=0.36, limit=6)
def nearly_equal(site: Site) -> Iterator[Proposal]:
    """`a == b` of floats to `math.isclose(a, b)` or a small difference; sums without rounding errors."""
    near = 1.5 if site.nearest_clue("differs-rounding") else 1.0
    for node in site.expressions:
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq | ast.NotEq):
            kinds = site.kinds(node.left) | site.kinds(node.comparators[0])
            if kinds and not kinds & {"float", "number"}:
                continue
            fit = near * (1.0 if "float" in kinds else 0.6 if kinds else 0.2)
            left, right = site.text(node.left), site.text(node.comparators[0])
            negation, sign = ("", "<") if isinstance(node.ops[0], ast.Eq) else ("not ", ">=")
            yield using(site, site.replace(node, f"{negation}math.isclose({left}, {right})", weight=fit), "import math")
            yield site.replace(node, f"abs({left} - {_grouped(right)}) {sign} 1e-9", weight=fit)
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "sum"
            and len(node.args) == 1
        ):
            text = site.text(node.args[0])
            yield using(site, site.replace(node, f"math.fsum({text})", weight=0.3 * near), "import math")


@template("decimal-rounding", prior=0.55, limit=10, decay=0.08)
def decimal_rounding(site: Site) -> Iterator[Proposal]:
    """`quantize` with a way of rounding, or another one; a decimal made from a text."""
    for node in site.expressions:
        if isinstance(node, ast.Call) and callee_name(node) == "quantize" and isinstance(node.func, ast.Attribute):
            yield from _exponents(site, node)
            known = [k for k in node.keywords if k.arg == "rounding"] or node.args[1:2]
            for name in _ROUNDINGS:
                written, statement = member(site, "decimal", name)
                weight = {"ROUND_HALF_UP": 1.0, "ROUND_HALF_EVEN": 0.8, "ROUND_DOWN": 0.6}.get(name, 0.4)
                if known:
                    value = known[0].value if isinstance(known[0], ast.keyword) else known[0]
                    if name not in site.text(value):
                        yield using(site, site.replace(value, written, weight=weight), statement)
                elif node.args:
                    text = f"{site.text(node.func)}({site.text(node.args[0])}, rounding={written})"
                    yield using(site, site.replace(node, text, weight=weight), statement)
        elif isinstance(node, ast.Attribute | ast.Name) and site.text(node).rpartition(".")[2] in _ROUNDINGS:
            prefix = site.text(node).rpartition(".")
            for name in _ROUNDINGS:
                if name != prefix[2]:
                    statement = "" if prefix[0] else f"from decimal import {name}"
                    text = f"{prefix[0]}{prefix[1]}{name}"
                    yield using(site, site.replace(node, text, weight=0.8), statement)


def _exponents(site: Site, node: ast.Call) -> Iterator[Proposal]:
    """How many digits `quantize` keeps."""
    inner = node.args[0] if node.args else None
    text = inner.args[0] if isinstance(inner, ast.Call) and inner.args else None
    if isinstance(text, ast.Constant):
        for other in ("0.01", "1", "0.1", "0.001", "0.0001", "1.00"):
            if other != text.value:
                yield site.replace(text, f'"{other}"', weight=0.6 if other in ("0.01", "1") else 0.4)


_FACTORS = frozenset({7, 12, 24, 60, 100, 1000, 1024, 3600, 86400, 1e6, 0.01})
_SCALES = (
    ("* 100", 0.8),
    ("/ 100", 0.6),
    ("/ 2", 0.4),
    ("* 2", 0.4),
    ("* 1000", 0.25),
    ("/ 1000", 0.25),
    ("/ 60", 0.2),
)


@template("unit", prior=0.3, limit=14, decay=0.08)
def unit(site: Site) -> Iterator[Proposal]:
    """A factor between units that is missing, doubled or turned round: 100, 1000, 60, 1024."""
    value = site.statement.value if isinstance(site.statement, ast.Return) else None
    for node in site.expressions:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div | ast.FloorDiv):
            yield from _other_factor(site, node)
    if value is not None and _is_number(site, value):
        tight = isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult | ast.Div | ast.FloorDiv | ast.Mod)
        text = site.text(value) if tight else grouped(site, value)
        for scale, weight in _SCALES:
            yield site.replace(value, f"{text} {scale}", weight=weight)


def _other_factor(site: Site, node: ast.BinOp) -> Iterator[Proposal]:
    factor = node.right.value if isinstance(node.right, ast.Constant) else None
    if not isinstance(factor, int | float) or factor not in _FACTORS:
        return
    left, right = site.text(node.left), site.text(node.right)
    yield site.replace(node, f"{left} {'/' if isinstance(node.op, ast.Mult) else '*'} {right}", weight=0.8)
    yield site.replace(node, left, weight=0.6)
    for other in (100, 1000, 60, 3600, 1024, 24):
        if other != factor:
            yield site.replace(node.right, str(other), weight=0.4)


def _is_number(site: Site, node: ast.expr) -> bool:
    kinds = site.kinds(node)
    if isinstance(node, ast.Compare | ast.BoolOp | ast.Constant):
        return False
    return bool(kinds & NUMBERS) or (not kinds and (is_place(node) or isinstance(node, ast.BinOp)))
