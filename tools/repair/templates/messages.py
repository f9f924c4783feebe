"""Names and keys that the error message says are missing: undefined names, unbound variables, keys of mappings."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator

from tools.repair.names import nearest, similarity
from tools.repair.site import Proposal, Site, is_load, shown, template
from tools.repair.source import FunctionNode
from tools.repair.stdlib import BUILTINS_NOW, homes_of, names_of
from tools.repair.templates.entries import NEAR, START_OF_KIND, at_entry, grouped, parameter_edit
from tools.repair.templates.literals import in_fstrings, quoted

_BUILTINS = tuple(n for n in dir(builtins) if not n.startswith("_"))


@template("undefined-name", prior=0.9, limit=14, decay=0.06, asks=("undefined-name",))
def undefined_name(site: Site) -> Iterator[Proposal]:
    """NameError: a name that looks alike, `self.x`, what the name is called in Python now, a forgotten parameter."""
    for clue, near in site.clues_of("undefined-name"):
        name = clue.names[0]
        if near < NEAR or not name:
            continue
        choices = list(_meant(site, name, clue.names[1:]))
        for node in site.expressions:
            if isinstance(node, ast.Name) and node.id == name:
                yield from (site.replace(node, text, weight=near * weight) for text, weight in choices)
                if repr(name)[1:-1] in site.facts.constants or isinstance(site.parent(node), ast.Subscript):
                    yield site.replace(node, f'"{name}"', weight=near * 0.5)
        for start, end in in_fstrings(site, rf"(?<![\w.\"'])\b{name}\b(?=[^\"']*\}})"):
            said = "replace `{}` by `{}`"
            yield from (site.splice(start, end, t, said.format(name, t), weight=near * w) for t, w in choices)
        yield from _forgotten_parameter(site, name, near)


def _meant(site: Site, name: str, suggested: tuple[str, ...]) -> Iterator[tuple[str, float]]:
    for other in (*BUILTINS_NOW.get(name, ()), *(s for s in suggested if s)):
        yield other, 1.0
    receiver, owner = site.scope.receiver, site.owner
    members = (*owner.attributes, *owner.methods, *owner.body_names) if owner is not None else ()
    if owner is not None and name in members:
        yield f"{receiver or owner.node.name}.{name}", 1.1
    yield from _alike(site, name)
    for module in site.facts.imported:
        if module in homes_of(name) or name in names_of(module):
            yield f"{module}.{name}", 0.9


def _alike(site: Site, name: str) -> Iterator[tuple[str, float]]:
    """Variables in scope, then names of the module and built-in ones, that look like `name`; unread variables."""
    pool = [v.name for v in site.variables]
    for other in nearest(name, pool, count=6, least=0.35):
        yield other, 0.35 + 0.6 * similarity(name, other)
    for other in nearest(name, [*site.facts.module_names, *_BUILTINS], count=5, least=0.5):
        if other not in pool:
            yield other, 0.3 + 0.6 * similarity(name, other)
    for v in site.variables:
        if v.unused:
            yield v.name, 0.45


def _forgotten_parameter(site: Site, name: str, near: float) -> Iterator[Proposal]:
    """`self`, `cls` or another parameter that the definition lacks."""
    function = site.function
    if function is None or not name.isidentifier() or name in site.scope.parameters:
        return
    first = name in ("self", "cls")
    text = name if first else f"{name}=None"
    edit = parameter_edit(site, function, text, first=first)
    if edit is not None:
        weight = near * (1.0 if first else 0.2)
        yield site.several([edit], f"add the parameter `{text}` to `{function.name}`", weight=weight)


@template("unbound-local", prior=0.85, limit=16, decay=0.08, asks=("unbound-local",))
def unbound_local(site: Site) -> Iterator[Proposal]:
    """UnboundLocalError: `nonlocal`, `global`, a value before the branches, a name that looks alike."""
    for clue, near in site.clues_of("unbound-local"):
        name, function = clue.names[0], site.function
        if near < NEAR or function is None or not name:
            continue
        yield from _declared(site, function, name, near)
        for other in nearest(name, [v.name for v in site.variables if v.name != name], count=3, least=0.5):
            for node in site.expressions:
                if isinstance(node, ast.Name) and node.id == name and is_load(node):
                    yield site.replace(node, other, weight=near * 0.6 * similarity(name, other))
        for value, weight in _first_values(site, name):
            edit = at_entry(site, function, f"{name} = {value}")
            if edit is not None:
                yield site.several([edit], f"start with `{name} = {value}`", weight=near * weight)


def _declared(site: Site, function: FunctionNode, name: str, near: float) -> Iterator[Proposal]:
    around = site.source.function_of(function)
    word = ""
    if around is not None and name in (*site.facts.scope(around).writes, *site.facts.scope(around).parameters):
        word = "nonlocal"
    elif name in site.facts.module_names:
        word = "global"
    edit = at_entry(site, function, f"{word} {name}") if word else None
    if edit is not None:
        yield site.several([edit], f"declare `{word} {name}`", weight=near * 1.1)
    owner = site.owner
    if owner is not None and site.scope.receiver and name in owner.attributes:
        for node in site.expressions:
            if isinstance(node, ast.Name) and node.id == name:
                yield site.replace(node, f"{site.scope.receiver}.{name}", weight=near * 0.8)


def _first_values(site: Site, name: str) -> Iterator[tuple[str, float]]:
    known = [v for kind in sorted(site.scope.kinds.get(name, frozenset())) for v in START_OF_KIND.get(kind, ())]
    for value in dict.fromkeys(known):
        yield value, 0.95
    for value, weight in (
        ("None", 0.8),
        ("0", 0.6),
        ("[]", 0.5),
        ('""', 0.45),
        ("False", 0.45),
        ("{}", 0.35),
        ("1", 0.2),
    ):
        if value not in known:
            yield value, weight
    for parameter in site.scope.own_parameters[:2]:
        yield parameter, 0.4


@template("none-operand", prior=0.75, limit=10, decay=0.08, asks=("none-value",))
def none_operand(site: Site) -> Iterator[Proposal]:
    """`prices.get(k)` that is used without a default, and other operands that may be None."""
    near = site.nearest_clue("none-value")
    for node in site.expressions if near >= NEAR else ():
        above = site.parent(node)
        used = isinstance(above, ast.BinOp | ast.AugAssign | ast.Compare | ast.For | ast.comprehension | ast.Subscript)
        if not is_load(node) or not (used or (isinstance(above, ast.Call) and node is not above.func)):
            continue
        call = node if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else None
        if call is not None and site.text(call.func).endswith((".get", ".pop")) and len(call.args) == 1:
            text = site.text(node)[:-1]
            yield from (site.replace(node, f"{text}, {d})", weight=near * w) for d, w in _EMPTY)
        elif isinstance(node, ast.Name | ast.Attribute | ast.Call) and not isinstance(above, ast.Call):
            yield from (site.replace(node, f"{grouped(site, node)} or {d}", weight=near * w * 0.5) for d, w in _EMPTY)


_EMPTY = (("0", 1.0), ('""', 0.7), ("[]", 0.7), ("{}", 0.6), ("1", 0.2))


@template("same-key", prior=0.8, limit=20, decay=0.04, asks=("key-missing",))
def same_key(site: Site) -> Iterator[Proposal]:
    """KeyError: another spelling of the key, another type, a first entry, `pop` with a default."""
    for clue, near in site.clues_of("key-missing"):
        if near < NEAR:
            continue
        for node in site.expressions:
            if isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Slice | ast.Tuple):
                yield from _other_keys(site, node, clue.names[0], near)
        yield from _first_entry(site, near)


def _with_default(site: Site, node: ast.Subscript, near: float) -> Iterator[Proposal]:
    base, key = grouped(site, node.value), site.text(node.slice)
    counted = isinstance(site.parent(node), ast.BinOp | ast.AugAssign)
    for default, weight in (("0", 0.85 if counted else 0.5), ("None", 0.7), ('""', 0.5), ("[]", 0.45), ("{}", 0.4)):
        if is_load(node):
            given = "" if default == "None" else f", {default}"
            yield site.replace(node, f"{base}.get({key}{given})", weight=near * weight)


def _other_keys(site: Site, node: ast.Subscript, said: str, near: float) -> Iterator[Proposal]:
    key, base = node.slice, grouped(site, node.value)
    text = site.text(key)
    yield from _with_default(site, node, near)
    if isinstance(key, ast.Constant):
        if repr(key.value) == said and isinstance(key.value, str):
            pool = [c for c in site.facts.constants if isinstance(c, str) and len(c) <= 40 and c != key.value]
            for other in nearest(key.value, pool, count=5, least=0.3):
                yield site.replace(key, quoted(other, text), weight=near * (0.4 + 0.6 * similarity(key.value, other)))
        return
    if re.fullmatch(r"'-?\d+'", said):
        yield site.replace(key, f"int({text})", weight=near)
    elif re.fullmatch(r"-?\d+", said):
        yield site.replace(key, f"str({text})", weight=near)
    if said[:1] in "'\"":
        for change, fits in (("lower()", said != said.lower()), ("upper()", said != said.upper()), ("strip()", True)):
            weight = near * (0.9 if fits and change != "strip()" else 0.3)
            yield site.replace(key, f"{grouped(site, key)}.{change}", weight=weight)
    yield from (site.replace(key, v.name, weight=near * 0.4) for v in site.variables if v.unused)
    if isinstance(node.ctx, ast.Del):
        yield site.replace_statement(f"{base}.pop({text}, None)", weight=near)


def _first_entry(site: Site, near: float) -> Iterator[Proposal]:
    """`counts[k] += 1` starts from `counts.get(k, 0)`; `d[k].append(v)` from an empty list."""
    statement = site.statement
    if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Subscript):
        target = statement.target
        base, key = site.text(target.value), site.text(target.slice)
        for first, weight in (("0", 1.0), ("[]", 0.6), ('""', 0.4), ("set()", 0.3)):
            said = f"start `{shown(base)}[{shown(key)}]` at `{first}`"
            code = f"{base}.setdefault({key}, {first})"
            if site.owns_lines:
                yield site.insert_before(code, said, weight=near * weight)
    for node in site.expressions:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Subscript) and _called(site, node):
            base, key = site.text(node.value.value), site.text(node.value.slice)
            first = {"add": "set()", "append": "[]", "extend": "[]", "update": "{}"}.get(node.attr, "")
            if first:
                yield site.replace(node.value, f"{base}.setdefault({key}, {first})", weight=near * 1.1)


def _called(site: Site, node: ast.Attribute) -> bool:
    above = site.parent(node)
    return isinstance(above, ast.Call) and node is above.func
