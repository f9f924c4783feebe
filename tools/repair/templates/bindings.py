"""Names that are bound in the wrong place or not at all: `nonlocal` and `global`, attributes that nothing stores, start
values before a loop, `super().__init__()`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from tools.repair.facts import ClassFacts, ScopeFacts, parameters
from tools.repair.kinds import Kinds
from tools.repair.names import comprehension_names
from tools.repair.site import Proposal, Site, template
from tools.repair.source import COMPOUND, FUNCTIONS, FunctionNode
from tools.repair.templates.entries import entry_of, parameter_edit
from tools.repair.templates.passages import LEAVING, anchors, whole

_START = {
    "list": "[]", "dict": "{}", "set": "set()", "str": '""', "int": "0", "number": "0", "float": "0", "bool": "False",
}  # fmt: skip


def starts(kinds: Kinds) -> list[str]:
    """Start values for a variable of some kinds, likeliest first."""
    known = [_START[kind] for kind in ("list", "dict", "set", "str", "float", "int", "number", "bool") if kind in kinds]
    return list(dict.fromkeys([*known, "None", *(() if known else ("0", "[]", '""', "False", "{}"))]))


@template("scope-declaration", prior=0.45, limit=4)
def scope_declaration(site: Site) -> Iterator[Proposal]:
    """`nonlocal x` or `global x` in a function that binds a name of the function or module around it."""
    function, scope, statement = site.function, site.scope, site.statement
    anchor = entry_of(site.source, function) if function is not None else None
    if function is None or anchor is None:
        return
    if isinstance(statement, ast.Nonlocal | ast.Global):
        other = "global" if isinstance(statement, ast.Nonlocal) else "nonlocal"
        yield site.replace_statement(f"{other} {', '.join(statement.names)}", weight=0.6)
        return
    declared = _declared(scope)
    unbound = {name for clue, _ in site.clues_of("unbound-local") for name in clue.names}
    for name in _bound_by(statement, scope):
        word = _outer(site, function, name) if name not in declared and name not in scope.parameters else ""
        if word:
            early = _read_before_bound(scope, name)
            weight = 1.2 if name in unbound else 1.0 if early else 0.35 if not scope.reads[name] else 0.15
            yield site.insert_before(f"{word} {name}", anchor=anchor, weight=weight)


@lru_cache(maxsize=64)
def _declared(scope: ScopeFacts) -> frozenset[str]:
    """Names that `nonlocal` or `global` of a function, or of one inside it, is about."""
    return frozenset(name for n in scope.nodes if isinstance(n, ast.Nonlocal | ast.Global) for name in n.names)


def _bound_by(statement: ast.stmt, scope: ScopeFacts) -> list[str]:
    """Names that a statement binds; for the function itself all it binds."""
    if isinstance(statement, FUNCTIONS):
        return [name for name in list(scope.writes)[:20] if scope.bound_lines(name)]
    if isinstance(statement, COMPOUND):
        return []
    stored = (n for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
    return list(dict.fromkeys(n.id for n in stored))


def _outer(site: Site, function: FunctionNode, name: str) -> str:
    """`nonlocal` or `global`, as the name is bound around a function; "" when it is not."""
    around = site.source.function_of(function)
    while around is not None:
        outer = site.facts.scope(around)
        if name in outer.parameters or outer.bound_lines(name):
            return "nonlocal"
        around = site.source.function_of(around)
    return "global" if site.facts.module.bound_lines(name) else ""


def _read_before_bound(scope: ScopeFacts, name: str) -> bool:
    """Whether the first statement of a scope that names it reads it: `count += 1`, `if cache is None: cache = …`."""
    first = min(scope.writes.get(name, [0]))
    for node in scope.nodes:
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) and node.target.id == name:
            return node.lineno == first
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load) and node.lineno <= first:
            return True
    return False


@template("missing-attribute", prior=0.38, limit=6)
def missing_attribute(site: Site) -> Iterator[Proposal]:
    """`self.x = x` in `__init__`: parameters that are not kept, attributes that methods use and nothing stores."""
    owner = site.owner if not isinstance(site.statement, ast.ClassDef) else site.facts.class_facts(site.statement)
    maker = owner.methods.get("__init__") if owner is not None else None
    if owner is None or maker is None or site.function not in (maker, None):
        return
    scope = site.facts.scope(maker)
    last = _last_stored(maker, scope.receiver)
    if not scope.receiver or last is None or not anchors(site.source, last):
        return
    missing = {name for clue, _ in site.clues_of("no-attribute") for name in clue.names}
    for attribute, value, weight in _unstored(owner, scope):
        code = f"{scope.receiver}.{attribute} = {value}"
        yield site.insert_after(code, anchor=last, weight=weight * (1.4 if attribute in missing else 1.0))


def _last_stored(maker: FunctionNode, receiver: str) -> ast.stmt | None:
    """The last statement of the run of `self.x = …` in `__init__`, or its last statement at all."""
    found = None
    for statement in maker.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        for target in targets:
            if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == receiver:
                found = statement
    final = maker.body[-1]
    return found or (None if isinstance(final, LEAVING) else final)


def _unstored(owner: ClassFacts, scope: ScopeFacts) -> Iterator[tuple[str, str, float]]:
    """(attribute, value, weight) of what `__init__` could store."""
    known = {*owner.stored, *owner.methods, *owner.body_names}
    for name in scope.unused_parameters:
        for attribute in (name, f"_{name}"):
            if attribute not in known:
                used = owner.attributes[attribute] > 0
                yield attribute, name, 1.2 if used else 0.5 if attribute == name else 0.2
    needed = [a for a in owner.attributes if a not in known and not a.startswith("__")]
    for attribute in needed[:4]:
        plain = attribute.lstrip("_")
        if plain in scope.own_parameters and plain not in scope.unused_parameters:
            yield attribute, plain, 0.8
        if not owner.node.bases or plain in scope.own_parameters:
            kinds = owner.kinds.get(f"self.{attribute}", frozenset())
            yield from ((attribute, value, 0.6 / (1 + i)) for i, value in enumerate(starts(kinds)[:4]))


@template("super-init", prior=0.32, limit=3)
def super_init(site: Site) -> Iterator[Proposal]:
    """`super().__init__()` where a subclass's method does not call the one that it overrides."""
    statement, function = site.statement, site.function
    if function is None or statement not in (function, *function.body[:1]) or not site.scope.receiver:
        return
    owner = site.source.parents.get(function)
    anchor = entry_of(site.source, function)
    if not isinstance(owner, ast.ClassDef) or not owner.bases or anchor is None or function.name == "__new__":
        return
    text = site.source.segment(function)
    bases = [site.text(base) for base in owner.bases]
    if "super()" in text or any(f"{base}.{function.name}" in text for base in bases):
        return
    call = "await super()" if isinstance(function, ast.AsyncFunctionDef) else "super()"
    overridden = _overridden(site, bases, function.name)
    weight = 1.0 if function.name == "__init__" else 0.5 if overridden is not None else 0.0
    own, wanted = site.scope.own_parameters, parameters(overridden)[1:] if overridden is not None else ()
    given = [name for name in wanted if name in own]
    for arguments in dict.fromkeys((", ".join(given), "", ", ".join(own))):
        if weight:
            yield site.insert_before(f"{call}.{function.name}({arguments})", anchor=anchor, weight=weight)
            weight *= 0.6


def _overridden(site: Site, bases: list[str], name: str) -> FunctionNode | None:
    """The method of a base class in the same file."""
    for base in bases:
        for definition in site.facts.definitions.get(base, ()):
            if isinstance(definition, ast.ClassDef):
                found = site.facts.class_facts(definition).methods.get(name)
                if found is not None:
                    return found
    return None


@template("start-value", prior=0.36, limit=6, decay=0.15)
def start_value(site: Site) -> Iterator[Proposal]:
    """`found = None` before the loop or branch that alone binds `found`; `count = 0` where nothing starts a count."""
    function, scope = site.function, site.scope
    if function is None or isinstance(site.statement, (*FUNCTIONS, ast.ClassDef)):
        return
    unbound = {name for clue, _ in site.clues_of("unbound-local", "undefined-name") for name in clue.names}
    anchor = whole(site.source, _outermost(site, function))
    compound = isinstance(anchor, (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.With))
    before = anchor if compound else _binder(site)
    if before is None or not anchors(site.source, before):
        return
    names = _first_bound_in(before, scope)
    scored = [(1.2 if name in unbound else _start_fit(name, before, scope), name) for name in names]
    for weight, name in sorted(scored, key=lambda pair: -pair[0]):
        for index, value in enumerate(starts(scope.kinds.get(name, frozenset()))[:4]):
            yield site.insert_before(f"{name} = {value}", anchor=before, weight=weight / (1 + 0.5 * index))


def _start_fit(name: str, statement: ast.stmt, scope: ScopeFacts) -> float:
    """How likely a name that is bound in a statement lacks a start value: when it is read behind it or only changed."""
    uses = _uses(scope)
    if name in uses.augmented:
        return 1.0
    read_later = uses.last_read.get(name, 0) > (statement.end_lineno or statement.lineno)
    return (0.2 if name in scope.loops else 0.4) if read_later else 0.1


@dataclass(frozen=True, slots=True)
class _Uses:
    """augmented: names of a function that `+=` and its kind alone bind; last_read: the last line that reads a name."""

    augmented: frozenset[str]
    last_read: Mapping[str, int]


@lru_cache(maxsize=64)
def _uses(scope: ScopeFacts) -> _Uses:
    changed = [n.target for n in scope.nodes if isinstance(n, ast.AugAssign)]
    targets = {id(target) for target in changed}
    stored, last = set(), dict[str, int]()
    for node in scope.nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            last[node.id] = max(last.get(node.id, 0), node.lineno)
        elif isinstance(node, ast.Name) and id(node) not in targets:
            stored.add(node.id)
    return _Uses(frozenset(t.id for t in changed if isinstance(t, ast.Name) and t.id not in stored), last)


def _outermost(site: Site, function: FunctionNode) -> ast.stmt:
    """The statement of the function's own block that a statement is in."""
    found = site.statement
    for above in site.source.ancestors(site.statement):
        if above is function:
            break
        found = above if isinstance(above, ast.stmt) else found
    return found


def _binder(site: Site) -> ast.stmt | None:
    """The nearest compound statement before, in the same block."""
    earlier = site.block.statements[: site.block.index]
    return next((s for s in reversed(earlier) if isinstance(s, ast.If | ast.For | ast.While | ast.Try)), None)


def _first_bound_in(statement: ast.stmt, scope: ScopeFacts) -> list[str]:
    """Names of a function that are bound inside a statement and not before it."""
    low, high = statement.lineno, statement.end_lineno or statement.lineno
    found = []
    for name in scope.writes:
        lines = scope.bound_lines(name)
        inside = bool(lines) and low <= min(lines) <= high and name not in scope.parameters
        if inside and (scope.reads[name] or name in _uses(scope).augmented):
            found.append(name)
    return found[:6]


@template("late-binding", prior=0.42, limit=4)
def late_binding(site: Site) -> Iterator[Proposal]:
    """`lambda i=i: i` in a loop over `i`: functions made in a loop that look a variable up when it has moved on."""
    if isinstance(site.statement, FUNCTIONS) and site.loop is not None:
        inner = site.facts.scope(site.statement)
        for name in _moving(site):
            if inner.reads[name] and not inner.writes.get(name) and name not in inner.parameters:
                edit = parameter_edit(site, site.statement, f"{name}={name}")
                if edit is not None:
                    yield site.several([edit], f"bind `{name}` when the function is made")
    for node in site.expressions:
        if isinstance(node, ast.Lambda) and site.placed(node):
            around = {*_moving(site), *comprehension_names(site.source, node)} - set(_parameter_names(node.args))
            read = {n.id for n in ast.walk(node.body) if isinstance(n, ast.Name)}
            for name in sorted(around & read):
                yield _bound_lambda(site, node, name)


def _moving(site: Site) -> tuple[str, ...]:
    """Names that the loop around a statement binds anew."""
    bound = (n for n in ast.walk(site.loop) if isinstance(n, ast.Name)) if site.loop is not None else ()
    return tuple(dict.fromkeys(n.id for n in bound if isinstance(n.ctx, ast.Store)))


def _parameter_names(arguments: ast.arguments) -> tuple[str, ...]:
    return tuple(a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs))


def _bound_lambda(site: Site, node: ast.Lambda, name: str) -> Proposal:
    arguments, start = node.args, site.source.span(node)[0] + len("lambda")
    listed: list[ast.arg | ast.expr] = [*arguments.posonlyargs, *arguments.args, *arguments.defaults]
    at = max((site.source.span(item)[1] for item in listed), default=start)
    text = f", {name}={name}" if listed else f" {name}={name}" + (", " if arguments.vararg or arguments.kwarg else "")
    above = site.parent(node)
    kept = isinstance(above, ast.Call) and isinstance(above.func, ast.Attribute)
    consumed = isinstance(above, ast.keyword | ast.Call) and not kept
    said = f"bind `{name}` when the function is made"
    return site.splice(at, at, text, said, line=node.lineno, weight=0.2 if consumed else 1.0)
