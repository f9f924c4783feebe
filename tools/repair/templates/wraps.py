"""An expression wrapped in a call, a method or a default, and the reverse: a call replaced by its argument."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from tools.repair.kinds import CONTAINERS, MUTABLE, NUMBERS, SEQUENCES, Kinds, dotted
from tools.repair.site import Proposal, Site, is_load, is_place, template
from tools.repair.templates.operands import value_places
from tools.repair.vocabulary import words

_WRAPPERS: Mapping[str, tuple[tuple[str, float], ...]] = {
    "int": (("abs", 0.6), ("str", 0.5), ("float", 0.2)),
    "float": (("int", 0.7), ("round", 0.7), ("abs", 0.5), ("str", 0.3)),
    "number": (("abs", 0.8), ("int", 0.6), ("round", 0.6), ("str", 0.4), ("float", 0.3)),
    "str": (("int", 0.6), ("float", 0.4), ("list", 0.2), ("len", 0.2), ("repr", 0.2)),
    "list": (
        ("sorted", 0.8),
        ("list", 0.6),
        ("set", 0.4),
        ("tuple", 0.6),
        ("len", 0.4),
        ("sum", 0.2),
        ("list(reversed", 0.3),
    ),
    "tuple": (("list", 0.6), ("sorted", 0.4), ("set", 0.2), ("len", 0.3)),
    "set": (("sorted", 0.8), ("list", 0.6), ("len", 0.4), ("frozenset", 0.3), ("set", 0.4)),
    "dict": (("list", 0.4), ("dict", 0.7), ("sorted", 0.4), ("len", 0.3)),
    "iterator": (("list", 1.0), ("sorted", 0.8), ("tuple", 0.4), ("set", 0.4), ("sum", 0.2), ("reversed", 0.3)),
    "bool": (("int", 0.1),),
    "": (
        ("str", 0.5),
        ("list", 0.5),
        ("int", 0.5),
        ("len", 0.35),
        ("sorted", 0.35),
        ("set", 0.3),
        ("abs", 0.35),
        ("tuple", 0.3),
        ("float", 0.3),
        ("dict", 0.15),
        ("bool", 0.15),
        ("iter", 0.1),
        ("repr", 0.1),
    ),
}
_METHODS: Mapping[str, tuple[tuple[str, float], ...]] = {
    "str": (
        ("lower()", 1.0),
        ("strip()", 1.0),
        ("upper()", 0.6),
        ("split()", 0.4),
        ("rstrip()", 0.4),
        ("lstrip()", 0.3),
        ("casefold()", 0.3),
        ("encode()", 0.2),
        ("title()", 0.15),
        ("capitalize()", 0.2),
    ),
    "list": (("copy()", 0.7),),
    "dict": (("items()", 0.9), ("copy()", 0.7), ("values()", 0.5), ("keys()", 0.3)),
    "set": (("copy()", 0.6),),
    "bytes": (("decode()", 0.8),),
    "": (("lower()", 0.4), ("strip()", 0.4), ("copy()", 0.3), ("items()", 0.2), ("upper()", 0.2)),
}
_CONVERSIONS = frozenset(
    words(
        "len int str float list tuple set sorted reversed abs round dict iter bool repr frozenset sum max min "
        "enumerate any all next map filter zip deepcopy copy Decimal Path"
    )
)


def known_kinds(kinds: Kinds) -> list[str]:
    """The kinds that the tables know; "" stands for unknown."""
    return sorted(kinds - {"none", "function", "object"}) or [""]


def wrappable(site: Site) -> Iterator[ast.expr]:
    """Values worth wrapping: no comparisons, no conditions, no parts of a longer sum."""
    for node in value_places(site):
        above = site.parent(node)
        if isinstance(node, ast.Compare | ast.BoolOp | ast.Lambda | ast.JoinedStr | ast.Dict | ast.List | ast.Yield):
            continue
        if isinstance(node, ast.Await | ast.YieldFrom) or (
            isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
        ):
            continue
        if not (isinstance(above, ast.BinOp) and isinstance(node, ast.BinOp)):
            yield node


@template("wrap-call", prior=0.3, limit=45, decay=0.06)
def wrap_call(site: Site) -> Iterator[Proposal]:
    """`x` to `len(x)`, `str(x)`, `sorted(x)`, `abs(x)` …, as its kind suggests."""
    for node in wrappable(site):
        above = site.parent(node)
        inside = above.func.id if isinstance(above, ast.Call) and isinstance(above.func, ast.Name) else ""
        fit = 1.0 if is_place(node) or isinstance(above, ast.Return | ast.For) else 0.6
        text = site.text(node)
        for kind in known_kinds(site.kinds(node)):
            for wrapper, weight in _WRAPPERS.get(kind, ()):
                if inside != wrapper and not text.startswith(f"{wrapper}("):
                    closing = "))" if "(" in wrapper else ")"
                    yield site.replace(
                        node, f"{wrapper}({text}{closing}", weight=weight * fit * _place_fit(above, wrapper)
                    )


def _place_fit(above: ast.AST | None, wrapper: str) -> float:
    """`len` fits a comparison or a range, `str` a concatenation, `list` a return or a loop."""
    if isinstance(above, ast.For | ast.comprehension):
        return 1.0 if wrapper in ("list", "sorted", "reversed", "set", "enumerate") else 0.05
    if isinstance(above, ast.Compare):
        return 1.2 if wrapper in ("len", "abs", "int", "str", "set", "sorted", "list") else 0.3
    if isinstance(above, ast.BinOp):
        return 1.2 if wrapper in ("str", "int", "abs", "float", "list", "len") else 0.2
    if isinstance(above, ast.Subscript):
        return 0.8 if wrapper in ("int", "str", "abs", "len", "tuple") else 0.1
    return 1.0 if isinstance(above, ast.Return | ast.Assign | ast.Call) else 0.7


@template("wrap-method", prior=0.3, limit=16, decay=0.08)
def wrap_method(site: Site) -> Iterator[Proposal]:
    """`x` to `x.lower()`, `x.strip()`, `x.copy()` and so on."""
    for node in site.expressions:
        if not is_load(node) or not isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript):
            continue
        above = site.parent(node)
        called = isinstance(above, ast.Call) and node is above.func
        if called or isinstance(above, ast.Attribute | ast.Expr | ast.Starred):
            continue
        if isinstance(node, ast.Name) and node.id not in site.by_name and not site.scope.inner[node.id]:
            continue
        text, kinds = site.text(node), site.kinds(node)
        loop = isinstance(above, ast.For | ast.comprehension)
        for kind in known_kinds(kinds):
            for method, weight in _METHODS.get(kind, ()):
                if not text.endswith(f".{method}"):
                    fit = (
                        (1.5 if loop else 0.6) if method in ("items()", "values()", "keys()") else 0.5 if loop else 1.0
                    )
                    yield site.replace(node, f"{text}.{method}", weight=weight * fit)


@template("unwrap-call", prior=0.32, limit=10)
def unwrap_call(site: Site) -> Iterator[Proposal]:
    """`f(x)` to `x`, `x.f()` to `x`."""
    for node in site.expressions:
        if not isinstance(node, ast.Call) or isinstance(site.parent(node), ast.Expr | ast.Await):
            continue
        if isinstance(node.func, ast.Attribute) and len(node.args) + len(node.keywords) <= 1:
            target = site.text(node.func.value)
            if target not in site.facts.imported and target != site.scope.receiver:
                yield site.replace(node, target, weight=0.9 if not node.args else 0.5)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        for index, argument in enumerate(node.args[:3]):
            if not isinstance(argument, ast.Starred):
                usual = 1.0 if name in _CONVERSIONS else 0.6 if name else 0.35
                yield site.replace(node, site.text(argument), weight=usual * (1.0 if index == 0 else 0.6))


@template("running-extreme", prior=0.36, limit=6)
def running_extreme(site: Site) -> Iterator[Proposal]:
    """`best = x` to `best = max(best, x)` or `min(best, x)`, where the name has a value already."""
    statement = site.statement
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1 or site.loop is None:
        return
    target, text = statement.targets[0], site.text(statement.value)
    name = dotted(target)
    if name is None or isinstance(statement.value, ast.Constant) or text.startswith(("max(", "min(")):
        return
    known, value = site.kinds(target), site.kinds(statement.value)
    if (known and not known & NUMBERS) or (value and not value & NUMBERS):
        return
    before = site.by_name.get(name)
    fit = 1.0 if before is not None or "." in name else 0.3
    for function in ("max", "min"):
        yield site.replace(statement.value, f"{function}({name}, {text})", weight=fit)


@template("clamp", prior=0.24, limit=14, decay=0.1)
def clamp(site: Site) -> Iterator[Proposal]:
    """A number kept within a bound: `max(0, x)`, `min(x, limit)`."""
    for node in wrappable(site):
        above, kinds = site.parent(node), site.kinds(node)
        if not kinds & NUMBERS and not (not kinds and isinstance(node, ast.BinOp | ast.Name | ast.Call)):
            continue
        if not isinstance(above, ast.Assign | ast.Return | ast.Call | ast.AugAssign | ast.Subscript | ast.Slice):
            continue
        text, fit = site.text(node), 1.0 if kinds else 0.4
        yield site.replace(node, f"max(0, {text})", weight=fit)
        yield site.replace(node, f"max(1, {text})", weight=fit * 0.3)
        present = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        targets = _assigned_names(above)
        for v in site.variables[:24]:
            if v.kinds & NUMBERS and (v.name not in present or v.name in targets):
                bonus = 1.5 if v.name in targets or v.unused else 0.8
                yield site.replace(node, f"max({v.name}, {text})", weight=fit * bonus)
                yield site.replace(node, f"min({v.name}, {text})", weight=fit * bonus * 0.95)


def _assigned_names(above: ast.AST | None) -> set[str]:
    targets = above.targets if isinstance(above, ast.Assign) else []
    return {t.id for t in targets if isinstance(t, ast.Name)}


_DEFAULTS: Mapping[str, str] = {"str": '""', "list": "[]", "dict": "{}", "int": "0", "number": "0", "tuple": "()"}


@template("or-default", prior=0.16, limit=8)
def or_default(site: Site) -> Iterator[Proposal]:
    """`x` to `x or []`, `x or ""`, `x or other`."""
    for node in wrappable(site):
        above, kinds = site.parent(node), site.kinds(node)
        if isinstance(node, ast.BinOp | ast.Tuple) or isinstance(above, ast.Compare | ast.BinOp):
            continue
        text = site.text(node)
        maybe = 1.5 if "none" in kinds else 1.0
        for kind in known_kinds(kinds & (CONTAINERS | NUMBERS)):
            if kind in _DEFAULTS:
                yield site.replace(node, f"{text} or {_DEFAULTS[kind]}", weight=maybe)
            elif isinstance(node, ast.Call | ast.Name | ast.Attribute) and not kinds:
                for default, weight in (("[]", 0.3), ('""', 0.3), ("{}", 0.2), ("0", 0.2)):
                    yield site.replace(node, f"{text} or {default}", weight=weight)


@template("copy-value", prior=0.2, limit=6)
def copy_value(site: Site) -> Iterator[Proposal]:
    """A list, dict or set stored or returned as it is: a copy of it."""
    for node in value_places(site):
        kinds, above = site.kinds(node), site.parent(node)
        stored = isinstance(above, ast.Assign | ast.Return | ast.Call | ast.Dict | ast.List)
        if not stored or not is_place(node) or not (kinds & MUTABLE or not kinds):
            continue
        text, fit = site.text(node), 1.0 if kinds & MUTABLE else 0.4
        for kind in known_kinds(kinds & MUTABLE):
            yield site.replace(node, f"{kind or 'list'}({text})", weight=fit)
        if kinds & SEQUENCES or not kinds:
            yield site.replace(node, f"{text}[:]", weight=fit * 0.6)
        if {"copy", "deepcopy"} & set(site.facts.imported):
            call = "deepcopy" if "deepcopy" in site.facts.imported else "copy.deepcopy"
            yield site.replace(node, f"{call}({text})", weight=fit * 0.8)


@template("deeper-copy", prior=0.4, limit=8)
def deeper_copy(site: Site) -> Iterator[Proposal]:
    """A copy of the outer container alone to one of what it holds as well: `x[:]` to `[row[:] for row in x]`."""
    for node in site.expressions:
        copied = _copied(node)
        if copied is None or not site.placed(node):
            continue
        text = site.text(copied)
        if "dict" not in site.kinds(copied):
            yield site.replace(node, f"[row[:] for row in {text}]")
            yield site.replace(node, f"[list(row) for row in {text}]", weight=0.8)
            yield site.replace(node, f"[dict(row) for row in {text}]", weight=0.4)
        if not site.kinds(copied) & SEQUENCES:
            yield site.replace(node, f"{{key: list(value) for key, value in {text}.items()}}", weight=0.6)
            yield site.replace(node, f"{{key: dict(value) for key, value in {text}.items()}}", weight=0.5)
        if {"copy", "deepcopy"} & set(site.facts.imported):
            call = "deepcopy" if "deepcopy" in site.facts.imported else "copy.deepcopy"
            yield site.replace(node, f"{call}({text})", weight=1.2)


def _copied(node: ast.expr) -> ast.expr | None:
    """What an expression is a shallow copy of."""
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice) and is_load(node):
        bounds = (node.slice.lower, node.slice.upper, node.slice.step)
        return node.value if bounds == (None, None, None) else None
    if not isinstance(node, ast.Call) or node.keywords:
        return None
    if isinstance(node.func, ast.Attribute) and node.func.attr == "copy":
        return node.args[0] if node.args else node.func.value
    copies = isinstance(node.func, ast.Name) and node.func.id in ("list", "dict", "copy") and len(node.args) == 1
    return node.args[0] if copies and not isinstance(node.args[0], ast.Starred) else None


@template("decimal-from-text", prior=0.12, limit=4)
def decimal_from_text(site: Site) -> Iterator[Proposal]:
    """`Decimal(x)` to `Decimal(str(x))`."""
    for node in site.expressions:
        if isinstance(node, ast.Call) and site.text(node.func).endswith(("Decimal", "Fraction")):
            for argument in node.args[:1]:
                if not isinstance(argument, ast.Constant):
                    yield site.replace(argument, f"str({site.text(argument)})")
