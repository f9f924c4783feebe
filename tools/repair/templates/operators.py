"""Operators exchanged: comparison, arithmetic, boolean, bitwise, `not`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

from tools.repair.kinds import CONTAINERS, NUMBERS
from tools.repair.site import Proposal, Site, template

Choices = tuple[tuple[str, float], ...]

_COMPARISONS: Mapping[type[ast.cmpop], tuple[str, Choices]] = {
    ast.Lt: ("<", (("<=", 1.0), (">", 0.6), (">=", 0.45), ("!=", 0.3), ("==", 0.12))),
    ast.LtE: ("<=", (("<", 1.0), (">=", 0.6), (">", 0.45), ("==", 0.15), ("!=", 0.12))),
    ast.Gt: (">", ((">=", 1.0), ("<", 0.6), ("<=", 0.45), ("!=", 0.3), ("==", 0.12))),
    ast.GtE: (">=", ((">", 1.0), ("<=", 0.6), ("<", 0.45), ("==", 0.15), ("!=", 0.12))),
    ast.Eq: ("==", (("!=", 0.8), (">=", 0.5), ("<=", 0.5), ("<", 0.2), (">", 0.2), ("in", 0.3), ("is", 0.1))),
    ast.NotEq: ("!=", (("==", 0.8), ("<", 0.35), (">", 0.4), ("not in", 0.3), ("is not", 0.1))),
    ast.In: ("in", (("not in", 1.0), ("==", 0.3))),
    ast.NotIn: ("not in", (("in", 1.0), ("!=", 0.3))),
    ast.Is: ("is", (("is not", 1.0), ("==", 0.4))),
    ast.IsNot: ("is not", (("is", 1.0), ("!=", 0.4))),
}
_ORDERED = frozenset({"<", "<=", ">", ">="})
_ARITHMETIC: Mapping[type[ast.operator], tuple[str, Choices]] = {
    ast.Add: ("+", (("-", 1.0), ("*", 0.4), ("|", 0.05))),
    ast.Sub: ("-", (("+", 1.0), ("//", 0.1), ("*", 0.15), ("%", 0.1))),
    ast.Mult: ("*", (("+", 0.6), ("/", 0.6), ("**", 0.5), ("//", 0.4), ("-", 0.15))),
    ast.Div: ("/", (("//", 1.0), ("*", 0.7), ("%", 0.2))),
    ast.FloorDiv: ("//", (("/", 0.9), ("%", 0.8), ("*", 0.3))),
    ast.Mod: ("%", (("//", 1.0), ("/", 0.3), ("*", 0.15))),
    ast.Pow: ("**", (("*", 1.0),)),
    ast.BitAnd: ("&", (("|", 1.0), ("^", 0.6))),
    ast.BitOr: ("|", (("&", 1.0), ("^", 0.7))),
    ast.BitXor: ("^", (("&", 1.0), ("|", 0.9))),
    ast.LShift: ("<<", ((">>", 1.0),)),
    ast.RShift: (">>", (("<<", 1.0),)),
}
_BITWISE = frozenset({"&", "|", "^"})


def operator_span(site: Site, left: ast.expr, right: ast.expr, sign: str) -> tuple[int, int] | None:
    """Where an operator stands between two operands; comments and parentheses may stand there too."""
    start, end = site.source.span(left)[1], site.source.span(right)[0]
    words = r"\s+".join(re.escape(word) for word in sign.split())
    pattern = rf"\b{words}\b" if sign[0].isalpha() else words
    found = re.compile(pattern).search(site.source.text, start, end)
    return found.span() if found else None


def _comparable(site: Site, sign: str, right: ast.expr, left: ast.expr) -> float:
    """How sensible a comparison by `sign` is for these operands."""
    if sign in ("is", "is not"):
        return 1.0 if isinstance(right, ast.Constant) and right.value is None else 0.0
    if sign in _ORDERED:
        kinds = site.kinds(left) | site.kinds(right)
        constant = right.value if isinstance(right, ast.Constant) else 0
        ordered = not isinstance(constant, str | bool | None) and not isinstance(right, ast.Tuple | ast.List | ast.Dict)
        return 0.0 if not ordered else 0.5 if kinds & (CONTAINERS | {"bool"}) and not kinds & NUMBERS else 1.0
    if sign in ("in", "not in"):
        kinds = site.kinds(right)
        return (
            0.0
            if isinstance(right, ast.Constant) and not isinstance(right.value, str)
            else 1.0
            if kinds & CONTAINERS
            else 0.3
        )
    return 1.0


@template("compare-operator", prior=0.62, decay=0.25)
def compare_operator(site: Site) -> Iterator[Proposal]:
    for node in site.expressions:
        if not isinstance(node, ast.Compare):
            continue
        operands = [node.left, *node.comparators]
        for op, left, right in zip(node.ops, operands, operands[1:], strict=False):
            sign, choices = _COMPARISONS[type(op)]
            span = operator_span(site, left, right, sign)
            for new, weight in choices if span else ():
                fit = 1.0 if new in ("!=", "==") and sign in ("!=", "==") else _comparable(site, new, right, left)
                if span and fit:
                    yield site.splice(*span, new, f"replace `{sign}` by `{new}`", line=node.lineno, weight=weight * fit)


@template("swap-comparison", prior=0.2)
def swap_comparison(site: Site) -> Iterator[Proposal]:
    """`a in b` to `b in a`."""
    for node in site.expressions:
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.In | ast.NotIn):
            sign = _COMPARISONS[type(node.ops[0])][0]
            yield site.replace(node, f"{site.text(node.comparators[0])} {sign} {site.text(node.left)}")


@template("arithmetic-operator", prior=0.5, decay=0.25)
def arithmetic_operator(site: Site) -> Iterator[Proposal]:
    for node in site.expressions:
        if isinstance(node, ast.BinOp):
            sign, choices = _ARITHMETIC.get(type(node.op), ("", ()))
            span = operator_span(site, node.left, node.right, sign) if sign else None
            kinds = site.kinds(node)
            for new, weight in choices if span else ():
                if span and not _odd(sign, new, kinds):
                    yield site.splice(*span, new, f"replace `{sign}` by `{new}`", line=node.lineno, weight=weight)


def _odd(sign: str, new: str, kinds: frozenset[str]) -> bool:
    """Whether the operator makes no sense for texts and lists, or `|` for anything but sets and flags."""
    textual = bool(kinds & {"str", "list", "tuple", "bytes"})
    if new in _BITWISE and sign not in _BITWISE:
        return not kinds & {"set", "dict"}
    return textual and sign not in _BITWISE


@template("augmented-operator", prior=0.5, decay=0.25)
def augmented_operator(site: Site) -> Iterator[Proposal]:
    """`+=` to `-=`, and `+=` to `=`."""
    node = site.statement
    if not isinstance(node, ast.AugAssign):
        return
    sign, choices = _ARITHMETIC.get(type(node.op), ("", ()))
    span = operator_span(site, node.target, node.value, f"{sign}=") if sign else None
    if span:
        textual = site.kinds(node.target) & {"str", "list"}
        for new, weight in () if textual else choices:
            yield site.splice(*span, f"{new}=", f"replace `{sign}=` by `{new}=`", weight=weight)
        yield site.splice(*span, "=", f"replace `{sign}=` by `=`", weight=0.6)


@template("boolean-operator", prior=0.5)
def boolean_operator(site: Site) -> Iterator[Proposal]:
    for node in site.expressions:
        if isinstance(node, ast.BoolOp):
            sign, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
            pairs = list(zip(node.values, node.values[1:], strict=False))
            spans = [operator_span(site, a, b, sign) for a, b in pairs]
            found = [s for s in spans if s]
            if len(found) > 1 and len(found) == len(spans):
                edits = [(a, b, new) for a, b in found]
                yield site.several(edits, f"replace every `{sign}` of the condition by `{new}`")
            for span in found:
                yield site.splice(*span, new, f"replace `{sign}` by `{new}`", line=node.lineno)


@template("drop-not", prior=0.45)
def drop_not(site: Site) -> Iterator[Proposal]:
    for node in site.expressions:
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield site.replace(node, site.text(node.operand))
