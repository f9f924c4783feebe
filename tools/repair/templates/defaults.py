"""Default parameters: made once and shared, computed too early, of the wrong value, absent."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from tools.repair.kinds import MUTABLE
from tools.repair.names import similarity
from tools.repair.site import Proposal, Site, shown, template
from tools.repair.source import FUNCTIONS, FunctionNode
from tools.repair.templates.entries import START_OF_KIND, at_entry, entry_of
from tools.repair.vocabulary import words

_EARLY = frozenset(words("now today utcnow time uuid4 random getcwd open randint monotonic perf_counter urandom"))


class _Default(NamedTuple):
    """A parameter with its default."""

    name: str
    value: ast.expr
    annotated: bool


def _defaults(function: FunctionNode) -> Iterator[_Default]:
    arguments = function.args
    plain = [*arguments.posonlyargs, *arguments.args]
    for argument, value in zip(plain[len(plain) - len(arguments.defaults) :], arguments.defaults, strict=True):
        yield _Default(argument.arg, value, argument.annotation is not None)
    for argument, keyword_value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if keyword_value is not None:
            yield _Default(argument.arg, keyword_value, argument.annotation is not None)


def _function(site: Site) -> FunctionNode | None:
    return site.statement if isinstance(site.statement, FUNCTIONS) else None


def is_mutable(value: ast.expr) -> bool:
    """Whether an expression makes a value that can be changed in place."""
    if isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp):
        return True
    name = value.func.id if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) else ""
    return name in ("list", "dict", "set", "defaultdict", "deque", "OrderedDict", "Counter", "bytearray")


@template("shared-default", prior=0.6, limit=6, heads=FUNCTIONS)
def shared_default(site: Site) -> Iterator[Proposal]:
    """`def f(xs=[])` to `def f(xs=None)` with `if xs is None: xs = []` at the start; `now=time()` alike."""
    function = _function(site)
    if function is None:
        return
    for default in _defaults(function):
        call = default.value if isinstance(default.value, ast.Call) else None
        name = getattr(call.func, "attr", getattr(call.func, "id", "")) if call is not None else ""
        mutable = is_mutable(default.value)
        if not mutable and name not in _EARLY:
            continue
        code = f"if {default.name} is None:\n    {default.name} = {site.text(default.value)}"
        entry = at_entry(site, function, code)
        if entry is not None:
            used = default.name in site.scope.mutated or not mutable
            kept = any(isinstance(n, ast.Assign | ast.Return) for n in _users(site, default.name))
            edits = [(*site.source.span(default.value), "None"), entry]
            said = f"make `{default.name}` anew in each call"
            yield site.several(edits, said, weight=1.2 if used else 0.9 if kept else 0.35)


def _users(site: Site, name: str) -> Iterator[ast.AST]:
    """What holds the reads of a parameter."""
    for node in site.scope.nodes:
        if isinstance(node, ast.Name) and node.id == name:
            above = site.parent(node)
            if above is not None:
                yield above


@template("default-value", prior=0.3, limit=16, decay=0.08, heads=FUNCTIONS)
def default_value(site: Site) -> Iterator[Proposal]:
    """Another default: the one that other functions give a parameter of this name, a usual one of its kind."""
    function = _function(site)
    if function is None:
        return
    for default in _defaults(function):
        current = site.text(default.value)
        choices = dict(_defaults_elsewhere(site, function, default.name))
        for text, weight in _usual(default, site):
            choices.setdefault(text, weight)
        for text, weight in sorted(choices.items(), key=lambda c: -c[1]):
            if text != current:
                yield site.replace(default.value, text, weight=weight)


def _defaults_elsewhere(site: Site, function: FunctionNode, name: str) -> Iterator[tuple[str, float]]:
    for definitions in site.facts.definitions.values():
        for other in definitions:
            if isinstance(other, FUNCTIONS) and other is not function:
                for default in _defaults(other):
                    alike = similarity(default.name, name)
                    if alike >= 0.6 and len(site.text(default.value)) <= 30:
                        yield site.text(default.value), alike


def _usual(default: _Default, site: Site) -> Iterator[tuple[str, float]]:
    value = default.value
    if not isinstance(value, ast.Constant):
        yield "None", 0.5
        return
    if isinstance(value.value, bool) or value.value is None:
        yield from (("None", 0.4), ("True", 0.4), ("False", 0.4))
    elif isinstance(value.value, int | float):
        yield from (("None", 0.5), ("0", 0.4), ("1", 0.4), ("-1", 0.3), ("10", 0.15), ("100", 0.1))
    elif isinstance(value.value, str):
        yield from (
            ('""', 0.4),
            ("None", 0.4),
            ('" "', 0.3),
            ('","', 0.3),
            ('", "', 0.2),
            (r'"\n"', 0.2),
            ('"utf-8"', 0.2),
        )
    for name in site.facts.module.writes:
        if name.isupper() and similarity(name.lower(), default.name) >= 0.3:
            yield name, 0.5


@template("default-when-none", prior=0.34, limit=8, decay=0.1, heads=FUNCTIONS)
def default_when_none(site: Site) -> Iterator[Proposal]:
    """`if xs is None: xs = []` at the start, for a parameter that is None unless given."""
    function = _function(site)
    if function is None or entry_of(site.source, function) is None:
        return
    near = 1.3 if site.nearest_clue("none-value") >= 0.4 else 0.7
    for default in _defaults(function):
        if (
            not isinstance(default.value, ast.Constant)
            or default.value.value is not None
            or _is_checked(site, default.name)
        ):
            continue
        kinds = site.scope.kinds.get(default.name, frozenset()) - {"none"}
        known = [v for kind in sorted(kinds) for v in START_OF_KIND.get(kind, ())[:1]]
        for index, value in enumerate(dict.fromkeys((*known, "[]", "{}", '""', "0"))):
            entry = at_entry(site, function, f"if {default.name} is None:\n    {default.name} = {value}")
            if entry is not None:
                said = f"use `{value}` when `{default.name}` is None"
                yield site.several([entry], said, weight=near * (1.0 if index == 0 else 0.6))


def _is_checked(site: Site, name: str) -> bool:
    """Whether the function asks if a parameter is None, or uses `name or …`."""
    return any(_asks(site, node, name) for node in site.scope.nodes)


def _asks(site: Site, node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.Compare) and isinstance(node.left, ast.Name):
        return node.left.id == name and isinstance(node.ops[0], ast.Is | ast.IsNot)
    if isinstance(node, ast.BoolOp) and isinstance(node.values[0], ast.Name):
        return node.values[0].id == name
    return isinstance(node, ast.If) and shown(site.text(node.test)) in (name, f"not {name}")


@template("shared-attribute", prior=0.5, limit=4, heads=(ast.Assign, ast.AnnAssign))
def shared_attribute(site: Site) -> Iterator[Proposal]:
    """A list, dict or set of the class that each object changes: made in `__init__`, or by a field's factory."""
    statement, owner = site.statement, site.owner
    if owner is None or site.parent(statement) is not owner.node or not site.owns_lines:
        return
    target = statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
    value = getattr(statement, "value", None)
    if not isinstance(target, ast.Name) or not isinstance(value, ast.expr) or not is_mutable(value):
        return
    said_of = {c.names[1] for c, _ in site.clues_of("mutable-default") if len(c.names) == 2}
    text = site.text(value)
    made = {"[]": "list", "{}": "dict", "set()": "set", "list()": "list", "dict()": "dict"}.get(text, f"lambda: {text}")
    if "field" in site.facts.imported:
        weight = 1.6 if target.id in said_of else 0.6 if isinstance(statement, ast.AnnAssign) else 0.2
        yield site.replace(value, f"field(default_factory={made})", weight=weight)
    elif "dataclasses" in site.facts.imported:
        weight = 1.6 if target.id in said_of else 0.6 if isinstance(statement, ast.AnnAssign) else 0.2
        yield site.replace(value, f"dataclasses.field(default_factory={made})", weight=weight)
    yield from _into_init(site, target.id, text)


def _into_init(site: Site, name: str, value: str) -> Iterator[Proposal]:
    owner = site.owner
    if owner is None:
        return
    start = owner.methods.get("__init__")
    span = site.source.lines_span(site.statement)
    rest = f"{site.indentation}pass{site.source.newline}" if len(owner.node.body) == 1 else ""
    changed = 1.2 if owner.kinds.get(f"self.{name}", frozenset()) & MUTABLE or owner.attributes[name] else 0.6
    if start is not None:
        receiver = site.facts.scope(start).receiver or "self"
        entry = at_entry(site, start, f"{receiver}.{name} = {value}")
        if entry is not None:
            said = f"give each object its own `{name}`"
            yield site.several([(*span, rest), entry], said, weight=changed)
            yield site.several([entry], said, weight=changed * 0.6)
        return
    code = f"def __init__(self):\n    self.{name} = {value}"
    if not owner.node.bases:
        yield site.replace_statement(code, f"give each object its own `{name}`", weight=changed)
