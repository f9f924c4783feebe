"""By what things are sorted and chosen: `key=`, `reverse=`, ties; what a loop goes over."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tools.repair.kinds import NUMBERS, dotted
from tools.repair.site import Proposal, Site, is_atomic, is_place, shown, template
from tools.repair.source import LOOPS
from tools.repair.templates.calls import callee_name, with_argument

_ORDERING = ("sorted", "sort", "min", "max", "nlargest", "nsmallest", "groupby")


def _orderings(site: Site) -> Iterator[tuple[ast.Call, ast.keyword | None]]:
    """Calls that sort or choose, with their key."""
    for node in site.expressions:
        if isinstance(node, ast.Call) and callee_name(node) in _ORDERING:
            several = callee_name(node) in ("min", "max") and len(node.args) > 1
            if not several:
                yield node, next((k for k in node.keywords if k.arg == "key"), None)


@template("sort-key", prior=0.42, limit=20, decay=0.06)
def sort_key(site: Site) -> Iterator[Proposal]:
    """`sorted(xs)` by length, by a part, by value, without case; by an attribute that the file uses."""
    near = 1.3 if site.nearest_clue("differs-order", "reversed") else 1.0
    for node, key in _orderings(site):
        if key is None:
            for text, weight in _keys(site, node):
                yield with_argument(site, node, f"key={text}", weight=weight * near)
        else:
            for text, weight in _keys(site, node):
                if text != site.text(key.value):
                    yield site.replace(key.value, text, weight=weight * 0.6 * near)


def _keys(site: Site, node: ast.Call) -> Iterator[tuple[str, float]]:
    what = node.args[0] if node.args else node.func.value if isinstance(node.func, ast.Attribute) else None
    kinds = site.kinds(what) if what is not None else frozenset()
    text = site.text(what) if what is not None else ""
    if what is not None and is_place(what) and ("dict" in kinds or not kinds):
        yield f"{text}.get", 1.0 if "dict" in kinds else 0.3
    if text.endswith(".items()"):
        yield "lambda item: item[1]", 1.1
        yield "lambda item: (-item[1], item[0])", 0.8
        yield "lambda item: -item[1]", 0.7
    yield "len", 0.8
    yield "lambda item: item[1]", 0.7
    yield "lambda item: item[0]", 0.6
    yield "str.lower", 0.6
    yield "int", 0.5
    yield "abs", 0.45
    yield "str", 0.35
    yield "lambda item: item[-1]", 0.35
    yield "lambda item: (len(item), item)", 0.45
    for v in site.variables[:12]:
        if "dict" in v.kinds and v.name != text:
            yield f"{v.name}.get", 0.5
    for attribute, count in site.facts.attributes[""].most_common(6):
        if not attribute.startswith("_") and attribute not in site.facts.definitions:
            yield f"lambda item: item.{attribute}", 0.3 if count > 1 else 0.2
    for parameter in site.variables:
        if parameter.unused and parameter.role == "parameter":
            yield parameter.name, 1.2


@template("sort-tie", prior=0.45, limit=16, decay=0.08)
def sort_tie(site: Site) -> Iterator[Proposal]:
    """The value of a key negated, swapped, or given a second part that decides ties; `reverse` turned."""
    near = 1.3 if site.nearest_clue("differs-order", "reversed") else 1.0
    for node, key in _orderings(site):
        if key is not None and isinstance(key.value, ast.Lambda):
            for text, weight in _other_bodies(site, key.value):
                start, end = site.source.span(key.value.body)
                said = f"sort by `{shown(text)}`"
                yield site.splice(start, end, text, said, line=key.value.lineno, weight=weight * near)
        elif key is not None and is_place(key.value):
            yield from _named_key(site, key.value, near)
        reverse = next((k for k in node.keywords if k.arg == "reverse"), None)
        if reverse is not None:
            yield site.replace(reverse.value, f"not {site.text(reverse.value)}", weight=0.5 * near)
            yield from _downwards(site, node, key, reverse, near)
        elif key is not None and callee_name(node) in ("sorted", "sort"):
            yield with_argument(site, node, "reverse=True", weight=0.8 * near)


def _downwards(
    site: Site, node: ast.Call, key: ast.keyword | None, reverse: ast.keyword, near: float
) -> Iterator[Proposal]:
    """`key=f, reverse=True` to `key=lambda item: (-f(item), item)`: the largest first, ties in their order."""
    if key is None or site.text(reverse.value) != "True":
        return
    if isinstance(key.value, ast.Lambda) and key.value.args.args and not isinstance(key.value.body, ast.Tuple):
        item, body = key.value.args.args[0].arg, site.text(key.value.body)
    else:
        item, body = "item", f"{site.text(key.value)}(item)"
    if isinstance(key.value, ast.Lambda) and body.endswith("(item)") and item == "item" and "lambda" in body:
        return
    whole: list[ast.expr | ast.keyword] = [*node.args, *node.keywords]
    index = whole.index(reverse)
    start = site.source.span(whole[index - 1])[1] if index else site.source.span(reverse)[0]
    end = site.source.span(reverse)[1] if index else site.source.span(whole[1])[0]
    made = f"lambda {item}: ({_negated(body)}, {item})"
    edits = [(*site.source.span(key.value), made), (start, end, "")]
    yield site.several(edits, f"sort by `{shown(made)}`", weight=0.9 * near)


def _other_bodies(site: Site, made: ast.Lambda) -> Iterator[tuple[str, float]]:
    body, item = made.body, made.args.args[0].arg if made.args.args else ""
    text = site.text(body)
    if isinstance(body, ast.Tuple):
        yield from _other_tuples([site.text(e) for e in body.elts])
        return
    yield _negated(text), 1.0
    if item:
        yield from _second_parts(site, body, item)
        yield f"({text}, {item})", 0.6
        yield f"({_negated(text)}, {item})", 0.6
        yield f"str({text})", 0.15


def _other_tuples(parts: list[str]) -> Iterator[tuple[str, float]]:
    for index, part in enumerate(parts):
        yield f"({', '.join([*parts[:index], _negated(part), *parts[index + 1 :]])})", 1.0
    if len(parts) == 2:
        yield f"({parts[1]}, {parts[0]})", 0.8
    yield from ((part, 0.4) for part in parts)


def _second_parts(site: Site, body: ast.expr, item: str) -> Iterator[tuple[str, float]]:
    """What decides between items for which the key is the same."""
    text = site.text(body)
    plain = body.operand if isinstance(body, ast.UnaryOp) else body
    if isinstance(plain, ast.Subscript) and site.text(plain.value) == item:
        for other in ("0", "1", "2", "-1"):
            if other != site.text(plain.slice):
                yield f"({text}, {item}[{other}])", 0.9 if other in "01" else 0.3
                yield f"({_negated(text)}, {item}[{other}])", 0.7 if other in "01" else 0.25
        if plain is body:
            yield f"{text}.lower()", 0.3
            yield f"int({text})", 0.4
    for attribute, _ in site.facts.attributes[""].most_common(6):
        if f"{item}.{attribute}" != text and attribute not in site.facts.definitions:
            yield f"({text}, {item}.{attribute})", 0.25


def _negated(text: str) -> str:
    if text.startswith("-"):
        return text[1:]
    return f"-{text}" if is_atomic(text) else f"-({text})"


def _named_key(site: Site, node: ast.expr, near: float) -> Iterator[Proposal]:
    """`key=len` to `key=lambda item: (len(item), item)`."""
    text = site.text(node)
    yield site.replace(node, f"lambda item: ({text}(item), item)", weight=0.8 * near)
    yield site.replace(node, f"lambda item: -{text}(item)", weight=0.6 * near)
    yield site.replace(node, f"lambda item: (-{text}(item), item)", weight=0.6 * near)


@template("sort-first", prior=0.36, limit=8)
def sort_first(site: Site) -> Iterator[Proposal]:
    """`groupby(xs, k)` and `bisect(xs, x)` want sorted input; `sorted(d)` may have meant its items or values; a range
    may go by steps.
    """
    for node in site.expressions:
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name, first = callee_name(node), site.text(node.args[0])
        if name == "groupby" and not first.startswith("sorted("):
            keys = [site.text(k.value) for k in node.keywords if k.arg == "key"] or [
                site.text(a) for a in node.args[1:2]
            ]
            inside = f"{first}, key={keys[0]}" if keys else first
            yield site.replace(node.args[0], f"sorted({inside})", weight=1.4)
        elif name.startswith(("bisect", "insort")) and is_place(node.args[0]):
            yield site.replace(node.args[0], f"sorted({first})", weight=1.0)
        elif name == "range" and not node.keywords and len(node.args) in (1, 2):
            start = "0" if len(node.args) == 1 else first
            for v in site.variables:
                if v.role != "global" and v.name not in _names(node) and not v.kinds - NUMBERS:
                    weight = 1.2 if v.unused else 0.8 if v.role == "parameter" else 0.3
                    yield site.replace(node, f"range({start}, {site.text(node.args[-1])}, {v.name})", weight=weight)
        elif name in ("sorted", "max", "min") and is_place(node.args[0]) and "dict" in site.kinds(node.args[0]):
            yield site.replace(node.args[0], f"{first}.items()", weight=0.7)
            yield site.replace(node.args[0], f"{first}.values()", weight=0.9 if name != "sorted" else 0.5)


def _names(node: ast.expr) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


@template("enclosing-loop", prior=0.2, limit=4, heads=(ast.For, ast.AsyncFor))
def enclosing_loop(site: Site) -> Iterator[Proposal]:
    """`for key in d` with `d[key]` wanted: the loop goes over what it needs: items, values, an enumeration."""
    loop = site.statement
    if not isinstance(loop, LOOPS) or isinstance(loop, ast.While):
        return
    text, kinds = site.text(loop.iter), site.kinds(loop.iter)
    over = loop.iter.args[0] if isinstance(loop.iter, ast.Call) and loop.iter.args else None
    if over is not None and text.startswith("enumerate(") and is_place(over):
        yield site.replace(loop.iter, f"{site.text(over)}.items()", weight=1.2)
    if isinstance(loop.target, ast.Tuple) and len(loop.target.elts) == 2 and dotted(loop.iter) is not None:
        yield site.replace(loop.iter, f"{text}.items()", weight=1.5 if "dict" in kinds else 0.7)
        yield site.replace(loop.iter, f"enumerate({text})", weight=0.7 if "dict" not in kinds else 0.2)
        yield site.replace(loop.iter, f"zip({text}, {text}[1:])", weight=0.4 if "dict" not in kinds else 0.0)
    elif "dict" in kinds and isinstance(loop.target, ast.Name):
        yield site.replace(loop.iter, f"{text}.values()", weight=1.0)
        yield site.replace(loop.iter, f"sorted({text})", weight=0.5)
    elif isinstance(loop.target, ast.Name) and text.endswith((".keys()", ".values()", ".items()")):
        yield site.replace(loop.iter, f"sorted({text})", weight=0.8)
