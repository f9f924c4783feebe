"""Off by one: constants, indices, slices, ranges, and any number that may need one more or one less."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tools.repair.kinds import CONTAINERS, NUMBERS, SEQUENCES, Kinds
from tools.repair.site import Proposal, Site, is_atomic, is_place, template
from tools.repair.templates.operands import value_places

_SPECIAL: dict[int, tuple[tuple[str, float], ...]] = {
    0: (("1", 1.0), ("-1", 0.5), ("None", 0.1)),
    1: (("0", 1.0), ("2", 0.7), ("-1", 0.3)),
    2: (("1", 1.0), ("3", 0.5), ("0", 0.15)),
    10: (("9", 0.6), ("11", 0.5), ("1", 0.2), ("100", 0.2)),
    16: (("15", 0.6), ("8", 0.4), ("17", 0.3), ("10", 0.3), ("32", 0.3)),
    60: (("59", 0.5), ("61", 0.3), ("3600", 0.6), ("24", 0.3)),
    100: (("99", 0.6), ("101", 0.4), ("1000", 0.3), ("10", 0.3)),
    1000: (("999", 0.5), ("1001", 0.3), ("100", 0.2), ("1024", 0.3)),
    1024: (("1000", 0.7), ("1023", 0.6), ("1025", 0.2)),
    3600: (("60", 0.7), ("86400", 0.3), ("24", 0.2)),
}
_LOOSE = re.compile(r"<<|>>|[&|^<>=:]|\b(?:if|or|and|not|in|is|lambda|await|yield)\b")


def plus(text: str, amount: int) -> str:
    """`text + 1` or `text - 1`, with an existing `± 1` folded in."""
    if _LOOSE.search(text) and not is_atomic(text):
        text = f"({text})"
    for suffix, size in ((" + 1", 1), (" - 1", -1)):
        if text.endswith(suffix):
            total = size + amount
            stem = text[: -len(suffix)]
            return stem if total == 0 else f"{stem} {'+' if total > 0 else '-'} {abs(total)}"
    return f"{text} {'+' if amount > 0 else '-'} {abs(amount)}"


@template("constant", prior=0.52, limit=20, decay=0.1)
def constant(site: Site) -> Iterator[Proposal]:
    """A number one up or down; `0`/`1`/`-1` exchanged; whole numbers from floats; True/False, None, "" exchanged."""
    if isinstance(site.statement, ast.Expr) and isinstance(site.statement.value, ast.Constant):
        return
    for node in site.expressions:
        if isinstance(node, ast.Constant) and not _in_string(site, node):
            yield from _number(site, node) if type(node.value) in (int, float) else _singleton(site, node)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
            yield from _negative(site, node)


def _in_string(site: Site, node: ast.expr) -> bool:
    return isinstance(site.parent(node), ast.FormattedValue | ast.JoinedStr)


def _number(site: Site, node: ast.Constant) -> Iterator[Proposal]:
    value, above = node.value, site.parent(node)
    if isinstance(above, ast.UnaryOp) and isinstance(above.op, ast.USub):
        return
    factor = 0.5 if isinstance(above, ast.Mult | ast.keyword) else 1.0
    if isinstance(value, float):
        yield site.replace(node, repr(value + 1.0), weight=0.3)
        yield site.replace(node, repr(value - 1.0), weight=0.3)
        if value.is_integer():
            yield site.replace(node, str(int(value)), weight=0.4)
    elif isinstance(value, int):
        near = ((str(value + 1), 0.9), (str(value - 1), 0.9))
        for text, weight in _SPECIAL.get(value, near):
            yield site.replace(node, text, weight=weight * factor)


def _negative(site: Site, node: ast.UnaryOp) -> Iterator[Proposal]:
    value = node.operand.value if isinstance(node.operand, ast.Constant) else None
    if isinstance(value, int) and not isinstance(value, bool):
        up = str(1 - value) if value <= 1 else f"-{value - 1}"
        for text, weight in ((up, 1.0), (f"-{value + 1}", 0.6), (str(value), 0.5)):
            yield site.replace(node, text, weight=weight)


def _singleton(site: Site, node: ast.Constant) -> Iterator[Proposal]:
    above = site.parent(node)
    compared = isinstance(above, ast.Compare)
    if isinstance(node.value, bool):
        yield site.replace(node, str(not node.value), weight=1.0)
        yield site.replace(node, "None", weight=0.2)
    elif node.value is None and not compared:
        for text, weight in (("0", 0.3), ('""', 0.3), ("[]", 0.3), ("False", 0.3), ("{}", 0.2), ("True", 0.2)):
            yield site.replace(node, text, weight=weight, tags=_constant_return(site, node))
    elif node.value == "":
        for text, weight in (("None", 0.35), ('" "', 0.4)):
            yield site.replace(node, text, weight=weight)


def _constant_return(site: Site, node: ast.expr) -> tuple[str, ...]:
    return ("overfit-prone",) if isinstance(site.parent(node), ast.Return) else ()


@template("index-shift", prior=0.42)
def index_shift(site: Site) -> Iterator[Proposal]:
    """`xs[i]` to `xs[i - 1]`, `xs[i + 1]`, `xs[-i]`."""
    for node in site.expressions:
        if isinstance(node, ast.Subscript) and "dict" not in site.kinds(node.value):
            yield from _shift_indices(site, node)


def _shift_indices(site: Site, node: ast.Subscript) -> Iterator[Proposal]:
    indices = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    for index in indices:
        if isinstance(index, ast.Slice | ast.Constant | ast.UnaryOp | ast.Starred | ast.JoinedStr):
            continue
        if "str" in site.kinds(index):
            continue
        text = site.text(index)
        fit = 1.0 if site.kinds(index) & NUMBERS else 0.5
        yield site.replace(index, plus(text, -1), weight=fit)
        yield site.replace(index, plus(text, 1), weight=fit * 0.9)
        if is_place(index):
            yield site.replace(index, f"-{text}", weight=fit * 0.2)


@template("slice-bound", prior=0.5, limit=20)
def slice_bound(site: Site) -> Iterator[Proposal]:
    """Bounds of a slice shifted, added, dropped; the step reversed."""
    for node in site.expressions:
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
            yield from _change_bounds(site, node, node.slice)


def _change_bounds(site: Site, node: ast.Subscript, part: ast.Slice) -> Iterator[Proposal]:
    lower = site.text(part.lower) if part.lower else ""
    upper = site.text(part.upper) if part.upper else ""
    step = site.text(part.step) if part.step else ""
    base = site.text(node.value)

    def sliced(low: str, high: str, by: str, weight: float) -> Proposal:
        return site.replace(node, f"{base}[{low}:{high}{f':{by}' if by else ''}]", weight=weight)

    for low, weight in _moved(lower, part.lower, ("1", 0.7)):
        yield sliced(low, upper, step, weight)
    for high, weight in _moved(upper, part.upper, ("-1", 0.8)):
        yield sliced(lower, high, step, weight)
    if lower:
        yield sliced("", upper, step, 0.6)
    if upper:
        yield sliced(lower, "", step, 0.7)
    if lower and not upper:
        yield sliced("", lower, step, 0.8)
    if upper and not lower:
        yield sliced(upper, "", step, 0.8)
    if lower and upper:
        yield sliced(lower, f"{lower} + {upper}", step, 0.5)
    if step in ("", "-1"):
        yield sliced(lower, upper, "" if step else "-1", 0.3)
    else:
        yield sliced(lower, upper, "", 0.3)
        yield sliced(lower, upper, plus(step, 1), 0.3)


def _moved(text: str, node: ast.expr | None, added: tuple[str, float]) -> Iterator[tuple[str, float]]:
    """A bound one up and one down; the usual one when there is none."""
    if node is None:
        yield added
        return
    value = _integer(node)
    if value is None:
        yield plus(text, 1), 1.0
        yield plus(text, -1), 0.9
    else:
        yield str(value + 1), 0.9
        yield str(value - 1), 0.9


def _integer(node: ast.expr) -> int | None:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, MemoryError, RecursionError, SyntaxError):
        return None
    return value if type(value) is int else None


@template("slice-wrap", prior=0.34, limit=24, decay=0.08)
def slice_wrap(site: Site) -> Iterator[Proposal]:
    """A sequence replaced by a part of it: `xs[1:]`, `xs[:-1]`, `xs[k:]`, `xs[::-1]`; `xs[:]` for a copy."""
    bounds = [v for v in site.variables if v.kinds & {"int", "number"} and v.role not in ("global", "attribute")]
    for node in value_places(site):
        kinds = site.kinds(node)
        weight = _slice_fit(site, node, kinds)
        if not weight:
            continue
        text = site.text(node)
        choices = [("1:", 1.0), (":-1", 0.7), ("::-1", 0.4), (":", 0.5 if "list" in kinds else 0.15)]
        choices += [(f"{v.name}:", 0.8 * (2 if v.unused else 1)) for v in bounds[:4] if v.name != text]
        choices += [(f":{v.name}", 0.7 * (2 if v.unused else 1)) for v in bounds[:4] if v.name != text]
        choices += [(f"{v.name} + 1:", 0.3) for v in bounds[:2] if v.name != text]
        for part, factor in choices:
            yield site.replace(node, f"{text}[{part}]", weight=weight * factor)
        if not isinstance(site.parent(node), ast.For):
            yield site.replace(node, f"{text}[-1]", weight=weight * 0.3)
            yield site.replace(node, f"{text}[0]", weight=weight * 0.4)


def _slice_fit(site: Site, node: ast.expr, kinds: Kinds) -> float:
    """How likely an expression is a sequence of which a part was meant."""
    if not is_place(node) and not isinstance(node, ast.Subscript | ast.Call):
        return 0.0
    if kinds and not kinds & SEQUENCES:
        return 0.0
    above = site.parent(node)
    if isinstance(above, ast.Compare | ast.keyword) or (
        isinstance(above, ast.stmt) and not isinstance(above, ast.For | ast.Return | ast.Assign)
    ):
        return 0.0
    if (
        isinstance(above, ast.Call)
        and isinstance(above.func, ast.Name)
        and above.func.id in ("range", "isinstance", "len")
    ):
        return 0.0
    known = 1.0 if kinds & SEQUENCES else 0.45
    return known * (1.0 if is_place(node) else 0.4)


@template("range-bound", prior=0.55, limit=14)
def range_bound(site: Site) -> Iterator[Proposal]:
    """Start, stop and step of `range`, its direction."""
    for node in site.expressions:
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "range"
            and not node.keywords
        ):
            yield from _change_range(site, node, [site.text(a) for a in node.args])


def _change_range(site: Site, node: ast.Call, args: list[str]) -> Iterator[Proposal]:
    def ranged(*parts: str, weight: float = 1.0) -> Proposal:
        return site.replace(node, f"range({', '.join(parts)})", weight=weight)

    if len(args) == 1:
        (stop,) = args
        yield ranged(plus(stop, 1))
        yield ranged("1", stop, weight=0.9)
        yield ranged(plus(stop, -1), weight=0.9)
        yield ranged("1", plus(stop, 1), weight=0.8)
        yield ranged(plus(stop, -1), "-1", "-1", weight=0.35)
    elif len(args) in (2, 3):
        start, stop, *step = args
        start_value = _integer(node.args[0])
        up, down = (str(start_value + n) if start_value is not None else plus(start, n) for n in (1, -1))
        yield ranged(start, plus(stop, 1), *step)
        yield ranged(up, stop, *step, weight=0.95)
        yield ranged(start, plus(stop, -1), *step, weight=0.9)
        yield ranged(down, stop, *step, weight=0.8)
        yield ranged(up, plus(stop, 1), *step, weight=0.4)
        if not step:
            yield ranged(stop, weight=0.4)
            yield ranged(start, stop, "2", weight=0.2)
            yield ranged(plus(stop, -1), plus(start, -1), "-1", weight=0.35)
            yield ranged(start, stop, "-1", weight=0.3)
        else:
            yield ranged(start, stop, weight=0.5)
    if not isinstance(site.parent(node), ast.Call):
        yield site.replace(node, f"reversed({site.text(node)})", weight=0.3)


@template("value-shift", prior=0.34, limit=24, decay=0.07)
def value_shift(site: Site) -> Iterator[Proposal]:
    """Any number `x` to `x + 1` or `x - 1`: returned, assigned, passed, compared."""
    for node in value_places(site):
        above = site.parent(node)
        if isinstance(
            node, ast.Compare | ast.BoolOp | ast.JoinedStr | ast.Lambda | ast.UnaryOp | ast.Tuple | ast.IfExp
        ):
            continue
        if isinstance(above, ast.Subscript | ast.BoolOp) or _is_range(above) or _part_of_sum(node, above):
            continue
        kinds = site.kinds(node)
        if kinds and not kinds & NUMBERS:
            continue
        fit = _shift_fit(site, node, above, known=bool(kinds))
        if fit:
            text = site.text(node)
            yield site.replace(node, plus(text, 1), weight=fit)
            yield site.replace(node, plus(text, -1), weight=fit)


def _is_range(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("range", "len")


def _part_of_sum(node: ast.expr, above: ast.AST | None) -> bool:
    """`a + b` is shifted as a whole, not at each of its parts."""
    return isinstance(above, ast.BinOp) and isinstance(above.op, ast.Add | ast.Sub) and not isinstance(node, ast.BinOp)


def _shift_fit(site: Site, node: ast.expr, above: ast.AST | None, *, known: bool) -> float:
    if isinstance(above, ast.stmt) and not isinstance(above, ast.Return | ast.Assign | ast.AugAssign):
        return 0.0
    if isinstance(above, ast.comprehension | ast.keyword):
        return 0.1 if known else 0.0
    if known:
        return 1.0
    if isinstance(above, ast.Compare):
        ordered = any(isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE) for op in above.ops)
        return 0.5 if ordered else 0.2
    other_kinds = site.kinds(above) if isinstance(above, ast.expr) else frozenset()
    return 0.0 if other_kinds & CONTAINERS else 0.4 if isinstance(node, ast.Call) else 0.25


@template("length-shift", prior=0.3)
def length_shift(site: Site) -> Iterator[Proposal]:
    """`len(x)` to `len(x) - 1` or `+ 1`, wherever it stands."""
    for node in site.expressions:
        measured = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "len"
        if measured and isinstance(site.parent(node), ast.BinOp | ast.Subscript):
            yield site.replace(node, plus(site.text(node), -1))
            yield site.replace(node, plus(site.text(node), 1), weight=0.8)
