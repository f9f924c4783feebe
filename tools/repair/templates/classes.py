"""What a class lacks or has wrong: special methods and their results, decorators, how objects compare and print."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tools.repair.facts import ClassFacts, decorator_names, parameters
from tools.repair.names import nearest, similarity
from tools.repair.site import Proposal, Site, template
from tools.repair.source import FUNCTIONS, FunctionNode
from tools.repair.stdlib import SPECIAL_METHODS
from tools.repair.templates.entries import NEAR, at_entry, decorated, member, using

_OPERATORS = {"+": "__add__", "-": "__sub__", "*": "__mul__", "/": "__truediv__", "<": "__lt__", ">": "__gt__"}
_METHOD_OF_CLUE = {
    "unhashable": "__hash__",
    "not-iterable": "__iter__",
    "no-len": "__len__",
    "not-subscriptable": "__getitem__",
    "no-item-assignment": "__setitem__",
    "no-context": "__enter__",
}
_OTHER_NAMES = {
    "__str__": ["__repr__"],
    "__repr__": ["__str__"],
    "__next__": ["__iter__"],
    "next": ["__next__"],
    "__cmp__": ["__lt__"],
    "__nonzero__": ["__bool__"],
    "__div__": ["__truediv__"],
}
_RESULTS = frozenset({"__str__", "__repr__", "__len__", "__bool__", "__hash__", "__iter__"})
_COMPARING = frozenset({"__lt__", "__le__", "__gt__", "__ge__"})
_BINARY = frozenset({"__eq__", "__ne__", *_COMPARING, "__add__", "__sub__", "__mul__", "__truediv__", "__radd__"})


def _class(site: Site) -> ClassFacts | None:
    """The class that the site's statement is, or the method is in."""
    if isinstance(site.statement, ast.ClassDef):
        return site.facts.class_facts(site.statement)
    return site.owner


def _attributes(owner: ClassFacts) -> list[str]:
    """Attributes that `__init__` stores, in order; of dataclasses the fields."""
    found: dict[str, None] = {}
    start = owner.methods.get("__init__")
    for node in ast.walk(start) if start is not None else ():
        stored = (
            isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name)
        )
        if isinstance(node, ast.Attribute) and stored:
            found[node.attr] = None
    return list(found or owner.body_names)[:6]


@template("special-method", prior=0.6, limit=10, decay=0.1, heads=(ast.ClassDef,))
def special_method(site: Site) -> Iterator[Proposal]:
    """A special method that a message asks for: `__hash__`, `__iter__`, `__len__`, `__lt__`, `__eq__` and others."""
    owner = _class(site)
    last = owner.node.body[-1] if owner is not None else None
    if (
        owner is None
        or last is None
        or not site.source.owns_lines(last)
        or not isinstance(site.statement, ast.ClassDef)
    ):
        return
    for method, weight in _asked_for(site, owner):
        if method in owner.methods:
            continue
        for code in _bodies(method, owner):
            indent = site.source.indentation(last)
            said = f"define `{method}`"
            yield site.insert_after(f"\n{code}", said, anchor=last, indentation=indent, weight=weight)


def _asked_for(site: Site, owner: ClassFacts) -> Iterator[tuple[str, float]]:
    """Special methods that the messages miss in this class, then the partners of those it has."""
    name = owner.node.name
    for clue, _ in site.clues_of(*_METHOD_OF_CLUE):
        if clue.names[:1] == (name,):
            yield _METHOD_OF_CLUE[clue.kind], 1.2
    for clue, _ in site.clues_of("operand-types", "compare-types"):
        if name in clue.names[1:]:
            sign = clue.names[0].strip("= ")[:1]
            reflected = clue.names[1] != name and sign in "+*"
            yield "__radd__" if reflected and sign == "+" else _OPERATORS.get(sign, "__add__"), 1.2
    if "__eq__" in owner.methods:
        yield "__hash__", 0.5
    elif "__hash__" in owner.methods:
        yield "__eq__", 0.8
    else:
        yield "__eq__", 0.35
    yield "__repr__", 0.2


def _bodies(method: str, owner: ClassFacts) -> Iterator[str]:
    attributes = _attributes(owner)
    mine = _tuple([f"self.{a}" for a in attributes])
    theirs = _tuple([f"other.{a}" for a in attributes])
    name = owner.node.name
    kinds = {a: owner.kinds.get(f"self.{a}", frozenset()) for a in attributes}
    held = [a for a in attributes if kinds[a] & {"list", "dict", "set", "tuple"}] or attributes[:1]
    if method == "__hash__":
        keyed = [a for a in _compared_by(owner) if a in attributes] or attributes
        yield f"def __hash__(self):\n    return hash({_tuple([f'self.{a}' for a in keyed])})"
    elif method == "__eq__":
        yield (
            f"def __eq__(self, other):\n    if not isinstance(other, {name}):\n        return NotImplemented\n"
            f"    return {mine} == {theirs}"
        )
    elif method in _COMPARING:
        sign = {"__lt__": "<", "__le__": "<=", "__gt__": ">", "__ge__": ">="}[method]
        yield f"def {method}(self, other):\n    return {mine} {sign} {theirs}"
        yield from (f"def {method}(self, other):\n    return self.{a} {sign} other.{a}" for a in attributes)
    elif method == "__repr__":
        fields = ", ".join(f"{a}={{self.{a}!r}}" for a in attributes)
        yield f'def __repr__(self):\n    return f"{name}({fields})"'
    elif method in ("__add__", "__sub__", "__mul__", "__truediv__"):
        sign = {"__add__": "+", "__sub__": "-", "__mul__": "*", "__truediv__": "/"}[method]
        parts = ", ".join(f"self.{a} {sign} other.{a}" for a in attributes)
        yield f"def {method}(self, other):\n    return {name}({parts})"
        parts = ", ".join(f"self.{a} {sign} other" for a in attributes)
        yield f"def {method}(self, other):\n    return {name}({parts})"
    elif method == "__radd__":
        yield "def __radd__(self, other):\n    return self if other == 0 else self + other"
    else:
        yield from _container_bodies(method, held)


def _container_bodies(method: str, held: list[str]) -> Iterator[str]:
    """Special methods that hand on to the container in which the class keeps its items."""
    for attribute in held[:3]:
        inner = f"self.{attribute}"
        known = {
            "__iter__": f"def __iter__(self):\n    return iter({inner})",
            "__len__": f"def __len__(self):\n    return len({inner})",
            "__getitem__": f"def __getitem__(self, index):\n    return {inner}[index]",
            "__setitem__": f"def __setitem__(self, index, value):\n    {inner}[index] = value",
            "__enter__": "def __enter__(self):\n    return self\n\ndef __exit__(self, *exc_info):\n    return None",
        }
        if method in known:
            yield known[method]


def _tuple(parts: list[str]) -> str:
    if not parts:
        return "()"
    return f"({parts[0]},)" if len(parts) == 1 else f"({', '.join(parts)})"


def _compared_by(owner: ClassFacts) -> list[str]:
    """Attributes that `__eq__` looks at."""
    equal = owner.methods.get("__eq__")
    found = (n.attr for n in ast.walk(equal) if isinstance(n, ast.Attribute)) if equal is not None else ()
    return list(dict.fromkeys(found))


@template("method-decorator", prior=0.5, limit=8, decay=0.1, heads=FUNCTIONS)
def method_decorator(site: Site) -> Iterator[Proposal]:
    """`@property`, `@staticmethod`, `@classmethod`, `@wraps`, `@contextmanager` added; a decorator taken away."""
    function = site.statement
    if not isinstance(function, FUNCTIONS) or not site.source.owns_lines(function):
        return
    known = decorator_names(function)
    if isinstance(site.source.parents.get(function), ast.ClassDef):
        yield from _of_methods(site, function, known)
    outer = site.source.function_of(function)
    if outer is not None and outer.name != function.name and _returns(outer, function.name) and not known:
        wrapped = parameters(outer)[:1]
        written, statement = member(site, "functools", "wraps")
        for parameter in wrapped:
            yield using(site, decorated(site, f"{written}({parameter})", weight=1.4), statement)
    if site.scope.yields and not known:
        hot = any(c.names[:1] == ("generator",) for c, _ in site.clues_of("no-context"))
        written, statement = member(site, "contextlib", "contextmanager")
        yield using(site, decorated(site, written, weight=1.5 if hot else 0.2), statement)
    for decorator in function.decorator_list:
        line = decorator.lineno
        start, end = site.source.starts[line - 1], site.source.starts[decorator.end_lineno or line]
        name = site.text(decorator)
        fit = 0.9 if "cache" in name else 0.7 if name in ("property", "staticmethod", "classmethod") else 0.3
        yield site.splice(start, end, "", f"drop the decorator `@{name[:40]}`", line=line, weight=fit)


def _returns(outer: FunctionNode, name: str) -> bool:
    return any(isinstance(s, ast.Return) and isinstance(s.value, ast.Name) and s.value.id == name for s in outer.body)


def _of_methods(site: Site, function: FunctionNode, known: tuple[str, ...]) -> Iterator[Proposal]:
    names = parameters(function)
    if {"property", "staticmethod", "classmethod", "setter", "cached_property", "overload"} & set(known):
        return
    asked = {"method", "function"} & {
        name for c, _ in site.clues_of("operand-types", "compare-types") for name in c.names
    }
    if len(names) == 1 and not function.name.startswith("__"):
        yield decorated(site, "property", weight=1.4 if asked else 0.7)
    if names[:1] == ("cls",) or function.name.startswith(("from_", "create", "parse")):
        yield decorated(site, "classmethod", weight=1.4 if names[:1] == ("cls",) else 0.4)
    if not names or names[0] not in ("self", "cls"):
        yield decorated(site, "staticmethod", weight=1.4)
    if names and function.name in _of_setters(site):
        yield decorated(site, f"{function.name}.setter", weight=1.4)


def _of_setters(site: Site) -> set[str]:
    """Names of the properties of the class."""
    found = site.owner.methods.values() if site.owner is not None else ()
    first = site.owner.node.body if site.owner is not None else []
    return {f.name for f in (*found, *first) if isinstance(f, FUNCTIONS) and "property" in decorator_names(f)}


@template("property-setter", prior=0.7, limit=4, asks=("read-only",), heads=FUNCTIONS)
def property_setter(site: Site) -> Iterator[Proposal]:
    """A property that is set, as the message says, gets a setter for what it reads."""
    function = site.statement
    near = bool(site.nearest_clue("read-only"))
    if not near or not isinstance(function, FUNCTIONS) or "property" not in decorator_names(function):
        return
    receiver, name = site.scope.receiver, function.name
    for node in site.scope.nodes:
        base = node.value if isinstance(node, ast.Attribute) else None
        if isinstance(node, ast.Attribute) and isinstance(base, ast.Name) and base.id == receiver:
            code = f"\n@{name}.setter\ndef {name}({receiver}, value):\n    {receiver}.{node.attr} = value"
            yield site.insert_after(code, f"give `{name}` a setter", weight=0.9)


@template("special-name", prior=0.5, limit=6, heads=FUNCTIONS)
def special_name(site: Site) -> Iterator[Proposal]:
    """A misspelt special method: `__len` to `__len__`, `__string__` to `__str__`, `__repr__`."""
    function = site.statement
    if not isinstance(function, FUNCTIONS) or site.owner is None:
        return
    name = function.name
    near = list(_OTHER_NAMES.get(name, []))
    if name.startswith("_") and name.strip("_") and name not in SPECIAL_METHODS and (name[-1] == "_" or name[1] == "_"):
        near += nearest(f"__{name.strip('_')}__", SPECIAL_METHODS, count=3, least=0.6)
        near += [f"__{name.strip('_')}__"] if f"__{name.strip('_')}__" in SPECIAL_METHODS else []
    named = {c.names[0] for c, _ in site.clues_of(*_METHOD_OF_CLUE) if c.names}
    plain = f"__{name}__" if not name.startswith("_") else ""
    if plain in SPECIAL_METHODS and (site.owner.node.name in named or plain not in site.owner.methods):
        near.append(plain)
    for other in dict.fromkeys(near):
        at = site.source.text.find(name, site.source.span(function)[0] + 4)
        weight = 0.4 if name in ("__str__", "__repr__") else 0.6 + 0.4 * similarity(name, other)
        yield site.splice(at, at + len(name), other, f"rename `{name}` to `{other}`", weight=weight)


@template("operand-check", prior=0.4, limit=6)
def operand_check(site: Site) -> Iterator[Proposal]:
    """`if not isinstance(other, Point): return NotImplemented` at the start of an operator."""
    function = site.statement if isinstance(site.statement, FUNCTIONS) else site.function
    if function is None or site.owner is None or function.name not in _BINARY or len(parameters(function)) != 2:
        return
    name = site.owner.node.name
    near = 1.4 if site.nearest_clue("no-attribute", "none-value") >= NEAR else 0.8
    other = parameters(function)[1]
    if any(isinstance(n, ast.Call) and getattr(n.func, "id", "") == "isinstance" for n in ast.walk(function)):
        return
    leaves = ("NotImplemented", "False") if function.name == "__eq__" else ("NotImplemented",)
    for leave in leaves:
        edit = at_entry(site, function, f"if not isinstance({other}, {name}):\n    return {leave}")
        if edit is not None:
            yield site.several([edit], f"return {leave} for what is no `{name}`", weight=near)


@template("special-result", prior=0.8, limit=6, heads=(ast.Return,))
def special_result(site: Site) -> Iterator[Proposal]:
    """`__str__ returned non-string`: the result converted; `iter() returned non-iterator`: the iterator of it."""
    function = site.function
    value = site.statement.value if isinstance(site.statement, ast.Return) else None
    if function is None or value is None:
        return
    if function.name in ("__enter__", "__iter__", "__aenter__", "__aiter__") and site.scope.receiver:
        yield site.replace(value, site.scope.receiver, weight=0.8)
    convert = function.name.strip("_")
    if function.name not in _RESULTS:
        return
    asked = any(
        c.names[0].strip("_") == function.name.strip("_") for c, _ in site.clues_of("bad-result", "not-iterable")
    )
    text = site.text(value)
    if not text.startswith(f"{convert}("):
        yield site.replace(value, f"{convert}({text})", weight=1.0 if asked else 0.3)
        if function.name == "__len__":
            yield site.replace(value, f"int({text})", weight=0.8 if asked else 0.2)
        if function.name == "__repr__":
            yield site.replace(value, f"str({text})", weight=0.8 if asked else 0.2)


@template("class-decorator", prior=0.5, limit=6, heads=(ast.ClassDef,))
def class_decorator(site: Site) -> Iterator[Proposal]:
    """`@total_ordering`, `@dataclass`, options of `@dataclass`; an order or an equality that a message asks for."""
    statement = site.statement
    if not isinstance(statement, ast.ClassDef) or not site.source.owns_lines(statement):
        return
    owner, known = site.facts.class_facts(statement), decorator_names(statement)
    name = statement.name
    compared = any(name in c.names for c, _ in site.clues_of("compare-types"))
    called = any(name in c.names for c, _ in site.clues_of("too-many-arguments", "unexpected-keyword"))
    hashed = any(name in c.names for c, _ in site.clues_of("unhashable"))
    if _COMPARING & set(owner.methods) and "total_ordering" not in known:
        written, imported = member(site, "functools", "total_ordering")
        yield using(site, decorated(site, written, weight=1.4 if compared else 0.4), imported)
    if "dataclass" not in known and owner.body_names and "__init__" not in owner.methods and not statement.bases:
        written, imported = member(site, "dataclasses", "dataclass")
        yield using(site, decorated(site, written, weight=1.5 if called else 0.3), imported)
    for decorator in statement.decorator_list:
        text = site.text(decorator)
        if text in ("dataclass", "dataclasses.dataclass"):
            yield site.replace(decorator, f"{text}(order=True)", weight=1.6 if compared else 0.3)
            yield site.replace(decorator, f"{text}(frozen=True)", weight=1.6 if hashed else 0.4)
            yield site.replace(decorator, f"{text}(eq=False)", weight=0.9 if hashed else 0.2)
