"""Names exchanged: variables, attributes, methods; `x` and `self.x`; names that were forgotten."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tools.repair.kinds import dotted
from tools.repair.names import nearest, similarity, substitution_weight
from tools.repair.site import Proposal, Site, is_load, template
from tools.repair.vocabulary import KIND_OF_METHOD, METHODS_OF, SIMILAR_METHODS, family_of


@template("variable", prior=0.42, limit=60, decay=0.08)
def variable(site: Site) -> Iterator[Proposal]:
    """A variable replaced by another one in scope, by kind, look, role and whether it would else be unused."""
    for node in site.expressions:
        name = dotted(node)
        above = site.parent(node)
        called = isinstance(above, ast.Call) and node is above.func
        if name is None or called or not _replaceable(site, node, above):
            continue
        old, kinds = site.by_name.get(name), site.kinds(node)
        needed = _needed_kinds(node, above) or kinds
        for v in site.variables_at(node):
            if v.name != name and not (isinstance(node, ast.Name) and _twin(site, node, v.name)):
                weight = substitution_weight(needed, old, v, site.line)
                yield site.replace(node, v.name, weight=weight)


def _replaceable(site: Site, node: ast.expr, above: ast.AST | None) -> bool:
    """Variables that are read; no modules, functions, classes, nor the `self` of `self.x`."""
    if not is_load(node) or (isinstance(above, ast.Attribute) and dotted(above) is not None):
        return False
    name = dotted(node) or ""
    known = name in site.by_name or name.startswith(("self.", "cls."))
    return known or (isinstance(node, ast.Name) and site.scope.inner[name] > 0)


def _needed_kinds(node: ast.expr, above: ast.AST | None) -> frozenset[str]:
    """What the place asks for: `x.append` needs a list."""
    if isinstance(above, ast.Attribute) and node is above.value and above.attr in KIND_OF_METHOD:
        return frozenset({KIND_OF_METHOD[above.attr]})
    return frozenset()


def _twin(site: Site, node: ast.Name, name: str) -> bool:
    """`x = x`, `x < x`, `x - x` say nothing."""
    above = site.parent(node)
    if isinstance(above, ast.Assign):
        return any(isinstance(t, ast.Name) and t.id == name for t in above.targets)
    if isinstance(above, ast.Compare | ast.BinOp):
        around = [above.left, *getattr(above, "comparators", [getattr(above, "right", None)])]
        return len(around) == 2 and any(isinstance(n, ast.Name) and n.id == name for n in around)
    return False


@template("assigned-variable", prior=0.2, limit=8)
def assigned_variable(site: Site) -> Iterator[Proposal]:
    """The value goes to another variable: `x = f()` to `y = f()`."""
    for node in site.expressions:
        name = dotted(node)
        if name is None or not isinstance(getattr(node, "ctx", None), ast.Store):
            continue
        old, kinds = site.by_name.get(name), site.kinds(node)
        for v in site.variables:
            if v.name != name and v.role != "global" and not (v.role == "parameter" and not v.kinds):
                yield site.replace(node, v.name, weight=substitution_weight(kinds, old, v, site.line))
            elif v.name != name and v.role == "parameter":
                yield site.replace(node, v.name, weight=0.4 * substitution_weight(kinds, old, v, site.line))


@template("forgotten-name", prior=0.5, limit=12, decay=0.1)
def forgotten_name(site: Site) -> Iterator[Proposal]:
    """A constant or an expression replaced by a parameter or variable that nothing reads."""
    unused = [v for v in site.variables if v.unused and v.role != "attribute"]
    if not unused or isinstance(site.statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return
    for node in site.expressions:
        above = site.parent(node)
        if not is_load(node) or isinstance(above, ast.Expr | ast.Attribute) or isinstance(node, ast.Lambda | ast.Slice):
            continue
        if dotted(node) in site.by_name or (isinstance(above, ast.Call) and node is above.func):
            continue
        for v in unused[:3]:
            alike = 1.0 if v.kinds & site.kinds(node) else 0.5
            literal = 1.0 if isinstance(node, ast.Constant | ast.List | ast.Dict) else 0.5
            yield site.replace(node, v.name, weight=alike * literal)


@template("self-prefix", prior=0.4, limit=8)
def self_prefix(site: Site) -> Iterator[Proposal]:
    """`x` to `self.x` where the class has that attribute, and `self.x` to `x` where `x` is in scope."""
    receiver, owner = site.scope.receiver, site.owner
    if not receiver or owner is None:
        return
    members = {*owner.attributes, *owner.methods, *owner.body_names}
    for node in site.expressions:
        if isinstance(node, ast.Name) and node.id in members and node.id != receiver:
            yield site.replace(node, f"{receiver}.{node.id}", weight=1.0 if is_load(node) else 0.7)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == receiver:
            local = site.by_name.get(node.attr)
            if local is not None:
                yield site.replace(node, node.attr, weight=1.5 if local.unused else 0.7)
            if receiver == "cls":
                continue
            if node.attr in owner.body_names and is_load(node):
                yield site.replace(node, f"type({receiver}).{node.attr}", weight=0.15)


@template("other-object", prior=0.4, limit=10)
def other_object(site: Site) -> Iterator[Proposal]:
    """`self.x` and `other.x`, `a.x` and `b.x`; `a.x` to a local `x`, and a local `x` to `a.x`."""
    for node in site.expressions:
        if not is_load(node) or not site.placed(node):
            continue
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield from _of_another(site, node, node.value.id)
        elif isinstance(node, ast.Name) and node.id in site.by_name:
            for name in _owners(site, node.id)[:3]:
                yield site.replace(node, f"{name}.{node.id}", weight=0.5)


def _of_another(site: Site, node: ast.Attribute, base: str) -> Iterator[Proposal]:
    local, called = site.by_name.get(node.attr), _is_called(site, node)
    if local is not None and base != site.scope.receiver and not called:
        yield site.replace(node, node.attr, weight=1.5 if local.unused else 1.0)
    for name in _owners(site, node.attr):
        if name != base:
            yield site.replace(node.value, name, weight=0.4 if called else 1.0)


def _owners(site: Site, attr: str) -> list[str]:
    """Names in scope whose `attr` is read somewhere, and the object the method is of."""
    receiver, owner = site.scope.receiver, site.owner
    own = receiver and owner is not None and attr in {*owner.attributes, *owner.methods, *owner.body_names}
    found = [v.name for v in site.variables if "." not in v.name and attr in site.facts.attributes.get(v.name, ())]
    return [*([receiver] if own and receiver else []), *found]


@template("attribute", prior=0.36, limit=14, decay=0.1)
def attribute(site: Site) -> Iterator[Proposal]:
    """An attribute that is no method call replaced by one alike: of self, of the same name elsewhere, of its family."""
    for node in site.expressions:
        if not isinstance(node, ast.Attribute) or _is_called(site, node):
            continue
        for name, weight in _other_attributes(site, node):
            yield _renamed(site, node, name, weight)


def _is_called(site: Site, node: ast.Attribute) -> bool:
    above = site.parent(node)
    return isinstance(above, ast.Call) and node is above.func


def _renamed(site: Site, node: ast.Attribute, name: str, weight: float) -> Proposal:
    """Only the attribute's own name is replaced."""
    end = site.source.span(node)[1]
    return site.splice(
        end - len(node.attr),
        end,
        name,
        f"replace `.{node.attr}` by `.{name}`",
        line=node.end_lineno or 0,
        weight=weight,
    )


def _other_attributes(site: Site, node: ast.Attribute) -> Iterator[tuple[str, float]]:
    """Attributes that may have been meant, with weights; every name once."""
    seen = {node.attr}
    for name, weight in _alike_attributes(site, node):
        if name not in seen:
            seen.add(name)
            yield name, weight


def _alike_attributes(site: Site, node: ast.Attribute) -> Iterator[tuple[str, float]]:
    """Of its family, of the same object, of its class, and any of the file that looks like it."""
    base = dotted(node.value)
    yield from ((name, 0.9) for name in family_of(node.attr, SIMILAR_METHODS))
    if base is not None and base == site.scope.receiver and site.owner is not None:
        pool = [*site.owner.attributes, *site.owner.body_names]
        for name in nearest(node.attr, [n for n in pool if n not in site.owner.methods], count=6, least=0.0):
            yield name, 0.3 + 0.7 * similarity(node.attr, name)
    for name in list(site.facts.attributes.get(base or "?", ()))[:12]:
        yield name, 0.3 + 0.6 * similarity(node.attr, name)
    for name in _fields(site, node.attr)[:12]:
        yield name, 0.4 + 0.5 * similarity(node.attr, name)
    for name in nearest(node.attr, list(site.facts.attributes[""])[:300], count=3, least=0.4):
        yield name, 0.6 * similarity(node.attr, name)


def _fields(site: Site, attr: str) -> list[str]:
    """The other fields of the classes of this file that have a field of that name."""
    found: list[str] = []
    for definitions in site.facts.definitions.values():
        for node in definitions:
            if isinstance(node, ast.ClassDef):
                facts = site.facts.class_facts(node)
                fields = [*facts.body_names, *(name for name in facts.stored if name not in facts.body_names)]
                found += [name for name in fields if name != attr] if attr in fields else []
    return list(dict.fromkeys(found))


@template("method", prior=0.42, limit=14, decay=0.12)
def method(site: Site) -> Iterator[Proposal]:
    """A called method replaced by a related one: `find` by `rfind`, `append` by `extend`."""
    for node in site.expressions:
        if isinstance(node, ast.Attribute) and _is_called(site, node):
            for name, weight in _other_methods(site, node):
                yield _renamed(site, node, name, weight)


def _other_methods(site: Site, node: ast.Attribute) -> Iterator[tuple[str, float]]:
    kinds = site.kinds(node.value)
    fitting = frozenset().union(*(METHODS_OF[k] for k in kinds if k in METHODS_OF))
    seen = {node.attr}
    for name in family_of(node.attr, SIMILAR_METHODS):
        seen.add(name)
        strange = bool(fitting) and name in KIND_OF_METHOD and name not in fitting
        yield name, 0.25 if strange else 1.0
    own = dotted(node.value) == site.scope.receiver and site.owner is not None
    if own and site.owner is not None:
        for name in nearest(node.attr, list(site.owner.methods), count=6, least=0.0):
            if name not in seen and not name.startswith("__"):
                seen.add(name)
                yield name, 0.35 + 0.6 * similarity(node.attr, name)
        return
    pool = [n for n in site.facts.attributes[""] if n not in seen][:300]
    for name in nearest(node.attr, pool, count=3, least=0.4):
        yield name, 0.5 * similarity(node.attr, name)
