"""What a file says about its names: parameters, variables, attributes, what is read, written and mutated, and where.

`Facts(source)` is asked by the templates; each scope and class is read once and kept.
"""

from __future__ import annotations

import ast
import builtins
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from tools.repair.kinds import Kinds, dotted, infer
from tools.repair.source import FUNCTIONS, FunctionNode, ScopeNode, SourceFile
from tools.repair.vocabulary import MUTATORS

Definition = FunctionNode | ast.ClassDef
_LEAST_NAME = 3  # shorter names mean something else in every function
_FORMING = frozenset(
    (
        "strip",
        "lstrip",
        "rstrip",
        "lower",
        "upper",
        "casefold",
        "replace",
        "removeprefix",
        "removesuffix",
        "encode",
        "decode",
    )
)


@dataclass(eq=False)
class ScopeFacts:
    """One function (what is nested in it counted in), class body or module.

    owner: the class of a method, else ""; writes[name]: lines that bind it; reads[name]: how often it is loaded;
    loops: names bound by for loops; inner: how often a comprehension binds a name, which is then seen only there;
    mutated: names whose value is changed in place.
    """

    node: ScopeNode
    owner: str = ""
    parameters: tuple[str, ...] = ()
    receiver: str = ""
    writes: dict[str, list[int]] = field(default_factory=dict)
    reads: Counter[str] = field(default_factory=Counter)
    loops: set[str] = field(default_factory=set)
    inner: Counter[str] = field(default_factory=Counter)
    mutated: set[str] = field(default_factory=set)
    kinds: dict[str, Kinds] = field(default_factory=dict)
    returns: list[ast.Return] = field(default_factory=list)
    yields: list[ast.Yield | ast.YieldFrom] = field(default_factory=list)
    nodes: list[ast.AST] = field(default_factory=list)

    @cached_property
    def own_parameters(self) -> tuple[str, ...]:
        """Parameters without `self` or `cls`."""
        return tuple(p for p in self.parameters if p != self.receiver)

    @cached_property
    def unused_parameters(self) -> tuple[str, ...]:
        return tuple(p for p in self.own_parameters if not self.reads[p] and not p.startswith("_"))

    @cached_property
    def unused_variables(self) -> tuple[str, ...]:
        """Names that are bound but never read, loop variables included."""
        return tuple(n for n in self.writes if not self.reads[n] and n not in self.parameters and not n.startswith("_"))

    def bound_lines(self, name: str) -> list[int]:
        """Lines that bind a name for the whole scope; none when only comprehensions bind it."""
        lines = self.writes.get(name, [])
        return lines if len(lines) > self.inner[name] else []

    @cached_property
    def unused(self) -> frozenset[str]:
        return frozenset((*self.unused_parameters, *self.unused_variables))


@dataclass(eq=False)
class ClassFacts:
    """One class: attributes used on self (with counts), which of them are stored, methods, names bound in its body."""

    node: ast.ClassDef
    attributes: Counter[str] = field(default_factory=Counter)
    stored: set[str] = field(default_factory=set)
    methods: dict[str, FunctionNode] = field(default_factory=dict)
    body_names: dict[str, ast.stmt] = field(default_factory=dict)
    kinds: dict[str, Kinds] = field(default_factory=dict)


@dataclass(eq=False)
class Facts:
    """Facts of one file, gathered when first asked for."""

    source: SourceFile
    _scopes: dict[ScopeNode, ScopeFacts] = field(default_factory=dict)
    _classes: dict[ast.ClassDef, ClassFacts] = field(default_factory=dict)

    def scope(self, node: ScopeNode) -> ScopeFacts:
        found = self._scopes.get(node)
        if found is None:
            found = self._scopes[node] = self._read_scope(node)
        return found

    def class_facts(self, node: ast.ClassDef) -> ClassFacts:
        found = self._classes.get(node)
        if found is None:
            found = self._classes[node] = _read_class(node)
        return found

    def _read_scope(self, node: ScopeNode) -> ScopeFacts:
        facts = ScopeFacts(node)
        known: dict[str, Kinds] = {}
        if isinstance(node, FUNCTIONS):
            facts.parameters = parameters(node)
            above = self.source.parents.get(node)
            if isinstance(above, ast.ClassDef) and facts.parameters and not _is_static(node):
                facts.owner, facts.receiver = above.name, facts.parameters[0]
                known.update(self.class_facts(above).kinds)
        for child, nested in _scope_nodes(node):
            facts.nodes.append(child)
            _note(facts, child, nested=nested)
        arguments = [node.args] if isinstance(node, FUNCTIONS) else []
        facts.kinds = infer([*arguments, *facts.nodes], known)
        return facts

    @cached_property
    def module(self) -> ScopeFacts:
        """Facts of the module's own statements, without what is inside functions and classes."""
        return self.scope(self.source.tree)

    @cached_property
    def definitions(self) -> dict[str, list[Definition]]:
        """Functions, methods and classes by name."""
        found: dict[str, list[Definition]] = {}
        for node in self.source.statements:
            if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
                found.setdefault(node.name, []).append(node)
        return found

    @cached_property
    def imported(self) -> tuple[str, ...]:
        """Names bound by import statements anywhere in the file."""
        found: dict[str, None] = {}
        for node in self.source.statements:
            if isinstance(node, ast.Import | ast.ImportFrom):
                for alias in node.names:
                    found[alias.asname or alias.name.partition(".")[0]] = None
        return tuple(found)

    @cached_property
    def module_names(self) -> tuple[str, ...]:
        """Names bound at the top of the module: variables, functions, classes, imports."""
        top = [n.name for n in self.source.tree.body if isinstance(n, (*FUNCTIONS, ast.ClassDef))]
        return tuple(dict.fromkeys([*self.module.writes, *top, *self.imported]))

    @cached_property
    def constants(self) -> Counter[object]:
        """Numbers and strings of the file, docstrings included, with how often they occur."""
        found: Counter[object] = Counter()
        for node in self.source.parents:
            if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str | bytes):
                found[node.value] += 1
        return found

    @cached_property
    def attributes(self) -> dict[str, Counter[str]]:
        """attributes[name]: attributes used on that name in the file; under "" those used on anything."""
        found: dict[str, Counter[str]] = {"": Counter()}
        for node in self.source.parents:
            if isinstance(node, ast.Attribute):
                found[""][node.attr] += 1
                if isinstance(node.value, ast.Name):
                    found.setdefault(node.value.id, Counter())[node.attr] += 1
        return found

    @cached_property
    def callees(self) -> Counter[str]:
        """Names that are called as functions in the file."""
        called = (n.func.id for n in self.source.parents if isinstance(n, ast.Call) and isinstance(n.func, ast.Name))
        return Counter(called)

    @cached_property
    def normalised(self) -> dict[str, Counter[str]]:
        """normalised[name]: what the file makes of values of that name, as `{}.lower()` or `canonical({})`."""
        found: dict[str, Counter[str]] = {}
        for node in self.source.parents:
            form = _form(self.source, node) if isinstance(node, ast.Call) else None
            if form is not None:
                found.setdefault(form[0], Counter())[form[1]] += 1
        return found

    @cached_property
    def raised(self) -> Counter[str]:
        """Exception classes that the file raises."""
        found: Counter[str] = Counter()
        for node in self.source.statements:
            if isinstance(node, ast.Raise) and node.exc is not None:
                target = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
                if isinstance(target, ast.Name | ast.Attribute):
                    found[self.source.segment(target)] += 1
        return found


def parameters(node: FunctionNode) -> tuple[str, ...]:
    """All parameter names, in order, `*args` and `**kwargs` last."""
    arguments = node.args
    listed = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    listed += [a for a in (arguments.vararg, arguments.kwarg) if a is not None]
    return tuple(a.arg for a in listed)


def _form(source: SourceFile, call: ast.Call) -> tuple[str, str] | None:
    """The name of a value and the call that brings it into another form; None for other calls."""
    if isinstance(source.parents.get(call), ast.Expr) or call.keywords:
        return None
    func, arguments = call.func, call.args
    if isinstance(func, ast.Attribute) and func.attr in _FORMING:
        if not all(isinstance(argument, ast.Constant) for argument in arguments):
            return None
        written = ", ".join(source.segment(argument) for argument in arguments)
        value, form = func.value, f"{{}}.{func.attr}({written})"
    elif len(arguments) == 1 and isinstance(func, ast.Name) and not hasattr(builtins, func.id):
        value, form = arguments[0], f"{func.id}({{}})"
    else:
        return None
    name = value.id if isinstance(value, ast.Name) else value.attr if isinstance(value, ast.Attribute) else ""
    return (name, form) if len(name) >= _LEAST_NAME and "{" not in form.replace("{}", "", 1) else None


def decorator_names(node: Definition) -> tuple[str, ...]:
    """Last names of the decorators: `functools.wraps(f)` is "wraps"."""
    found = []
    for decorator in node.decorator_list:
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        found.append(target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", ""))
    return tuple(found)


def _is_static(node: FunctionNode) -> bool:
    return "staticmethod" in decorator_names(node)


def _scope_nodes(node: ScopeNode) -> Iterator[tuple[ast.AST, bool]]:
    """Nodes of a scope in the order of the text, each with whether a nested function holds it (modules and classes
    leave those out).
    """
    deep = isinstance(node, FUNCTIONS)
    waiting: list[tuple[ast.AST, bool]] = [(child, False) for child in reversed(node.body)]
    while waiting:
        current, nested = waiting.pop()
        yield current, nested
        closed = isinstance(current, (*FUNCTIONS, ast.ClassDef, ast.Lambda))
        if deep or not isinstance(current, (*FUNCTIONS, ast.ClassDef)):
            children = list(ast.iter_child_nodes(current))
            waiting.extend((child, nested or closed) for child in reversed(children))


def _note(facts: ScopeFacts, node: ast.AST, *, nested: bool) -> None:
    if isinstance(node, ast.Name):
        if isinstance(node.ctx, ast.Load):
            facts.reads[node.id] += 1
        elif not nested:
            facts.writes.setdefault(node.id, []).append(node.lineno)
    elif isinstance(node, ast.comprehension):
        facts.inner.update(n.id for n in ast.walk(node.target) if isinstance(n, ast.Name))
    name = _mutated_name(node)
    if name is not None:
        facts.mutated.add(name)
    if not nested:
        _note_own(facts, node)


def _note_own(facts: ScopeFacts, node: ast.AST) -> None:
    if isinstance(node, ast.For | ast.AsyncFor):
        facts.loops.update(n.id for n in ast.walk(node.target) if isinstance(n, ast.Name))
    elif isinstance(node, ast.Return):
        facts.returns.append(node)
    elif isinstance(node, ast.Yield | ast.YieldFrom):
        facts.yields.append(node)
    elif isinstance(node, ast.ExceptHandler) and node.name:
        facts.writes.setdefault(node.name, []).append(node.lineno)
        facts.reads[node.name] += 1


def _mutated_name(node: ast.AST) -> str | None:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
        return dotted(node.func.value)
    if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
        return dotted(node.value)
    if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
        return dotted(node)
    return dotted(node.target) if isinstance(node, ast.AugAssign) else None


def _read_class(node: ast.ClassDef) -> ClassFacts:
    facts = ClassFacts(node)
    for statement in node.body:
        if isinstance(statement, FUNCTIONS):
            facts.methods[statement.name] = statement
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            facts.body_names.update((t.id, statement) for t in targets if isinstance(t, ast.Name))
    nodes = [inner for method in facts.methods.values() for inner in ast.walk(method)]
    for inner in nodes:
        if isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name) and inner.value.id in ("self", "cls"):
            facts.attributes[inner.attr] += 1
            if isinstance(inner.ctx, ast.Store):
                facts.stored.add(inner.attr)
    kinds = infer(nodes, {})
    facts.kinds = {name: kind for name, kind in kinds.items() if name.startswith(("self.", "cls."))}
    return facts
