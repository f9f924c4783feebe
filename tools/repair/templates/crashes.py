"""What else a crash says: division by zero, an index out of range, endless recursion, an iterator at its end, bytes."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tools.repair.facts import decorator_names, parameters
from tools.repair.site import Proposal, Site, is_load, template
from tools.repair.source import FunctionNode
from tools.repair.templates.entries import NEAR, grouped

_DEFAULTS = ("None", "0", '""', "[]", "False")


@template("zero-divisor", prior=0.7, limit=10, decay=0.1, asks=("zero-division",))
def zero_divisor(site: Site) -> Iterator[Proposal]:
    """ZeroDivisionError: 0 instead of the quotient, or a divisor that is at least 1."""
    near = site.nearest_clue("zero-division")
    if near < NEAR:
        return
    for node in site.expressions:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.FloorDiv | ast.Mod):
            divisor, whole = site.text(node.right), site.text(node)
            plain = isinstance(node.right, ast.Name | ast.Attribute | ast.Call | ast.Subscript)
            condition = divisor if plain else f"({divisor})"
            for default, weight in (("0", 1.0), ("0.0", 0.8), ("None", 0.6), ("1", 0.3)):
                yield site.replace(node, f"{whole} if {condition} else {default}", weight=near * weight)
            yield site.replace(node.right, f"({divisor} or 1)", weight=near * 0.7)
            yield site.replace(node.right, f"max({divisor}, 1)", weight=near * 0.6)


@template("index-bounds", prior=0.7, limit=16, decay=0.06, asks=("index-range", "empty-sequence"))
def index_bounds(site: Site) -> Iterator[Proposal]:
    """IndexError: the index is checked first in the condition, or another value is used when there is no item."""
    near = site.nearest_clue("index-range", "empty-sequence")
    if near < NEAR:
        return
    for node in site.expressions:
        if isinstance(node, ast.Subscript) and is_load(node) and not isinstance(node.slice, ast.Slice | ast.Tuple):
            yield from _bounded(site, node, near)
        elif (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("pop", "popleft")
        ):
            base = grouped(site, node.func.value)
            for default, weight in (("None", 1.0), ("0", 0.7), ('""', 0.5), ("[]", 0.4)):
                yield site.replace(node, f"{site.text(node)} if {base} else {default}", weight=near * weight)
    yield from _loop_end(site, near)


def _bounded(site: Site, node: ast.Subscript, near: float) -> Iterator[Proposal]:
    base, text, needed = grouped(site, node.value), site.text(node), _condition(site, node)
    place = _condition_around(site, node)
    if place is not None:
        whole = site.text(place)
        right = f"({whole})" if isinstance(place, ast.BoolOp) and isinstance(place.op, ast.Or) else whole
        yield site.replace(place, f"{needed} and {right}", weight=near, why=f"check `{needed}` first")
        if needed != base:
            yield site.replace(place, f"{base} and {right}", weight=near * 0.5, why=f"check `{base}` first")
        yield site.replace(place, f"not ({needed}) or {right}", weight=near * 0.4, why=f"accept when not `{needed}`")
        return
    for index, default in enumerate(_DEFAULTS):
        yield site.replace(node, f"{text} if {needed} else {default}", weight=near * (0.9 if index == 0 else 0.6))
    if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, int):
        value = node.slice.value
        yield site.replace(node.slice, str(value - 1) if value else "-1", weight=near * 0.5)
        if "str" in site.kinds(node.value) or not site.kinds(node.value):
            end = "" if value == -1 else str(value + 1)
            yield site.replace(node, f"{base}[{value}:{end}]", weight=near * 0.5)
    else:
        yield site.replace(node.slice, f"({site.text(node.slice)}) % len({base})", weight=near * 0.5)


def _condition(site: Site, node: ast.Subscript) -> str:
    """What must hold for the item to exist."""
    base, index = grouped(site, node.value), node.slice
    if isinstance(index, ast.Constant) and isinstance(index.value, int):
        return base if index.value == 0 else f"len({base}) > {index.value}"
    if isinstance(index, ast.UnaryOp):
        return base if site.text(index) == "-1" else f"len({base}) >= {site.text(index.operand)}"
    text = site.text(index)
    if isinstance(index, ast.BinOp) and isinstance(index.op, ast.Sub):
        return f"{text} >= 0"
    return f"{text} < len({base})"


def _condition_around(site: Site, node: ast.expr) -> ast.expr | None:
    """The largest condition that an expression is part of: the test of `while` or `if`, a clause."""
    found: ast.expr | None = None
    child: ast.AST = node
    for above in site.source.ancestors(node):
        if isinstance(above, ast.While | ast.If | ast.IfExp | ast.Assert):
            return found or (child if isinstance(child, ast.expr) and child is above.test else None)
        if isinstance(above, ast.comprehension):
            return found or (child if isinstance(child, ast.expr) and child in above.ifs else None)
        if isinstance(above, ast.stmt):
            return found if isinstance(above, ast.Return) else None
        if isinstance(above, ast.Compare | ast.BoolOp):
            found = above
        child = above
    return None


def _loop_end(site: Site, near: float) -> Iterator[Proposal]:
    """The loop around stops one earlier, or starts one later."""
    loop = site.loop if not isinstance(site.statement, ast.For) else site.statement
    span = loop.iter if isinstance(loop, ast.For) else None
    if (
        not isinstance(span, ast.Call)
        or not isinstance(span.func, ast.Name)
        or span.func.id != "range"
        or len(span.args) > 2
    ):
        return
    stop = site.text(span.args[-1])
    yield site.replace(span.args[-1], f"{stop} - 1", weight=near * 0.9)
    if len(span.args) == 1:
        yield site.replace(span, f"range(1, {stop})", weight=near * 0.6)


@template("endless-recursion", prior=0.85, limit=8, decay=0.1, asks=("recursion",))
def endless_recursion(site: Site) -> Iterator[Proposal]:
    """A property that reads itself, a method that means its parent's, `__getattr__` and `__setattr__` in circles."""
    function, receiver = site.function, site.scope.receiver
    near = site.nearest_clue("recursion")
    if near < NEAR or function is None or not receiver:
        return
    name = function.name
    for node in site.expressions:
        if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name) or node.value.id != receiver:
            continue
        start, end = site.source.span(node)
        above = site.parent(node)
        called = isinstance(above, ast.Call) and node is above.func
        if node.attr == name and not called:
            yield site.splice(end - len(name), end, f"_{name}", f"replace `.{name}` by `._{name}`", weight=near)
        elif node.attr == name and called:
            yield site.splice(start, end, f"super().{name}", f"call the parent's `{name}`", weight=near)
            others = [n for n in (site.owner.attributes if site.owner else ()) if n != name]
            for other in others[:4]:
                text = f"{receiver}.{other}.{name}"
                yield site.splice(start, end, text, f"call `{name}` of `{receiver}.{other}`", weight=near * 0.6)
        elif name in ("__getattr__", "__getattribute__"):
            text = f'object.__getattribute__({receiver}, "{node.attr}")'
            yield site.replace(node, text, weight=near)
        elif name == "__setattr__" and not is_load(node):
            yield site.replace(node, f'{receiver}.__dict__["{node.attr}"]', weight=near)
    yield from _own_operator(site, function, near)


def _own_operator(site: Site, function: FunctionNode, near: float) -> Iterator[Proposal]:
    """`return self == other` in `__eq__`, `setattr(self, …)` in `__setattr__`, `str(self)` in `__str__`."""
    names, receiver = parameters(function), site.scope.receiver
    for node in site.expressions:
        if isinstance(node, ast.Compare) and function.name in ("__eq__", "__ne__") and len(names) == 2:
            left, right = site.text(node.left), site.text(node.comparators[0])
            if {left, right} == set(names):
                yield site.replace(node, f"{left}.__dict__ == {right}.__dict__", weight=near)
                yield site.replace(node, f"{left} is {right}", weight=near * 0.6)
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        arguments = [site.text(a) for a in node.args]
        if node.func.id == "setattr" and function.name == "__setattr__" and arguments[:1] == [receiver]:
            yield site.replace(node, f"super().__setattr__({', '.join(arguments[1:])})", weight=near)
        elif node.func.id == "getattr" and function.name.startswith("__getattr") and arguments[:1] == [receiver]:
            yield site.replace(node, f"super().__getattribute__({', '.join(arguments[1:2])})", weight=near)
        elif arguments == [receiver] and node.func.id in ("str", "repr", "len", "hash", "iter", "bool", "format"):
            method = f"__{node.func.id}__"
            if method == function.name:
                yield site.replace(node, f"super().{method}()", weight=near)
                for attribute in list(site.owner.attributes if site.owner else ())[:4]:
                    yield site.replace(node, f"{node.func.id}({receiver}.{attribute})", weight=near * 0.8)


@template("changed-while-iterated", prior=0.9, limit=4, asks=("changed-size",))
def changed_while_iterated(site: Site) -> Iterator[Proposal]:
    """Dictionary changed size during iteration: the loop goes over a list of it."""
    near = site.nearest_clue("changed-size")
    loop = site.statement if isinstance(site.statement, ast.For) else site.loop
    if near < NEAR:
        return
    if isinstance(loop, ast.For):
        text = site.text(loop.iter)
        yield site.replace(loop.iter, f"list({text})", weight=near * (1.0 if loop is site.statement else 0.8))
        yield site.replace(loop.iter, f"sorted({text})", weight=near * 0.4)
    for node in site.expressions:
        if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            first = node.generators[0].iter
            yield site.replace(first, f"list({site.text(first)})", weight=near * 0.9)


@template("iterator-end", prior=0.85, limit=8, decay=0.1, asks=("stop-iteration",))
def iterator_end(site: Site) -> Iterator[Proposal]:
    """StopIteration: `next` with a default, or a generator that ends there."""
    near = site.nearest_clue("stop-iteration")
    if near < NEAR:
        return
    for node in site.expressions:
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "next"
            and len(node.args) == 1
        ):
            inside = site.text(node.args[0])
            inside = (
                f"({inside})" if isinstance(node.args[0], ast.GeneratorExp) and not inside.startswith("(") else inside
            )
            for default, weight in (("None", 1.0), ('""', 0.6), ("0", 0.5), ("[]", 0.4), ("-1", 0.4), ("False", 0.3)):
                yield site.replace(node, f"next({inside}, {default})", weight=near * weight)
            if site.scope.yields and site.owns_lines and isinstance(site.statement, ast.Assign | ast.Expr):
                code = f"try:\n    {site.text(site.statement)}\nexcept StopIteration:\n    return"
                yield site.replace_statement(code, "end the generator at the end of its iterator", weight=near)


@template("encoding", prior=0.8, limit=12, decay=0.08, asks=("encoding",))
def encoding(site: Site) -> Iterator[Proposal]:
    """UnicodeError: the encoding named, another one, errors replaced, bytes read as they are."""
    near = site.nearest_clue("encoding")
    for node in site.expressions if near >= NEAR else ():
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _names_encoding(node.value):
            for other in ("utf-8", "latin-1", "utf-8-sig", "utf-16", "cp1252"):
                if other != node.value.lower():
                    yield site.replace(node, f'"{other}"', weight=near * (1.0 if other == "utf-8" else 0.6))
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        known = {k.arg for k in node.keywords}
        if name not in ("open", "read_text", "write_text", "decode", "encode", "str", "bytes", "TextIOWrapper"):
            continue
        end = site.source.span(node)[1] - 1
        glue = ", " if node.args or node.keywords else ""
        options = [
            'encoding="utf-8"',
            'errors="replace"',
            'errors="ignore"',
            'encoding="latin-1"',
            'encoding="utf-8-sig"',
        ]
        for index, option in enumerate(options):
            if option.partition("=")[0] not in known:
                yield site.splice(
                    end, end, glue + option, f"pass `{option}`", weight=near * (1.0 if index == 0 else 0.7)
                )


def _names_encoding(text: str) -> bool:
    return text.lower() in ("ascii", "utf-8", "utf8", "latin-1", "latin1", "utf-16", "cp1252", "us-ascii", "utf-8-sig")


@template("frozen", prior=0.85, limit=4, asks=("frozen",))
def frozen(site: Site) -> Iterator[Proposal]:
    """FrozenInstanceError: set through `object`, or the dataclass is not frozen."""
    near = site.nearest_clue("frozen")
    statement = site.statement
    if near >= NEAR and isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Attribute):
        target = statement.targets[0]
        text = f'object.__setattr__({site.text(target.value)}, "{target.attr}", {site.text(statement.value)})'
        yield site.replace_statement(text, weight=near)
    elif (
        isinstance(statement, ast.ClassDef)
        and site.nearest_clue("frozen")
        and "dataclass" in decorator_names(statement)
    ):
        for node in site.expressions:
            if isinstance(node, ast.Call) and any(k.arg == "frozen" for k in node.keywords):
                yield site.replace(node, site.text(node.func), weight=0.6)


@template("not-found", prior=0.6, limit=8, asks=("not-found", "key-missing"))
def not_found(site: Site) -> Iterator[Proposal]:
    """`xs.remove(x)` and `text.index(x)` only when it is there; `find` for `index`."""
    near = site.nearest_clue("not-found", "key-missing")
    for node in site.expressions if near >= NEAR else ():
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or len(node.args) != 1:
            continue
        base, argument, name = grouped(site, node.func.value), site.text(node.args[0]), node.func.attr
        if name == "remove" and isinstance(site.parent(node), ast.Expr) and site.owns_lines:
            code = f"if {argument} in {base}:\n    {site.text(node)}"
            yield site.replace_statement(code, weight=near)
        elif name in ("index", "rindex"):
            yield site.replace(node, f"{base}.{name.replace('index', 'find')}({argument})", weight=near)
            for default in ("-1", "None", "0"):
                yield site.replace(node, f"{site.text(node)} if {argument} in {base} else {default}", weight=near * 0.8)
