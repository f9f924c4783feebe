"""What an AttributeError says: the attribute's right name, another object, a value that `__init__` forgot."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator

from tools.repair.kinds import dotted
from tools.repair.names import nearest, similarity
from tools.repair.site import Proposal, Site, is_load, template
from tools.repair.source import FUNCTIONS, FunctionNode
from tools.repair.stdlib import METHODS_NOW, NAMES_NOW, TYPES, has_class_of_its_name, homes_of, names_of
from tools.repair.templates.entries import NEAR, START_OF_KIND, at_entry, grouped, item_of, member, using
from tools.repair.templates.literals import in_fstrings
from tools.repair.vocabulary import STRING_METHODS

_BUILTINS = frozenset(n for n in dir(builtins) if not n.startswith("_"))
FUNCTION_TYPES = frozenset({"function", "method", "builtin_function_or_method", "method-wrapper"})


@template("no-attribute", prior=0.9, limit=16, decay=0.06, asks=("no-attribute",))
def no_attribute(site: Site) -> Iterator[Proposal]:
    """AttributeError: an attribute of that object which looks alike, the same thing under Python's name, a call."""
    for clue, near in site.clues_of("no-attribute"):
        owner, name = clue.names[0], clue.names[1]
        short = re.sub(rf"^_{re.escape(owner.rpartition('.')[2])}__", "__", name)
        if near < NEAR or owner == "NoneType":
            continue
        choices = list(_attributes_like(site, owner, short))
        for node in site.expressions:
            if isinstance(node, ast.Attribute) and node.attr in (name, short):
                yield from _whole_replaced(site, node, owner, near)
                end = site.source.span(node)[1]
                for other, weight in choices:
                    said = f"replace `.{node.attr}` by `.{other}`"
                    start = end - len(node.attr)
                    yield site.splice(start, end, other, said, line=node.end_lineno or 0, weight=near * weight)
        for start, end in in_fstrings(site, rf"(?<=\.){short}\b"):
            said = f"replace `.{short}` by `.{{}}`"
            yield from (site.splice(start, end, o, said.format(o), weight=near * w) for o, w in choices)


def _attributes_like(site: Site, owner: str, name: str) -> Iterator[tuple[str, float]]:
    yield from ((other, 1.0) for other in METHODS_NOW.get((owner, name), ()))
    now = NAMES_NOW.get((owner, name))
    if now is not None and now.isidentifier():
        yield now, 1.0
    known = names_of(owner) or site.modules.names_in(site.modules.file_of(owner))
    known = known or site.modules.class_members(owner.rpartition(".")[2], site.facts)
    for other in nearest(name, known, count=8, least=0.25):
        yield other, 0.45 + 0.55 * similarity(name, other)
    if known:
        yield from ((other, 0.3) for other in known[:10] if not other.startswith("__"))
        return
    for other in nearest(name, list(site.facts.attributes[""])[:300], count=4, least=0.4):
        yield other, 0.6 * similarity(name, other)


def _whole_replaced(site: Site, node: ast.Attribute, owner: str, near: float) -> Iterator[Proposal]:
    """Replacements of `x.attr` as a whole."""
    base, name = grouped(site, node.value), node.attr
    above = site.parent(node)
    call = above if isinstance(above, ast.Call) and node is above.func else None
    if owner in FUNCTION_TYPES:
        yield site.replace(node.value, f"{base}()", weight=near * 1.1)
    if name in ("length", "size", "len", "count", "Length") and (call is None or not call.args):
        yield site.replace(call or node, f"len({base})", weight=near)
    if name == "has_key" and call is not None and len(call.args) == 1:
        yield site.replace(call, f"{site.text(call.args[0])} in {base}", weight=near * 1.1)
    if name in ("contains", "includes") and call is not None and len(call.args) == 1:
        yield site.replace(call, f"{site.text(call.args[0])} in {base}", weight=near * 1.1)
    if name == "next" and call is not None and not call.args:
        yield site.replace(call, f"next({base})", weight=near * 1.1)
    if owner.endswith(("Error", "Exception")) and name == "message":
        yield site.replace(node, f"str({base})", weight=near * 1.1)
        yield site.replace(node, f"{base}.args[0]", weight=near)
    if (owner, name) in (("str", "decode"), ("bytes", "encode")) and call is not None:
        yield site.replace(call, base, weight=near)
    yield from _of_another_type(site, node, owner, near)
    yield from _of_a_module(site, node, owner, near)


def _of_another_type(site: Site, node: ast.Attribute, owner: str, near: float) -> Iterator[Proposal]:
    """The value was expected to be something else: a text, one item, a mapping entry, a sequence."""
    base, name = grouped(site, node.value), node.attr
    if name in STRING_METHODS and owner not in ("str", "dict", "function"):
        text = f"{base}.decode()" if owner == "bytes" else f"str({base})"
        yield site.replace(node.value, text, weight=near * (0.6 if owner in ("list", "tuple") else 1.0))
    if owner == "dict" and is_load(node) and not _called(site, node):
        yield site.replace(node, f'{base}["{name}"]', weight=near)
        yield site.replace(node, f'{base}.get("{name}")', weight=near * 0.8)
    if owner == "dict" and not is_load(node):
        yield site.replace(node, f'{base}["{name}"]', weight=near)
    if owner in ("list", "tuple", "set", "dict_values", "dict_keys", "ndarray"):
        yield from _of_each(site, node, base, near)
    if owner in ("list", "tuple", "ResultSet"):
        yield site.replace(node.value, f"{base}[0]", weight=near * 0.6)
        yield site.replace(node.value, f"{base}[-1]", weight=near * 0.3)
    if owner in (
        "map",
        "filter",
        "zip",
        "generator",
        "dict_keys",
        "dict_values",
        "dict_items",
        "range",
        "tuple",
        "reversed",
    ):
        yield site.replace(node.value, f"list({base})", weight=near * 0.8)
    if owner == "str" and name in ("exists", "name", "parent", "suffix", "read_text", "is_file", "is_dir", "joinpath"):
        written, statement = member(site, "pathlib", "Path")
        yield using(site, site.replace(node.value, f"{written}({base})", weight=near), statement)
    if owner not in TYPES and dotted(node.value) is not None and is_load(node) and not _called(site, node):
        yield site.replace(node, base, weight=near * 0.35)


def _of_each(site: Site, node: ast.Attribute, base: str, near: float) -> Iterator[Proposal]:
    """`lines.strip()` to `[item.strip() for item in lines]`."""
    above, item = site.parent(node), item_of(site, base)
    if isinstance(above, ast.Call) and node is above.func:
        arguments = site.source.text[site.source.span(node)[1] : site.source.span(above)[1]]
        yield site.replace(above, f"[{item}.{node.attr}{arguments} for {item} in {base}]", weight=near * 0.7)
    elif is_load(node):
        yield site.replace(node, f"[{item}.{node.attr} for {item} in {base}]", weight=near * 0.6)


def _called(site: Site, node: ast.Attribute) -> bool:
    above = site.parent(node)
    return isinstance(above, ast.Call) and node is above.func


def _of_a_module(site: Site, node: ast.Attribute, owner: str, near: float) -> Iterator[Proposal]:
    """`datetime.now` to `datetime.datetime.now`, `datetime.datetime` to `datetime`, `collections.Mapping` moved."""
    base, name = grouped(site, node.value), node.attr
    if isinstance(node.value, ast.Name) and owner == node.value.id:
        if has_class_of_its_name(owner, name):
            yield site.replace(node.value, f"{owner}.{owner}", weight=near * 1.1)
        for module in homes_of(name):
            statement = "" if module.startswith(f"{owner}.") else f"from {module} import {name}"
            text = f"{module}.{name}" if not statement else name
            needed = statement or f"import {module}"
            yield using(site, site.replace(node, text, weight=near), needed)
        now = NAMES_NOW.get((owner, name))
        if now is not None and (now in _BUILTINS or "." in now):
            statement = f"import {now.partition('.')[0]}" if "." in now and not now.startswith("str.") else ""
            yield using(site, site.replace(node, now, weight=near * 1.1), statement)
    last = owner.rpartition(".")[2]
    if last == name or (isinstance(node.value, ast.Name) and name in site.facts.module_names):
        yield site.replace(node, name if name != last else base, weight=near * 0.8)
    if last in ("datetime", "date", "time", "type") and name in ("timedelta", "timezone", "date", "datetime"):
        yield using(site, site.replace(node, name, weight=near), f"from datetime import {name}")


@template("missing-initial", prior=0.7, limit=10, decay=0.1, asks=("no-attribute",))
def missing_initial(site: Site) -> Iterator[Proposal]:
    """AttributeError on self: the attribute gets a value at the start of `__init__`."""
    owner = site.owner
    start = owner.methods.get("__init__") if owner is not None else None
    if owner is None or start is None:
        return
    receiver = site.facts.scope(start).receiver
    for clue, near in site.clues_of("no-attribute"):
        of, name = clue.names[0], clue.names[1]
        if near < NEAR or of != owner.node.name or name in owner.methods or not receiver:
            continue
        kinds = owner.kinds.get(f"self.{name}", frozenset())
        known = [v for kind in sorted(kinds) for v in START_OF_KIND.get(kind, ())]
        for index, value in enumerate(dict.fromkeys((*_parameters_like(site, start, name), *known, *_USUAL))):
            edit = at_entry(site, start, f"{receiver}.{name} = {value}")
            if edit is not None:
                said = f"set `{receiver}.{name} = {value}` in `__init__`"
                yield site.several([edit], said, weight=near * (1.0 if index == 0 else 0.7))


_USUAL = ("None", "[]", "0", "{}", '""', "False", "set()")


def _parameters_like(site: Site, start: FunctionNode, name: str) -> list[str]:
    scope = site.facts.scope(start)
    return [
        p for p in scope.own_parameters if p == name.lstrip("_") or (p in scope.unused and similarity(p, name) > 0.4)
    ]


@template("rename-definition", prior=0.85, limit=4, asks=("no-attribute", "import-name", "abstract"))
def rename_definition(site: Site) -> Iterator[Proposal]:
    """A function, method or attribute gets the name under which it is asked for."""
    statement = site.statement
    if isinstance(statement, (*FUNCTIONS, ast.ClassDef)):
        for wanted, weight in _asked_for(site, statement.name):
            at = site.source.text.find(statement.name, site.source.span(statement)[0] + 4)
            end = at + len(statement.name)
            said = f"rename `{statement.name}` to `{wanted}`"
            yield site.splice(at, end, wanted, said, weight=weight)
            if site.owner is None and site.source.parents.get(statement) is site.source.tree:
                code = f"{wanted} = {statement.name}"
                yield site.insert_after(code, f"also call it `{wanted}`", weight=weight * 0.6)
    for node in site.expressions:
        if isinstance(node, ast.Attribute) and not is_load(node) and dotted(node) is not None:
            for wanted, weight in _asked_for(site, node.attr):
                end = site.source.span(node)[1]
                said = f"rename `.{node.attr}` to `.{wanted}`"
                yield site.splice(end - len(node.attr), end, wanted, said, weight=weight)


def _asked_for(site: Site, name: str) -> Iterator[tuple[str, float]]:
    """Names that a failing test asks this class or module for and does not find, like `name`."""
    owner = site.source.class_of(site.statement)
    module = site.modules.module_name(site.source.path)
    for clue, near in site.clues_of("no-attribute", "import-name", "abstract"):
        if clue.kind == "import-name":
            wanted, place = clue.names[0], clue.names[1]
        else:
            place, wanted = clue.names[0], clue.names[1]
        here = place == owner.name if owner is not None else module.endswith(place) or place.endswith(module or "?")
        alike = similarity(name, wanted)
        if here and wanted.isidentifier() and alike >= 0.4 and wanted != name:
            yield wanted, max(near, 0.7) * (0.3 + 0.7 * alike)
