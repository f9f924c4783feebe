"""The outline of a Python file: which statement and which function a line belongs to."""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

MODULE = "<module>"
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class Function:
    """A function or method by qualified name; `start` counts decorators in, `line` is that of its `def`."""

    name: str
    line: int
    start: int
    end: int
    stub: bool = False


@dataclass(frozen=True, slots=True)
class Statement:
    """A simple statement, or the head of a compound one."""

    line: int
    end: int


@dataclass(frozen=True, slots=True)
class Binding:
    """A name that an assignment in the body of a module or class binds; imports: an import stands there, name is ""."""

    name: str
    line: int
    imports: bool = False


@dataclass(frozen=True)
class Outline:
    """Functions and statements of one file, by line; bindings: of module and class bodies, in order."""

    functions: tuple[Function, ...] = ()
    statements: tuple[Statement, ...] = ()
    bindings: tuple[Binding, ...] = ()
    _starts: tuple[int, ...] = field(default=(), repr=False)

    def function_at(self, line: int) -> Function | None:
        """The innermost function around a line."""
        around = [f for f in self.functions if f.start <= line <= f.end]
        return max(around, key=lambda f: (f.start, -f.end)) if around else None

    def statement_at(self, line: int) -> Statement | None:
        """The statement (or head) that a line is part of."""
        index = bisect_right(self._starts, line) - 1
        if index < 0:
            return None
        found = self.statements[index]
        return found if found.line <= line <= found.end else None

    def named(self, name: str) -> tuple[Function, ...]:
        """Functions whose last name is `name`, real definitions before `@overload` stubs."""
        return tuple(sorted((f for f in self.functions if f.name.split(".")[-1] == name), key=lambda f: f.stub))


def outline(text: str) -> Outline:
    """The outline; an empty one when the text cannot be parsed."""
    try:
        tree = ast.parse(text.removeprefix("\ufeff"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Outline()
    functions: list[Function] = []
    statements: dict[int, Statement] = {}
    _walk(tree, "", functions, statements)
    ordered = tuple(statements[line] for line in sorted(statements))
    return Outline(tuple(functions), ordered, tuple(_bindings(tree)), tuple(s.line for s in ordered))


def _bindings(tree: ast.Module) -> Iterator[Binding]:
    """What runs once, at import: the bodies of the module, of its classes and of blocks at the top."""
    waiting: list[ast.AST] = list(reversed(tree.body))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield Binding("", node.lineno, imports=True)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (Binding(t.id, node.lineno) for t in targets if isinstance(t, ast.Name))
        elif isinstance(node, ast.stmt | ast.ExceptHandler) and not isinstance(node, FUNCTIONS):
            waiting += reversed([c for c in ast.iter_child_nodes(node) if isinstance(c, ast.stmt | ast.ExceptHandler)])


def _walk(root: ast.AST, prefix: str, functions: list[Function], statements: dict[int, Statement]) -> None:
    stack: list[tuple[ast.AST, str]] = [(root, prefix)]
    while stack:
        node, names = stack.pop()
        inner = names
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = f"{names}.{node.name}" if names else node.name
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            functions.append(_function(node, inner))
        if isinstance(node, ast.stmt):
            statements.setdefault(node.lineno, Statement(node.lineno, _head_end(node)))
        stack += [(child, inner) for child in ast.iter_child_nodes(node)]


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef, name: str) -> Function:
    start = min([node.lineno, *(d.lineno for d in node.decorator_list)])
    stub = any(ast.unparse(d).split(".")[-1] == "overload" for d in node.decorator_list)
    return Function(name, node.lineno, start, node.end_lineno or node.lineno, stub)


def _head_end(node: ast.stmt) -> int:
    body = getattr(node, "body", None)
    if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
        return max(node.lineno, body[0].lineno - 1)
    return node.end_lineno or node.lineno
