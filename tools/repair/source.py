"""A Python file as text and as a tree: where every statement and expression stands in the text, and what surrounds it.

Offsets are characters of the text as given (newlines kept); spans are half-open [start, end). Nothing is executed.
"""

from __future__ import annotations

import ast
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

MAX_CHARS = 1_000_000
MAX_NESTING = 800
BOM = "\ufeff"
INSIDE_FSTRINGS = sys.version_info >= (3, 12)  # before, positions of what is inside an f-string are wrong

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
Spanned = ast.expr | ast.stmt | ast.ExceptHandler | ast.keyword | ast.arg | ast.alias
ScopeNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module)
LOOPS = (ast.For, ast.AsyncFor, ast.While)
COMPOUND = (*FUNCTIONS, *LOOPS, ast.ClassDef, ast.If, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match)
_BLOCKS = ("body", "orelse", "finalbody")
_UNPLACED = (ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.boolop, ast.type_ignore)
_NEWLINE = re.compile(r"\r\n|\r|\n")
_REST_OF_LINE = re.compile(r"[ \t\f]*(#[^\r\n]*)?")


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """The statements that stand side by side with one statement; `owner` holds them."""

    owner: ast.AST
    statements: list[ast.stmt]
    index: int

    @property
    def before(self) -> ast.stmt | None:
        return self.statements[self.index - 1] if self.index else None

    @property
    def after(self) -> ast.stmt | None:
        return self.statements[self.index + 1] if self.index + 1 < len(self.statements) else None


@dataclass(frozen=True, eq=False)
class SourceFile:
    """One parsed file, made by `parse`; what is derived from text and tree is computed once, when first asked for."""

    path: str
    text: str
    tree: ast.Module

    @cached_property
    def newline(self) -> str:
        found = _NEWLINE.search(self.text)
        return found.group() if found else "\n"

    @cached_property
    def indent_unit(self) -> str:
        """One level of indentation, as the file has it."""
        for node in ast.walk(self.tree):
            if isinstance(node, COMPOUND) and not isinstance(node, ast.Match) and self.owns_lines(node.body[0]):
                inner, outer = self.indentation(node.body[0]), self.indentation(node)
                if inner.startswith(outer) and len(inner) > len(outer):
                    return inner[len(outer) :]
        return "    "

    @cached_property
    def starts(self) -> list[int]:
        """starts[n] is where line n + 1 begins; one more entry at the end of the text."""
        first = len(BOM) if self.text.startswith(BOM) else 0
        found = [first, *(match.end() for match in _NEWLINE.finditer(self.text))]
        if found[-1] != len(self.text) or len(found) == 1:
            found.append(len(self.text))
        return found

    @cached_property
    def _wide(self) -> frozenset[int]:
        """Lines with characters that take more than one byte in UTF-8: their columns need converting."""
        if self.text.isascii():
            return frozenset()
        bounds = zip(self.starts, self.starts[1:], strict=False)
        return frozenset(number for number, (a, b) in enumerate(bounds, 1) if not self.text[a:b].isascii())

    def offset(self, line: int, column: int) -> int:
        """Where the `column`-th UTF-8 byte of a line is, as a character of the text."""
        start = self.starts[line - 1]
        if line in self._wide:
            raw = self.text[start : self.starts[line]].encode()
            return start + len(raw[:column].decode(errors="ignore"))
        return start + column

    def span(self, node: Spanned) -> tuple[int, int]:
        """The characters of a node, without decorators and without parentheses around it."""
        end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
        return self.offset(node.lineno, node.col_offset), self.offset(end_line, end_column)

    def segment(self, node: Spanned) -> str:
        start, end = self.span(node)
        return self.text[start:end]

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        found: dict[ast.AST, ast.AST] = {}
        waiting: list[ast.AST] = [self.tree]
        while waiting:
            node = waiting.pop()
            for child in ast.iter_child_nodes(node):
                if not isinstance(child, _UNPLACED):
                    found[child] = node
                    waiting.append(child)
        return found

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """What holds a node, innermost first."""
        parents = self.parents
        current = parents.get(node)
        while current is not None:
            yield current
            current = parents.get(current)

    def scope_of(self, node: ast.AST) -> ScopeNode:
        """The function, class or module whose body a node is in (for a definition: the one it stands in)."""
        return next((a for a in self.ancestors(node) if isinstance(a, SCOPES)), self.tree)

    def function_of(self, node: ast.AST) -> FunctionNode | None:
        """The innermost function around a node, without looking through a class."""
        scope = self.scope_of(node)
        return scope if isinstance(scope, FUNCTIONS) else None

    def class_of(self, node: ast.AST) -> ast.ClassDef | None:
        """The class that a node, or the method it is in, belongs to."""
        return next((a for a in self.ancestors(node) if isinstance(a, ast.ClassDef)), None)

    def loop_of(self, node: ast.AST) -> ast.For | ast.AsyncFor | ast.While | None:
        """The innermost loop whose body a statement is in, inside the same function."""
        child = node
        for above in self.ancestors(node):
            if isinstance(above, SCOPES):
                return None
            if isinstance(above, LOOPS) and child in above.body:
                return above
            child = above
        return None

    def outermost_function(self, node: ast.AST) -> FunctionNode | None:
        """The outermost function around a node (or the node itself); methods do not look past their class."""
        found = node if isinstance(node, FUNCTIONS) else None
        for above in self.ancestors(node):
            if isinstance(above, ast.ClassDef) and found is not None:
                break
            found = above if isinstance(above, FUNCTIONS) else found
        return found

    @cached_property
    def blocks(self) -> dict[ast.stmt, Block]:
        found: dict[ast.stmt, Block] = {}
        for owner in [self.tree, *self.parents]:
            for statements in _lists_of(owner):
                for index, statement in enumerate(statements):
                    found[statement] = Block(owner, statements, index)
        return found

    @cached_property
    def statements(self) -> list[ast.stmt]:
        """Every statement, in the order of the text."""
        return sorted(self.blocks, key=lambda s: (s.lineno, s.col_offset, -(s.end_lineno or 0)))

    @cached_property
    def _by_line(self) -> dict[int, ast.stmt]:
        found: dict[int, ast.stmt] = {}
        for statement in self.statements:
            for line in range(first_line(statement), (statement.end_lineno or statement.lineno) + 1):
                known = found.get(line)
                if known is None or not self._same_line_sibling(known, statement, line):
                    found[line] = statement
        return found

    def _same_line_sibling(self, known: ast.stmt, statement: ast.stmt, line: int) -> bool:
        """`a = 1; b = 2` and `if x: return y`: the line belongs to the first."""
        return known.lineno == line and statement.lineno == line

    def statement_at(self, line: int) -> ast.stmt | None:
        """The innermost statement that has this line (a header, a continuation line, a decorator), if any."""
        return self._by_line.get(line)

    def indentation(self, statement: ast.stmt) -> str:
        """White space before the first statement of the statement's line."""
        start = self.starts[statement.lineno - 1]
        line = self.text[start : self.starts[statement.lineno]]
        return line[: len(line) - len(line.lstrip(" \t\f"))]

    def lines_span(self, statement: ast.stmt) -> tuple[int, int]:
        """Whole lines of a statement: from the first of its decorators to the start of the line after it."""
        last = statement.end_lineno or statement.lineno
        return self.starts[first_line(statement) - 1], self.starts[min(last, len(self.starts) - 1)]

    def is_elif(self, statement: ast.stmt) -> bool:
        """Whether an `if` is written as the `elif` of another."""
        return isinstance(statement, ast.If) and self.text.startswith("elif", self.span(statement)[0])

    def owns_lines(self, statement: ast.stmt) -> bool:
        """Whether nothing else than a comment stands on the lines of a statement (no `;`, no `if x: return`)."""
        start, end = self.span(statement)
        if self.text[self.starts[statement.lineno - 1] : start].strip(" \t\f"):
            return False
        return self._ends_line(end)

    def _ends_line(self, end: int) -> bool:
        rest = _REST_OF_LINE.match(self.text, end)
        after = rest.end() if rest else end
        return after >= len(self.text) or self.text[after] in "\r\n"

    def header_span(self, statement: ast.stmt) -> tuple[int, int]:
        """The statement without the block below it: for `if x:` up to its first inner statement."""
        start, end = self.span(statement)
        if isinstance(statement, COMPOUND):
            start = self.starts[first_line(statement) - 1] if first_line(statement) < statement.lineno else start
            inner = statement.cases[0].pattern if isinstance(statement, ast.Match) else statement.body[0]
            line = first_line(inner) if isinstance(inner, ast.stmt) else inner.lineno
            end = self.starts[line - 1] if line > inner.lineno else self.offset(inner.lineno, inner.col_offset)
        return start, end

    def expressions(self, statement: ast.stmt) -> list[ast.expr]:
        """Expressions of a statement that can be edited, in pre-order: its header only, no annotations, no f-string
        insides.
        """
        found: list[ast.expr] = []
        waiting: list[ast.AST] = [statement]
        while waiting:
            node = waiting.pop()
            if isinstance(node, ast.expr):
                found.append(node)
            if not isinstance(node, ast.JoinedStr) or INSIDE_FSTRINGS:
                waiting.extend(reversed(_inner(node)))
        return found


def first_line(statement: ast.stmt) -> int:
    """The line a statement begins on, decorators included."""
    decorators = statement.decorator_list if isinstance(statement, (*FUNCTIONS, ast.ClassDef)) else []
    return min([statement.lineno, *(d.lineno for d in decorators)])


def parse(path: str, text: str) -> SourceFile | None:
    """The file, or None when it is not Python that this interpreter can parse, too large or too deeply nested."""
    if len(text) > MAX_CHARS:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text.removeprefix(BOM))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return None if _too_deep(tree) else SourceFile(path, text, tree)


def _too_deep(tree: ast.Module) -> bool:
    level: list[ast.AST] = [tree]
    for _ in range(MAX_NESTING):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return False
    return True


def _lists_of(owner: ast.AST) -> Iterator[list[ast.stmt]]:
    for name in _BLOCKS:
        statements = getattr(owner, name, None)
        if isinstance(statements, list) and statements and isinstance(statements[0], ast.stmt):
            yield statements


_SKIPPED_FIELDS = frozenset({"annotation", "returns", "ctx", "op", "ops", "type_comment", "pattern"})


def _inner(node: ast.AST) -> list[ast.AST]:
    """Children that belong to the header of a statement, in field order; blocks and annotations left out."""
    found: list[ast.AST] = []
    for name, value in ast.iter_fields(node):
        if name in _SKIPPED_FIELDS:
            continue
        children = value if isinstance(value, list) else [value]
        found += [c for c in children if isinstance(c, ast.AST) and not isinstance(c, ast.stmt)]
    return found
