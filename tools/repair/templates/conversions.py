"""What a TypeError says about the types of values: the conversion that one of them lacks."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from tools.repair.clues import Clue
from tools.repair.kinds import NUMBERS
from tools.repair.site import Proposal, Site, is_load, is_place, template
from tools.repair.templates.attributes import FUNCTION_TYPES
from tools.repair.templates.entries import NEAR, grouped, member, using

_KIND_OF_TYPE: Mapping[str, str] = {"decimal.Decimal": "number", "Decimal": "number", "Fraction": "number"}
# What makes one type from another, likeliest first; {} is the value.
_TO: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("str", "int"): ("int({})", "float({})"),
    ("str", "float"): ("float({})", "int({})"),
    ("str", "bytes"): ("{}.encode()",),
    ("bytes", "str"): ("{}.decode()", "str({})"),
    ("list", "tuple"): ("tuple({})",),
    ("list", "str"): ('"".join({})', "str({})", '", ".join({})', '" ".join({})', "{}[0]"),
    ("list", "set"): ("set({})",),
    ("tuple", "list"): ("list({})",),
    ("set", "list"): ("list({})", "sorted({})"),
    ("str", "list"): ("[{}]", "list({})", "{}.split()"),
    ("int", "list"): ("[{}]",),
    ("dict", "list"): ("list({})", "[{}]"),
    ("int", "str"): ("str({})",),
    ("float", "str"): ("str({})",),
    ("float", "int"): ("int({})",),
    ("float", "decimal.Decimal"): ("Decimal(str({}))",),
    ("decimal.Decimal", "float"): ("float({})",),
    ("datetime.datetime", "datetime.date"): ("{}.date()",),
    ("str", "PosixPath"): ("Path({})",),
    ("PosixPath", "str"): ("str({})", "{}.name"),
    ("bool", "str"): ("str({})",),
}  # fmt: skip


def conversions(old: str, new: str) -> tuple[str, ...]:
    """How a value of type `old` becomes one of type `new`, as templates with {} for the value."""
    known = _TO.get((old, new), ())
    if old in FUNCTION_TYPES:
        return ("{}()", *known)
    if known or old == new:
        return known
    if new == "str":
        return ("str({})",)
    return (f"{new}({{}})",) if new in ("int", "float", "list", "tuple", "set", "dict", "bytes") else ()


def _fits(site: Site, node: ast.expr, type_name: str) -> float:
    """Whether an expression may be of a type: 1 known, 0.8 unknown, 0.1 known to be another.

    Kinds of names are guessed from how they are used, here wrongly, so that they speak only for a type.
    """
    kind, kinds = _KIND_OF_TYPE.get(type_name, type_name), site.kinds(node)
    if kind in kinds or (kind in NUMBERS and kinds & NUMBERS):
        return 1.0
    return 0.8 if not kinds or is_place(node) else 0.1


@template("operand-conversion", prior=0.9, limit=16, decay=0.06, asks=("operand-types", "concatenate", "compare-types"))
def operand_conversion(site: Site) -> Iterator[Proposal]:
    """`"a" + 1`: one operand converted to the type of the other."""
    for clue, near in site.clues_of("operand-types", "concatenate", "compare-types"):
        types = _operand_types(clue)
        if near < NEAR or types is None or "NoneType" in types:
            continue
        for node in site.expressions:
            for left, right in _pairs(node, clue):
                yield from _converted(site, left, right, types, near)
        if isinstance(site.statement, ast.AugAssign):
            for text in conversions(types[1], types[0]):
                yield _wrapped(site, site.statement.value, text, near)
        yield from _converted_items(site, types, near)
        if clue.kind == "compare-types":
            yield from _sort_key(site, types, near)
        if "PosixPath" in types and clue.names[0] == "+":
            yield from _joined_path(site, near)


def _operand_types(clue: Clue) -> tuple[str, str] | None:
    """The types of the left and the right operand."""
    if clue.kind == "concatenate":
        return (clue.names[0], clue.names[1]) if len(clue.names) == 2 else None
    return (clue.names[1], clue.names[2]) if len(clue.names) == 3 else None


def _pairs(node: ast.expr, clue: Clue) -> Iterator[tuple[ast.expr, ast.expr]]:
    if isinstance(node, ast.BinOp) and clue.kind != "compare-types":
        yield node.left, node.right
    elif isinstance(node, ast.Compare) and clue.kind == "compare-types":
        yield from zip([node.left, *node.comparators], node.comparators, strict=False)


def _converted(site: Site, left: ast.expr, right: ast.expr, types: tuple[str, str], near: float) -> Iterator[Proposal]:
    fit = _fits(site, left, types[0]) * _fits(site, right, types[1])
    to_left = [(right, text) for text in conversions(types[1], types[0])]
    to_right = [(left, text) for text in conversions(types[0], types[1])]
    first, second = (to_right, to_left) if types[1] == "str" else (to_left, to_right)
    for index in range(max(len(first), len(second))):
        for choices, factor in ((first, 1.0), (second, 0.85)):
            if index < len(choices):
                node, text = choices[index]
                yield _wrapped(site, node, text, near * fit * factor * (1.0 if index == 0 else 0.6))
    if types == ("list", "list"):
        yield _wrapped(site, left, "set({})", near * fit * 0.6)
    if types == ("dict", "dict"):
        text = f"{{**{site.text(left)}, **{site.text(right)}}}"
        above = site.parent(left)
        if isinstance(above, ast.BinOp):
            yield site.replace(above, text, weight=near * fit)


def _wrapped(site: Site, node: ast.expr, text: str, weight: float) -> Proposal:
    inner = site.text(node)
    if text.startswith("{}") and not isinstance(
        node, ast.Name | ast.Attribute | ast.Call | ast.Subscript | ast.Constant
    ):
        inner = f"({inner})"
    proposal = site.replace(node, text.replace("{}", inner), weight=weight)
    if text.startswith(("Decimal(", "Path(")):
        name = text.partition("(")[0]
        module = "decimal" if name == "Decimal" else "pathlib"
        written, statement = member(site, module, name)
        proposal = site.replace(node, text.replace("{}", inner).replace(name, written, 1), weight=weight)
        return using(site, proposal, statement)
    return proposal


def _converted_items(site: Site, types: tuple[str, str], near: float) -> Iterator[Proposal]:
    """`sum(texts)` to `sum(map(int, texts))`."""
    for node in site.expressions:
        if isinstance(node, ast.Call) and site.text(node.func) in ("sum", "max", "min", "sorted", "fsum", "math.fsum"):
            for function in [t for t in ("int", "float") if "str" in types] if len(node.args) == 1 else ():
                text = f"map({function}, {site.text(node.args[0])})"
                yield site.replace(node.args[0], text, weight=near * (1.0 if function in types else 0.8))


def _sort_key(site: Site, types: tuple[str, str], near: float) -> Iterator[Proposal]:
    """`sorted(mixed)` to `sorted(mixed, key=str)`."""
    for node in site.expressions:
        name = getattr(node.func, "attr", getattr(node.func, "id", "")) if isinstance(node, ast.Call) else ""
        if isinstance(node, ast.Call) and name in ("sorted", "sort", "max", "min") and not node.keywords:
            inside = ", ".join(site.text(a) for a in node.args)
            keys = ("int", "float", "str") if set(types) <= {"str", "int", "float"} else ("str", "lambda item: item[0]")
            for key in (*keys, "len"):
                glue = f"{inside}, key={key}" if inside else f"key={key}"
                yield site.replace(
                    node, f"{site.text(node.func)}({glue})", weight=near * (1.0 if key == keys[0] else 0.6)
                )


def _joined_path(site: Site, near: float) -> Iterator[Proposal]:
    for node in site.expressions:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            yield site.replace(node, f"{site.text(node.left)} / {site.text(node.right)}", weight=near)


@template("text-bytes", prior=0.85, limit=10, decay=0.1, asks=("bytes-text",))
def text_bytes(site: Site) -> Iterator[Proposal]:
    """Text where bytes are wanted and the other way: `encode()`, `decode()`, `b"…"`."""
    for clue, near in site.clues_of("bytes-text"):
        if near < NEAR:
            continue
        for node in site.expressions:
            if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
                start, _ = site.source.span(node)
                if isinstance(node.value, str):
                    yield site.splice(start, start, "b", "make the text bytes", line=node.lineno, weight=near)
                elif site.source.text[start] in "bB":
                    yield site.splice(start, start + 1, "", "make the bytes a text", line=node.lineno, weight=near)
            elif isinstance(node, ast.Name | ast.Attribute | ast.Call) and _is_value(site, node):
                method = "decode" if "bytes" in site.kinds(node) or "string" in clue.names else "encode"
                other = "encode" if method == "decode" else "decode"
                text = grouped(site, node)
                yield site.replace(node, f"{text}.{method}()", weight=near * 0.9)
                yield site.replace(node, f"{text}.{other}()", weight=near * 0.6)


def _is_value(site: Site, node: ast.expr) -> bool:
    above = site.parent(node)
    called = isinstance(above, ast.Call) and node is above.func
    return is_load(node) and not called and not isinstance(above, ast.Attribute)


@template("join-texts", prior=0.9, limit=6, asks=("join-item",))
def join_texts(site: Site) -> Iterator[Proposal]:
    """`", ".join(numbers)` to `", ".join(map(str, numbers))`."""
    for clue, near in site.clues_of("join-item"):
        if near < NEAR:
            continue
        for node in site.expressions:
            joins = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "join"
            if not isinstance(node, ast.Call) or not joins or len(node.args) != 1:
                continue
            argument = node.args[0]
            if isinstance(argument, ast.GeneratorExp | ast.ListComp):
                yield site.replace(argument.elt, f"str({site.text(argument.elt)})", weight=near)
                yield site.replace(argument.elt, f"{site.text(argument.elt)}.decode()", weight=near * 0.3)
            else:
                function = "bytes.decode" if "bytes" in clue.names[1:] else "str"
                yield site.replace(argument, f"map({function}, {site.text(argument)})", weight=near)
                yield site.replace(
                    argument, f"(str(item) for item in {site.text(argument)} if item)", weight=near * 0.4
                )


@template("hashable", prior=0.85, limit=10, decay=0.1, asks=("unhashable",))
def hashable(site: Site) -> Iterator[Proposal]:
    """Unhashable type: the key as a tuple, a frozenset, or its items."""
    for clue, near in site.clues_of("unhashable"):
        if near < NEAR:
            continue
        forms = _HASHABLE.get(clue.names[0], ("id({})", "str({})"))
        for node, fit in _keys(site):
            for index, text in enumerate(forms):
                weight = near * fit * (1.0 if index == 0 else 0.6)
                yield site.replace(node, text.replace("{}", site.text(node)), weight=weight)
        for node in site.expressions:
            name = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
            if isinstance(node, ast.Call) and name in ("set", "frozenset", "Counter", "dict") and len(node.args) == 1:
                kind = "frozenset" if clue.names[0] == "set" else "tuple"
                inner = site.text(node.args[0])
                yield site.replace(node.args[0], f"map({kind}, {inner})", weight=near * 1.1)


_HASHABLE = {
    "list": ("tuple({})", "frozenset({})", "str({})"),
    "set": ("frozenset({})", "tuple(sorted({}))"),
    "dict": ("tuple(sorted({}.items()))", "frozenset({}.items())", "str({})"),
    "slice": ("str({})",),
}  # fmt: skip


def _keys(site: Site) -> Iterator[tuple[ast.expr, float]]:
    """Expressions of the statement that are used as keys or members."""
    for node in site.expressions:
        if isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Slice | ast.Constant):
            yield node.slice, 1.0
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            if node.func.attr in ("add", "get", "setdefault", "discard", "remove", "pop"):
                yield node.args[0], 1.0
        elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
            yield node.left, 1.0
        elif isinstance(node, ast.Set | ast.Dict):
            yield from (
                (key, 0.8) for key in (node.elts if isinstance(node, ast.Set) else node.keys) if key is not None
            )
        elif isinstance(node, ast.SetComp | ast.DictComp):
            yield (node.elt if isinstance(node, ast.SetComp) else node.key), 1.0
        elif isinstance(node, ast.Call) and len(node.args) >= 1:
            yield from ((argument, 0.5) for argument in node.args[:3] if not isinstance(argument, ast.Starred))
