"""What a TypeError says a value cannot do: be called, indexed, looped over, taken apart, measured, be an index."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tools.repair.site import Proposal, Site, is_load, template
from tools.repair.templates.attributes import FUNCTION_TYPES
from tools.repair.templates.entries import NEAR, grouped

_LAZY = frozenset(
    {"generator", "map", "filter", "zip", "dict_keys", "dict_values", "dict_items", "enumerate", "reversed", "set",
     "itertools.chain", "chain", "odict_keys", "odict_values", "frozenset", "list_iterator", "Counter"}
)  # fmt: skip


def _calls(site: Site) -> Iterator[ast.Call]:
    yield from (node for node in site.expressions if isinstance(node, ast.Call))


@template("not-callable", prior=0.88, limit=12, decay=0.1, asks=("not-callable",))
def not_callable(site: Site) -> Iterator[Proposal]:
    """`x.size()` to `x.size`, `xs(i)` to `xs[i]`, `2 (a)` to `2 * (a)`, `datetime()` to `datetime.datetime()`."""
    for clue, near in site.clues_of("not-callable"):
        kind = clue.names[0]
        for node in _calls(site) if near >= NEAR else ():
            yield from _instead_of_call(site, node, kind, near)
            if isinstance(node.func, ast.Name) and kind not in ("module", "property"):
                yield from _shadowed(site, node.func, near)
        if near >= NEAR and kind in ("tuple", "str"):
            yield from _missing_commas(site, near)


def _instead_of_call(site: Site, node: ast.Call, kind: str, near: float) -> Iterator[Proposal]:
    function, arguments = site.text(node.func), [site.text(a) for a in node.args]
    if kind == "module":
        last = function.rpartition(".")[2]
        names = list(site.facts.attributes.get(function, ()))[:3]
        for name in dict.fromkeys((last, last.capitalize(), last.title().replace("_", ""), *names)):
            yield site.replace(node.func, f"{function}.{name}", weight=near * (1.0 if name == last else 0.6))
    elif not node.args and not node.keywords:
        yield site.replace(node, function, weight=near * (1.0 if isinstance(node.func, ast.Attribute) else 0.7))
    elif len(arguments) == 1 and kind in ("list", "dict", "tuple", "str", "defaultdict", "Counter", "OrderedDict"):
        yield site.replace(node, f"{function}[{arguments[0]}]", weight=near)
    elif len(arguments) == 1 and kind in ("int", "float"):
        yield site.replace(node, f"{function} * ({arguments[0]})", weight=near * 0.8)
    if kind == "property" or kind in FUNCTION_TYPES:
        yield site.replace(node, function, weight=near * 0.6)


def _shadowed(site: Site, node: ast.Name, near: float) -> Iterator[Proposal]:
    """A variable hides the function of that name: the method of that name, the module's."""
    receiver, owner = site.scope.receiver, site.owner
    if receiver and owner is not None and node.id in owner.methods:
        yield site.replace(node, f"{receiver}.{node.id}", weight=near)
    for v in site.variables:
        if v.name != node.id and (v.name.startswith(node.id) or node.id.startswith(v.name)):
            yield site.replace(node, v.name, weight=near * 0.5)


def _missing_commas(site: Site, near: float) -> Iterator[Proposal]:
    """`[(1, 2) (3, 4)]`: a comma between."""
    for node in _calls(site):
        if isinstance(node.func, ast.Tuple | ast.Constant):
            end = site.source.span(node.func)[1]
            yield site.splice(end, end, ",", "insert a comma", line=node.lineno, weight=near * 1.1)


@template("not-subscriptable", prior=0.85, limit=12, decay=0.1, asks=("not-subscriptable",))
def not_subscriptable(site: Site) -> Iterator[Proposal]:
    """`d.keys()[0]` to `list(d.keys())[0]`, `f[0]` to `f()[0]` or `f(0)`, `n[0]` to `str(n)[0]`, `x["a"]` to `x.a`."""
    for clue, near in site.clues_of("not-subscriptable"):
        kind = clue.names[0]
        for node in site.expressions if near >= NEAR and kind != "NoneType" else ():
            if not isinstance(node, ast.Subscript):
                continue
            base, index = grouped(site, node.value), site.text(node.slice)
            if kind in _LAZY:
                yield site.replace(node.value, f"list({base})", weight=near)
                yield site.replace(node.value, f"sorted({base})", weight=near * 0.6)
            elif kind in FUNCTION_TYPES or kind == "type":
                yield site.replace(node.value, f"{base}()", weight=near)
                yield site.replace(node, f"{base}({index})", weight=near * 0.9)
            elif kind in ("int", "float"):
                yield site.replace(node.value, f"str({base})", weight=near)
                yield site.replace(node, base, weight=near * 0.9)
                yield site.replace(node.value, f"[{base}]", weight=near * 0.4)
            else:
                yield from _as_attribute(site, node, near)
            yield site.replace(node, base, weight=near * 0.4)


def _as_attribute(site: Site, node: ast.Subscript, near: float) -> Iterator[Proposal]:
    base = grouped(site, node.value)
    if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str) and node.slice.value.isidentifier():
        yield site.replace(node, f"{base}.{node.slice.value}", weight=near)
    elif not isinstance(node.slice, ast.Slice):
        yield site.replace(node, f"getattr({base}, {site.text(node.slice)})", weight=near * 0.9)
    for attribute in list(site.facts.attributes.get(base, ()))[:4]:
        yield site.replace(node.value, f"{base}.{attribute}", weight=near * 0.5)


@template("not-iterable", prior=0.85, limit=14, decay=0.08, asks=("not-iterable",))
def not_iterable(site: Site) -> Iterator[Proposal]:
    """`for i in n` to `range(n)`, `for k, v in d` to `d.items()`, one value as a list of it, `f` to `f()`."""
    for clue, near in site.clues_of("not-iterable"):
        kind = clue.names[0]
        for node, loops in _iterated(site) if near >= NEAR and kind != "NoneType" else ():
            text = site.text(node)
            if kind in FUNCTION_TYPES:
                yield site.replace(node, f"{text}()", weight=near)
            if kind == "int" and loops:
                yield site.replace(node, f"range({text})", weight=near)
                if text.startswith("len("):
                    yield site.replace(node, text[4:-1], weight=near * 0.8)
            yield from (site.replace(node, t, weight=near * w) for t, w in _pairs_of(site, node, text))
            yield site.replace(
                node, f"[{text}]", weight=near * (0.7 if kind in ("int", "float", "str", "bool") else 0.5)
            )
            if kind in ("int", "float"):
                yield site.replace(node, f"str({text})", weight=near * 0.7)
            for attribute in list(site.facts.attributes.get(text, ()))[:4]:
                yield site.replace(node, f"{grouped(site, node)}.{attribute}", weight=near * 0.5)


def _iterated(site: Site) -> Iterator[tuple[ast.expr, bool]]:
    """What the statement loops over or takes apart, each with whether by a loop."""
    statement = site.statement
    if isinstance(statement, ast.For | ast.AsyncFor):
        yield statement.iter, True
    for node in site.expressions:
        if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            yield from ((generator.iter, True) for generator in node.generators)
        elif isinstance(node, ast.Starred):
            yield node.value, False
        elif isinstance(node, ast.Compare) and isinstance(node.ops[-1], ast.In | ast.NotIn):
            yield node.comparators[-1], False
        elif isinstance(node, ast.Call) and len(node.args) >= 1 and not isinstance(node.args[-1], ast.Starred):
            yield node.args[-1], False
    if isinstance(statement, ast.Assign | ast.AugAssign):
        yield statement.value, False


def _pairs_of(site: Site, node: ast.expr, text: str) -> Iterator[tuple[str, float]]:
    """`for a, b in …`: pairs of something."""
    above = site.parent(node)
    target = getattr(above, "target", None) if isinstance(above, ast.For | ast.comprehension) else None
    if isinstance(target, ast.Tuple):
        yield f"{grouped(site, node)}.items()", 1.1
        yield f"enumerate({text})", 0.9
        if len(target.elts) == 2:
            yield f"zip({text}, {text}[1:])", 0.3


@template("unpacked", prior=0.8, limit=8, decay=0.1, asks=("unpack",))
def unpacked(site: Site) -> Iterator[Proposal]:
    """Too many or too few values to unpack: pairs of a mapping, at most so many parts, the rest starred."""
    near = site.nearest_clue("unpack")
    if near < NEAR:
        return
    for node, loops in _iterated(site):
        text = site.text(node)
        if loops:
            yield from (site.replace(node, t, weight=near * w) for t, w in _pairs_of(site, node, text))
        call = node if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else None
        name = call.func.attr if call is not None and isinstance(call.func, ast.Attribute) else ""
        targets = site.statement.targets[0] if isinstance(site.statement, ast.Assign) else None
        if call is not None and name in ("split", "rsplit") and isinstance(targets, ast.Tuple):
            count = len(targets.elts) - 1
            separator = site.text(call.args[0]) if call.args else "None"
            base = site.text(call.func)
            yield site.replace(node, f"{base}({separator}, {count})", weight=near)
            if count == 1 and call.args:
                yield site.replace(node, f"{base.rpartition('.')[0]}.partition({separator})[::2]", weight=near * 0.8)
    for node in site.expressions:
        if (
            isinstance(node, ast.Tuple)
            and not is_load(node)
            and node.elts
            and not isinstance(node.elts[-1], ast.Starred)
        ):
            last, first = node.elts[-1], node.elts[0]
            names = ", ".join(site.text(e) for e in node.elts)
            start, end = site.source.span(last)[0], site.source.span(first)[0]
            yield site.splice(start, start, "*", "take the rest into the last name", weight=near * 0.6)
            yield site.splice(end, end, "*", "take the rest into the first name", weight=near * 0.4)
            finish = site.source.span(last)[1]
            yield site.splice(finish, finish, ", *_", f"ignore what follows `{names}`", weight=near * 0.6)
            yield site.splice(finish, finish, ", _", f"ignore one value after `{names}`", weight=near * 0.7)


@template("measured", prior=0.85, limit=6, asks=("no-len",))
def measured(site: Site) -> Iterator[Proposal]:
    """`len(x)` of something without length: of its list, its text."""
    for clue, near in site.clues_of("no-len"):
        for node in _calls(site) if near >= NEAR and clue.names[0] != "NoneType" else ():
            if isinstance(node.func, ast.Name) and node.func.id == "len" and len(node.args) == 1:
                text = site.text(node.args[0])
                form = (
                    "{}()" if clue.names[0] in FUNCTION_TYPES else "str({})" if clue.names[0] == "int" else "list({})"
                )
                yield site.replace(node.args[0], form.replace("{}", text), weight=near)
                if isinstance(node.args[0], ast.GeneratorExp):
                    yield site.replace(node, f"sum(1 for _ in {text.strip('()')})", weight=near * 0.5)
                yield site.replace(node, text, weight=near * 0.6)


@template("whole-index", prior=0.85, limit=10, decay=0.1, asks=("index-type",))
def whole_index(site: Site) -> Iterator[Proposal]:
    """An index or count that is no integer: `int(x)`, `x // y`; a mapping that was taken for a list."""
    for clue, near in site.clues_of("index-type"):
        if near < NEAR:
            continue
        for node in _places_of_integers(site):
            text = site.text(node)
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
                yield site.replace(node, f"{site.text(node.left)} // {site.text(node.right)}", weight=near * 1.1)
            yield site.replace(node, f"int({text})", weight=near * (0.9 if clue.names[0] in ("float", "str") else 0.4))
            if clue.names[0] in ("list", "tuple", "str"):
                yield site.replace(node, f"len({text})", weight=near * 0.6)
        for node in site.expressions:
            if isinstance(node, ast.Subscript) and clue.names[0] in ("str", "string"):
                yield site.replace(node.value, f"{grouped(site, node.value)}[0]", weight=near * 0.6)
            elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple) and clue.names[0] == "tuple":
                parts = "".join(f"[{site.text(e)}]" for e in node.slice.elts)
                yield site.replace(node, f"{grouped(site, node.value)}{parts}", weight=near)


def _places_of_integers(site: Site) -> Iterator[ast.expr]:
    for node in site.expressions:
        if isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Slice | ast.Constant | ast.Tuple):
            yield node.slice
        elif isinstance(node, ast.Slice):
            yield from (bound for bound in (node.lower, node.upper) if bound is not None)
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("range", "chr", "islice")
        ):
            yield from node.args
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            yield from (node.right, node.left)
