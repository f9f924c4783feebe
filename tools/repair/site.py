"""Where a fix template works: one suspect statement with all that is known around it, and the edits it can propose."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from tools.repair.clues import Clue
from tools.repair.facts import ClassFacts, Facts, ScopeFacts
from tools.repair.kinds import UNKNOWN, Kinds, dotted, kinds_of
from tools.repair.modules import Modules
from tools.repair.names import Variable, comprehension_names, visible
from tools.repair.precedence import closed, has_room, shape_of
from tools.repair.source import FUNCTIONS, Block, FunctionNode, SourceFile, first_line

MAX_SHOWN = 48


class Proposal(NamedTuple):
    """A change that a template proposes, before anything is checked: replacements (start, end, text) of the file.

    weight: how likely this one is among the template's proposals here (1: as likely as its prior says).
    """

    edits: tuple[tuple[int, int, str], ...]
    line: int
    description: str
    weight: float = 1.0
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Template:
    """A fix template: a generator over sites. prior: how likely its first proposal is right when the place is right.

    limit: proposals taken per site; decay: how fast they lose weight after the first. It is asked only where a clue of
    the kinds `asks` exists and about statements of the types `heads`, when these are given.
    """

    name: str
    prior: float
    propose: Callable[[Site], Iterator[Proposal]]
    tags: tuple[str, ...] = ()
    limit: int = 16
    decay: float = 0.12
    asks: frozenset[str] = frozenset()
    heads: tuple[type[ast.stmt], ...] = (ast.stmt,)

    def fits(self, statement: ast.stmt, kinds: frozenset[str]) -> bool:
        """Whether it has anything to say about a statement, with clues of these kinds."""
        return isinstance(statement, self.heads) and (not self.asks or not self.asks.isdisjoint(kinds))


def template(
    name: str,
    *,
    prior: float,
    tags: tuple[str, ...] = (),
    limit: int = 16,
    decay: float = 0.12,
    asks: tuple[str, ...] = (),
    heads: tuple[type[ast.stmt], ...] = (ast.stmt,),
) -> Callable[[Callable[[Site], Iterator[Proposal]]], Template]:
    """Declare a generator function as a fix template."""

    def declare(propose: Callable[[Site], Iterator[Proposal]]) -> Template:
        return Template(name, prior, propose, tags, limit, decay, frozenset(asks), heads)

    return declare


@dataclass(eq=False)
class Site:
    """One statement to repair. `test_words`: identifiers of the tests; `modules`: the repository around the file."""

    facts: Facts
    statement: ast.stmt
    clues: tuple[Clue, ...] = ()
    test_words: frozenset[str] = frozenset()
    modules: Modules = field(default_factory=Modules)

    @cached_property
    def source(self) -> SourceFile:
        return self.facts.source

    @cached_property
    def line(self) -> int:
        return self.statement.lineno

    @cached_property
    def expressions(self) -> list[ast.expr]:
        return self.source.expressions(self.statement)

    @cached_property
    def function(self) -> FunctionNode | None:
        """The function the statement is in; for a `def` the function itself."""
        return self.statement if isinstance(self.statement, FUNCTIONS) else self.source.function_of(self.statement)

    @cached_property
    def scope(self) -> ScopeFacts:
        return self.facts.scope(self.function or self.source.scope_of(self.statement))

    @cached_property
    def owner(self) -> ClassFacts | None:
        """The class whose method or body the statement is in."""
        found = self.source.class_of(self.statement)
        return self.facts.class_facts(found) if found else None

    @cached_property
    def block(self) -> Block:
        return self.source.blocks[self.statement]

    @cached_property
    def loop(self) -> ast.For | ast.AsyncFor | ast.While | None:
        return self.source.loop_of(self.statement)

    @cached_property
    def variables(self) -> tuple[Variable, ...]:
        inner = self.statement.body[0] if isinstance(self.statement, FUNCTIONS) else self.statement
        return visible(self.facts, inner)

    @cached_property
    def by_name(self) -> dict[str, Variable]:
        return {v.name: v for v in self.variables}

    def variables_at(self, node: ast.AST) -> tuple[Variable, ...]:
        """Variables in scope at an expression, comprehension variables first."""
        inner = comprehension_names(self.source, node)
        return (*(Variable(n, "loop", UNKNOWN, self.line) for n in inner), *self.variables) if inner else self.variables

    def kinds(self, node: ast.expr) -> Kinds:
        return kinds_of(node, self.scope.kinds)

    def text(self, node: ast.expr | ast.stmt) -> str:
        return self.source.segment(node)

    def placed(self, node: ast.AST) -> bool:
        """Whether the position of a node can be trusted (not inside an f-string)."""
        for above in self.source.ancestors(node):
            if isinstance(above, ast.JoinedStr):
                return False
            if isinstance(above, ast.stmt):
                break
        return True

    def parent(self, node: ast.AST) -> ast.AST | None:
        return self.source.parents.get(node)

    @cached_property
    def owns_lines(self) -> bool:
        return self.source.owns_lines(self.statement)

    @cached_property
    def indentation(self) -> str:
        return self.source.indentation(self.statement)

    # -- clues ------------------------------------------------------------------------------------------------------

    def clues_of(self, *kinds: str) -> Iterator[tuple[Clue, float]]:
        """Clues of these kinds with how near their traceback comes: 1 for this statement as the innermost frame, 0.7
        further up the stack, 0.4 for the same function, 0.15 elsewhere.
        """
        for clue in self.clues:
            if clue.kind in kinds:
                yield clue, self._nearness(clue)

    def nearest_clue(self, *kinds: str) -> float:
        """The nearness of the nearest clue of these kinds, 0 without any."""
        return max((near for _, near in self.clues_of(*kinds)), default=0.0)

    def _nearness(self, clue: Clue) -> float:
        first, last = self.lines
        inside = self.source.outermost_function(self.statement)
        best = 0.15
        for depth, (file, line) in enumerate(clue.places):
            if file != self.source.path:
                continue
            if first <= line <= last:
                return 1.0 if depth == 0 else max(best, 0.7)
            if inside is not None and inside.lineno <= line <= (inside.end_lineno or 0):
                best = 0.4
        return best

    @cached_property
    def lines(self) -> tuple[int, int]:
        """The first and the last line of the statement, without the block below it."""
        start, end = self.source.header_span(self.statement)
        lines = self.source.text.count(self.source.newline, start, end)
        first = first_line(self.statement)
        return first, min(first + lines, self.statement.end_lineno or self.line)

    # -- edits ------------------------------------------------------------------------------------------------------

    def replace(
        self, node: ast.expr, text: str, *, weight: float = 1.0, tags: tuple[str, ...] = (), why: str = ""
    ) -> Proposal:
        """Replace an expression, with parentheses where the place needs them."""
        start, end = self.source.span(node)
        said = why or f"replace `{shown(self.text(node))}` by `{shown(text)}`"
        return self.splice(start, end, self._fitted(node, text), said, line=node.lineno, weight=weight, tags=tags)

    def splice(
        self,
        start: int,
        end: int,
        text: str,
        said: str,
        *,
        line: int = 0,
        weight: float = 1.0,
        tags: tuple[str, ...] = (),
    ) -> Proposal:
        """Replace any characters; `said` is the description without its line."""
        at = line or self.line
        return Proposal(((start, end, text),), at, f"line {at}: {said}", weight, tags)

    def several(
        self, edits: Iterable[tuple[int, int, str]], said: str, *, weight: float = 1.0, tags: tuple[str, ...] = ()
    ) -> Proposal:
        """Several replacements that belong together."""
        return Proposal(tuple(sorted(edits)), self.line, f"line {self.line}: {said}", weight, tags)

    def insert_before(
        self,
        code: str,
        said: str = "",
        *,
        anchor: ast.stmt | None = None,
        weight: float = 1.0,
        tags: tuple[str, ...] = (),
    ) -> Proposal:
        """Insert statements (unindented, one per line) before a statement of the same indentation."""
        target = anchor or self.statement
        start, _ = self.source.lines_span(target)
        text = self._indented(code, self.source.indentation(target))
        words = said or f"insert `{shown(code)}`"
        return self.splice(start, start, text, words, line=first_line(target), weight=weight, tags=tags)

    def insert_after(
        self,
        code: str,
        said: str = "",
        *,
        anchor: ast.stmt | None = None,
        indentation: str | None = None,
        weight: float = 1.0,
        tags: tuple[str, ...] = (),
    ) -> Proposal:
        """Insert statements after a statement, at its indentation unless another is given."""
        target = anchor or self.statement
        _, end = self.source.lines_span(target)
        indent = self.source.indentation(target) if indentation is None else indentation
        text = self._indented(code, indent)
        if end == len(self.source.text) and not self.source.text.endswith(("\n", "\r")):
            text = self.source.newline + text
        line = (target.end_lineno or target.lineno) + 1
        return self.splice(end, end, text, said or f"insert `{shown(code)}`", line=line, weight=weight, tags=tags)

    def replace_statement(
        self, code: str, said: str = "", *, weight: float = 1.0, tags: tuple[str, ...] = ()
    ) -> Proposal:
        """Replace the text of a simple statement by other statements."""
        start, end = self.source.span(self.statement)
        text = self._indented(code, self.indentation).strip()
        words = said or f"replace `{shown(self.source.text[start:end])}` by `{shown(code)}`"
        return self.splice(start, end, text, words, weight=weight, tags=tags)

    def _indented(self, code: str, indent: str) -> str:
        """Lines of code, "    " standing for one level of indentation, at an indentation of this file."""
        lines = []
        for line in code.split("\n"):
            inner = line.lstrip(" ")
            level = (len(line) - len(inner)) // 4
            text = f"{indent}{self.source.indent_unit * level}{inner}" if inner else ""
            lines.append(text + self.source.newline)
        return "".join(lines)

    def _fitted(self, node: ast.expr, text: str) -> str:
        """The text, in parentheses when its place would tear it apart."""
        above = self.source.parents.get(node)
        if isinstance(node, ast.GeneratorExp) and isinstance(above, ast.Call) and self._shares_parentheses(node, above):
            return f"({text})"
        if text[:1] == "(" and text[-1:] == ")" and is_atomic(text):
            return text
        if is_atomic(text) or has_room(node, above, text) or self._parenthesised(node):
            return text
        return f"({text})"

    def _shares_parentheses(self, node: ast.GeneratorExp, call: ast.Call) -> bool:
        """`f(x for x in y)`: the generator's span takes the parentheses of the call."""
        return self.source.span(call)[1] == self.source.span(node)[1]

    def _parenthesised(self, node: ast.expr) -> bool:
        start, end = self.source.span(node)
        text = self.source.text
        before, after = text[:start][-20:].rstrip(" \t"), text[end : end + 20].lstrip(" \t")
        return before.endswith("(") and after.startswith(")")


_ATOMS = (ast.Name, ast.Constant, ast.Call, ast.Attribute, ast.Subscript, ast.List, ast.Dict, ast.Set, ast.JoinedStr)
_ATOMS_IN_BRACKETS = (ast.ListComp, ast.SetComp, ast.DictComp)
_SIMPLE = re.compile(r"[\w.]+(\(\w*\)|\[\w*\])?|-?\d+")


def is_atomic(text: str) -> bool:
    """Whether an expression can stand anywhere without parentheses."""
    if _SIMPLE.fullmatch(text):
        return not text.startswith("-")
    shape = shape_of(text)
    if isinstance(shape, (*_ATOMS, *_ATOMS_IN_BRACKETS)):
        return not (text.startswith("(") and text.endswith(")")) or closed(text)
    return text.startswith("(") and text.endswith(")") and closed(text)


def shown(text: str) -> str:
    """Code as it appears in a description: one line, bounded."""
    flat = " ".join(text.split())
    return flat if len(flat) <= MAX_SHOWN else flat[: MAX_SHOWN - 1] + "…"


def is_load(node: ast.expr) -> bool:
    """Whether an expression is read (no assignment target, no `del`)."""
    return isinstance(getattr(node, "ctx", None) or ast.Load(), ast.Load)


def is_place(node: ast.expr) -> bool:
    """Whether an expression is a name or an attribute of self."""
    return dotted(node) is not None
