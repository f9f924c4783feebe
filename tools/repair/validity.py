"""Whether an edit leaves valid Python that means something else, settled by compiling the few lines it touches.

Compiling executes nothing. The touched statements are compiled inside a skeleton (function, loop) that makes `return`,
`await`, `break` legal exactly where they are; whole functions only when scoping words are about.
"""

from __future__ import annotations

import ast
import re
import textwrap
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import CodeType

from tools.repair.facts import Facts
from tools.repair.source import COMPOUND, FUNCTIONS, Block, FunctionNode, SourceFile, first_line

Replacement = tuple[int, int, str]
Lines = Callable[[Sequence[Replacement]], str]
_CLAUSE = re.compile(r"[ \t\f]*(?:el(?:se|if)|except|finally)\b")
_SCOPING = re.compile(r"\b(?:nonlocal|global)\b")
_GUARD = re.compile(r"\bis not None or\b|\bis None and\b")


@dataclass(frozen=True, slots=True)
class _Context:
    """What a block is inside of, as lines that open it."""

    function: str
    loop: bool
    indent: str

    def around(self, lines: str) -> str:
        openers = [self.function] if self.function else []
        openers += ["while 1:"] if self.loop else []
        if not openers and self.indent:
            openers = ["if 1:"]
        if len(self.indent) < len(openers):
            return lines
        return "".join(f"{self.indent[:level]}{opener}\n" for level, opener in enumerate(openers)) + lines


@dataclass(eq=False)
class Checker:
    """Checks edits of one file; remembers what the untouched lines compile to."""

    facts: Facts
    _originals: dict[tuple[int, int, bool], CodeType | None] = field(default_factory=dict)
    _delicate: dict[FunctionNode, bool] = field(default_factory=dict)
    _insertions: dict[tuple[str, _Context], bool] = field(default_factory=dict)

    @property
    def source(self) -> SourceFile:
        return self.facts.source

    def changes(self, statement: ast.stmt, edits: Sequence[Replacement]) -> bool:
        """Whether applying the edits of a statement's site gives valid code with another meaning."""
        if not self._in_range(edits):
            return False
        scoped = self._scoped(statement, edits)
        inner = self._opens_body(statement, edits)
        if inner is not None and not scoped:
            return self._inserted(inner, edits[0])
        start, end = self.source.header_span(statement)
        end = start + len(self.source.text[start:end].rstrip())
        if isinstance(statement, COMPOUND) and not scoped and all(start <= a and b <= end for a, b, _ in edits):
            return not isinstance(statement, ast.Try | ast.TryStar | ast.Match) and self._header(statement, edits)
        if len(edits) == 1 and not scoped and self._is_insertion(edits[0]):
            return self._inserted(statement, edits[0])
        return self._region(statement, edits, scoped=scoped)

    def _in_range(self, edits: Sequence[Replacement]) -> bool:
        last = 0
        for start, end, _ in edits:
            if not last <= start <= end <= len(self.source.text):
                return False
            last = end
        return bool(edits)

    def _scoped(self, statement: ast.stmt, edits: Sequence[Replacement]) -> bool:
        """Whether validity depends on more than the lines: `nonlocal`, `global`, asynchronous generators."""
        if any(_SCOPING.search(text) for _, _, text in edits):
            return True
        function = self.source.outermost_function(statement)
        return function is not None and self._is_delicate(function)

    def _is_delicate(self, function: FunctionNode) -> bool:
        if function not in self._delicate:
            nodes = [function, *self.facts.scope(function).nodes]
            self._delicate[function] = any(
                isinstance(n, ast.Nonlocal | ast.Global | ast.AsyncFunctionDef) for n in nodes
            )
        return self._delicate[function]

    def _opens_body(self, statement: ast.stmt, edits: Sequence[Replacement]) -> ast.stmt | None:
        """The first statement of a body (a docstring aside) that whole lines are put in front of, if that is all."""
        body = getattr(statement, "body", ())
        if len(edits) != 1 or not isinstance(statement, COMPOUND) or not self._is_insertion(edits[0]):
            return None
        own = (inner for inner in body[:2] if first_line(inner) > statement.lineno)
        return next((inner for inner in own if self.source.lines_span(inner)[0] == edits[0][0]), None)

    def _is_insertion(self, edit: Replacement) -> bool:
        start, end, text = edit
        return start == end and self._at_line_start(start) and text.endswith(("\n", "\r")) and text[:1] not in "\r\n"

    def _inserted(self, statement: ast.stmt, edit: Replacement) -> bool:
        text = edit[2]
        indent = _indent(text)
        context = self._context(self._beside(statement, indent), indent)
        key = (text, context)
        if key not in self._insertions:
            code = compiled(context.around(text))
            self._insertions[key] = code is not None
        return self._insertions[key]

    def _beside(self, statement: ast.stmt, indent: str) -> ast.stmt:
        """The statement, or one that holds it, in whose block lines of this indentation stand."""
        current = statement
        while True:
            owner = self.source.blocks[current].owner
            if isinstance(owner, ast.Module):
                return current
            above = owner if isinstance(owner, ast.stmt) else self._statement_above(owner)
            if len(self.source.indentation(above)) < len(indent):
                return current
            current = above

    def _header(self, statement: ast.stmt, edits: Sequence[Replacement]) -> bool:
        """The head of a compound statement, over a `pass`."""
        start, end = self.source.header_span(statement)
        line_start = self.source.starts[first_line(statement) - 1]
        indent = self.source.indentation(statement)
        context = self._context(statement, indent)

        def lines(changes: Sequence[Replacement]) -> str:
            head = _applied(self.source.text, start, end, changes).strip()
            head = head[2:] if head.startswith("elif") else head
            return context.around(f"{indent}{head}\n{indent} pass\n")

        shared = self.source.text[line_start:start].strip(" \t\f")
        if shared or _keyword(_applied(self.source.text, start, end, edits)) != _keyword(self.source.text[start:end]):
            return self._region(statement, edits, scoped=False)
        return self._differs((start, end, True), lines, edits)

    def _region(self, statement: ast.stmt, edits: Sequence[Replacement], *, scoped: bool) -> bool:
        """The smallest run of whole statements around all edits (the outermost function when `scoped`)."""
        low, high = self._concerned(edits), edits[-1][1]
        first, last = self._run(statement, low, high, scoped=scoped, depth=self._least_depth(edits))
        start, end = self.source.lines_span(first)[0], self.source.lines_span(last)[1]
        start, end = min(start, low), max(end, high)
        context = self._context(first, self.source.indentation(first))

        def lines(changes: Sequence[Replacement]) -> str:
            text = _applied(self.source.text, start, end, changes)
            return context.around(text if text.endswith(("\n", "\r")) else text + "\n")

        return self._differs((start, end, False), lines, edits)

    def _concerned(self, edits: Sequence[Replacement]) -> int:
        """Where what the edits concern begins: with the line before when lines go to the block that ends there, when a
        statement becomes a clause, or when nothing but deletion happens, which must leave something in its block.
        """
        low, end, text = edits[0]
        line = low - len(_indent(self.source.text[max(0, low - 400) : low][::-1]))
        if not self._at_line_start(line):
            return low
        old = self.source.text[line : line + 400]
        deeper = line == low == end and len(_indent(text)) > len(_indent(old))
        under = _CLAUSE.match(text) and not (_CLAUSE.match(old) and low < end)
        return max(0, line - 1) if deeper or under or not any(new.strip() for _, _, new in edits) else low

    def _least_depth(self, edits: Sequence[Replacement]) -> int:
        """The least indentation of lines that are put in: what holds them is to be compiled with them."""
        lines = [text for start, _, text in edits if text.strip() and self._at_line_start(start)]
        return min((len(_indent(text.lstrip("\r\n"))) for text in lines), default=1 << 20)

    def _at_line_start(self, at: int) -> bool:
        return at == 0 or self.source.text[at - 1] in "\r\n"

    def _run(self, statement: ast.stmt, low: int, high: int, *, scoped: bool, depth: int) -> tuple[ast.stmt, ast.stmt]:
        current: ast.stmt = statement
        if scoped:
            current = self.source.outermost_function(statement) or statement
        while True:
            block = self.source.blocks[current]
            i, j = self._reach(block, low, high)
            first, last = block.statements[i], block.statements[j]
            covered = self.source.lines_span(first)[0] <= low and high <= self.source.lines_span(last)[1]
            whole = self.source.owns_lines(current) and not self.source.is_elif(current)
            whole = whole and len(self.source.indentation(current)) <= depth
            if isinstance(block.owner, ast.Module) or (covered and whole):
                return first, last
            current = block.owner if isinstance(block.owner, ast.stmt) else self._statement_above(block.owner)

    def _reach(self, block: Block, low: int, high: int) -> tuple[int, int]:
        """Indices of the statements of a block from `low` to `high`, as far as it goes."""
        i = j = block.index
        while i and low < self.source.lines_span(block.statements[i])[0]:
            i -= 1
        while j + 1 < len(block.statements) and high > self.source.lines_span(block.statements[j])[1]:
            j += 1
        return i, j

    def _statement_above(self, node: ast.AST) -> ast.stmt:
        """The statement that holds a handler or a case."""
        return next(a for a in self.source.ancestors(node) if isinstance(a, ast.stmt))

    def _context(self, statement: ast.stmt, indent: str) -> _Context:
        scope = self.source.scope_of(statement)
        function = ""
        if isinstance(scope, FUNCTIONS):
            function = "async def _():" if isinstance(scope, ast.AsyncFunctionDef) else "def _():"
        return _Context(function, self.source.loop_of(statement) is not None, indent)

    def _differs(self, key: tuple[int, int, bool], lines: Lines, edits: Sequence[Replacement]) -> bool:
        if key not in self._originals:
            self._originals[key] = compiled(lines(()))
        original = self._originals[key]
        text = lines(edits)
        code = compiled(text)
        if code is None or (original is not None and same_code(code, original)):
            return False
        return not (_GUARD.search(text) and backwards(text) > backwards(lines(())))


def _keyword(head: str) -> str:
    return head.lstrip().partition(" ")[0]


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t\f"))]


def _applied(text: str, start: int, end: int, edits: Sequence[Replacement]) -> str:
    """The characters [start, end) of a text after edits, which lie inside it in order."""
    parts, at = [], start
    for low, high, new in edits:
        parts += [text[at:low], new]
        at = high
    return "".join([*parts, text[at:end]])


def compiled(text: str) -> CodeType | None:
    """The code of a text, or None when it is no valid Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return compile(text, "<candidate>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None


def backwards(text: str) -> int:
    """How often what uses a name is reached only where the name is None: `x is not None or x.a`, `x is None and f(x)`.

    Such a clause keeps the rest from ever being asked about a value: tests pass because nothing is looked at any more.
    """
    try:
        tree = ast.parse(textwrap.dedent(text))
    except (SyntaxError, ValueError, RecursionError):
        return 0
    return sum(map(_backwards, (node for node in ast.walk(tree) if isinstance(node, ast.BoolOp))))


def _backwards(node: ast.BoolOp) -> bool:
    wanted = ast.IsNot if isinstance(node.op, ast.Or) else ast.Is
    for place, value in enumerate(node.values):
        if not (isinstance(value, ast.Compare) and isinstance(value.left, ast.Name | ast.Attribute)):
            continue
        of_none = isinstance(value.comparators[0], ast.Constant) and value.comparators[0].value is None
        guarded = ast.dump(value.left)
        behind = (ast.dump(part) for later in node.values[place + 1 :] for part in ast.walk(later))
        if of_none and isinstance(value.ops[0], wanted) and guarded in behind:
            return True
    return False


def same_code(first: CodeType, second: CodeType) -> bool:
    """Whether two codes do the same, line numbers aside."""
    waiting = [(first, second)]
    while waiting:
        one, other = waiting.pop()
        if _plain(one) != _plain(other) or len(one.co_consts) != len(other.co_consts):
            return False
        for a, b in zip(one.co_consts, other.co_consts, strict=True):
            if isinstance(a, CodeType) and isinstance(b, CodeType):
                waiting.append((a, b))
            elif type(a) is not type(b) or repr(a) != repr(b):
                return False
    return True


def _plain(code: CodeType) -> tuple[object, ...]:
    return (
        code.co_code,
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        code.co_cellvars,
        code.co_flags,
        code.co_argcount,
        code.co_kwonlyargcount,
        code.co_posonlyargcount,
        code.co_exceptiontable,
    )
