"""Statements as passages of text that can be taken elsewhere: cut out, indented anew, put before or after another.

And what a statement touches, which tells whether its order with its neighbours can matter.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from tools.repair.kinds import dotted
from tools.repair.source import COMPOUND, FUNCTIONS, LOOPS, SourceFile, first_line
from tools.repair.vocabulary import MUTATORS

Piece = tuple[int, int, str]
LEAVING = (ast.Return, ast.Raise, ast.Continue, ast.Break)
MAX_LINES = 24
_FIXED = (*FUNCTIONS, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Global, ast.Nonlocal)
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_ELSE = re.compile(r"(?:\A|(?<=[\r\n]))[ \t\f]*else[ \t]*:")


def is_docstring(statement: ast.stmt) -> bool:
    """Whether a statement is a bare constant: documentation, or the `...` of a stub."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def movable(source: SourceFile, statement: ast.stmt) -> bool:
    """Whether a statement has its lines for itself and can stand elsewhere: no definition, import, text, `elif`."""
    if isinstance(statement, _FIXED) or is_docstring(statement) or source.is_elif(statement):
        return False
    lines = (statement.end_lineno or statement.lineno) - statement.lineno
    return lines < MAX_LINES and source.owns_lines(statement)


def anchors(source: SourceFile, statement: ast.stmt) -> bool:
    """Whether whole lines can be put right before and after a statement."""
    return source.owns_lines(statement) and not source.is_elif(statement)


def whole(source: SourceFile, statement: ast.stmt) -> ast.stmt:
    """The statement, for an `elif` the `if` that begins its chain."""
    while source.is_elif(statement):
        above = source.parents[statement]
        if not isinstance(above, ast.If):
            break
        statement = above
    return statement


def holder(source: SourceFile, statement: ast.stmt) -> ast.stmt | None:
    """The `if`, loop, `with`, `try` or `match` whose block a statement is in; None right inside a function or class."""
    owner = source.blocks[statement].owner
    if isinstance(owner, ast.ExceptHandler | ast.match_case):
        owner = source.parents[owner]
    inside = isinstance(owner, COMPOUND) and not isinstance(owner, (*FUNCTIONS, ast.ClassDef))
    return owner if inside and isinstance(owner, ast.stmt) else None


def moved(source: SourceFile, statement: ast.stmt, indent: str) -> str:
    """The lines of a statement at another indentation; the insides of long strings stay as they are."""
    return lines_at(source, [statement], source.lines_span(statement)[0], source.indentation(statement), indent)


def lines_at(source: SourceFile, nodes: list[ast.stmt], start: int, old: str, new: str) -> str:
    """Whole lines from `start` to the end of the last of `nodes`, the indentation `old` replaced by `new`."""
    text = source.text[start : source.lines_span(nodes[-1])[1]]
    if old != new:
        fixed = {line for node in nodes for line in _string_lines(node)}
        parts = []
        for number, line in enumerate(_LINE.findall(text), bisect_right(source.starts, start)):
            kept = number in fixed or not line.startswith(old) or not line.strip()
            parts.append(line if kept else new + line[len(old) :])
        text = "".join(parts)
    return text if text.endswith(("\n", "\r")) else text + source.newline


def _string_lines(statement: ast.stmt) -> Iterator[int]:
    """Lines that begin inside a string."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Constant | ast.JoinedStr) and (node.end_lineno or 0) > node.lineno:
            yield from range(node.lineno + 1, (node.end_lineno or 0) + 1)


def cut(source: SourceFile, statement: ast.stmt) -> Piece:
    """Take a statement away: a block that would be empty gets `pass`, an `else:` that would be is taken as well."""
    start, end = source.lines_span(statement)
    block = source.blocks[statement]
    if len(block.statements) > 1 or isinstance(block.owner, ast.Module):
        return start, end, ""
    if block.statements is getattr(block.owner, "orelse", None) and isinstance(block.owner, ast.stmt):
        head = else_start(source, block.owner)
        if head is not None and source.text[head:start].strip().endswith(":"):
            return head, end, ""
    return start, end, f"{source.indentation(statement)}pass{source.newline}"


def before(source: SourceFile, anchor: ast.stmt, text: str) -> Piece:
    """Put whole lines in front of a statement."""
    start, _ = source.lines_span(anchor)
    return start, start, text


def after(source: SourceFile, anchor: ast.stmt, text: str) -> Piece:
    """Put whole lines behind a statement."""
    _, end = source.lines_span(anchor)
    if end == len(source.text) and not source.text.endswith(("\n", "\r")):
        text = source.newline + text
    return end, end, text


def else_start(source: SourceFile, owner: ast.stmt) -> int | None:
    """Where the line of the `else:` of a statement begins, None without one (an `elif` is none)."""
    orelse = getattr(owner, "orelse", None)
    if not orelse or not isinstance(owner, (ast.If, ast.Try, *LOOPS)) or source.is_elif(orelse[0]):
        return None
    handlers = owner.handlers if isinstance(owner, ast.Try) else []
    last = handlers[-1].body[-1] if handlers else owner.body[-1]
    found = _ELSE.search(source.text, source.lines_span(last)[1], source.span(orelse[0])[0])
    return found.start() if found else None


@dataclass(frozen=True, slots=True)
class Touch:
    """reads, writes: names and attributes of self, changes in place counted as writes; acts: calls something, or writes
    to what has no name; leaves: ends its block.
    """

    reads: frozenset[str]
    writes: frozenset[str]
    acts: bool
    leaves: bool

    def meets(self, other: Touch) -> bool:
        """Whether the order of the two can matter."""
        crossing = self.writes & (other.reads | other.writes) or self.reads & other.writes
        hidden = (self.acts and (other.acts or other.shares)) or (other.acts and self.shares)
        return bool(crossing) or hidden or self.leaves or other.leaves

    @property
    def changes(self) -> bool:
        return self.acts or bool(self.writes)

    @property
    def shares(self) -> bool:
        """Whether it writes an attribute, which calls can read."""
        return any("." in name for name in self.writes)


@lru_cache(maxsize=1 << 12)
def touch(statement: ast.stmt) -> Touch:
    """What a statement, its blocks included, reads, writes and does."""
    reads: set[str] = set()
    writes: set[str] = set()
    acts = leaves = False
    for node in ast.walk(statement):
        name = dotted(node) if isinstance(node, ast.Name | ast.Attribute) else None
        if name is not None:
            stored = isinstance(node, ast.Name | ast.Attribute) and not isinstance(node.ctx, ast.Load)
            (writes if stored else reads).add(name)
        if isinstance(node, ast.AugAssign):
            reads.update(filter(None, [dotted(node.target)]))
        changed = _changed(node)
        if changed is not None:
            writes.add(changed)
        acts = acts or isinstance(node, ast.Call | ast.Yield | ast.YieldFrom | ast.Await)
        leaves = leaves or isinstance(node, LEAVING)
    return Touch(frozenset(reads), frozenset(writes), acts, leaves)


def _changed(node: ast.AST) -> str | None:
    """The name whose value a node changes in place."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
        return _root(node.func.value)
    if isinstance(node, ast.Subscript | ast.Attribute) and not isinstance(node.ctx, ast.Load):
        return _root(node)
    return None


def _root(node: ast.expr) -> str | None:
    """`grid` of `grid[i][j]`, `self.rows` of `self.rows[0].cells`."""
    while dotted(node) is None and isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    return dotted(node)


def fresh(value: ast.expr | None) -> bool:
    """Whether an expression makes a start value: a constant, an empty or filled display, `set()`, `[0] * n`."""
    if isinstance(value, ast.UnaryOp):
        value = value.operand
    if isinstance(value, ast.BinOp):
        return isinstance(value.left, ast.List) and isinstance(value.op, ast.Mult)
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id in _MAKERS
    return isinstance(value, ast.Constant | ast.List | ast.Dict | ast.Set)


_MAKERS = frozenset(
    {"list", "dict", "set", "deque", "defaultdict", "Counter", "OrderedDict", "float", "int", "StringIO"}
)


def initial(statement: ast.stmt) -> str | None:
    """The name that a statement such as `total = 0` or `row: list[int] = []` gives its start value."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1 and fresh(statement.value):
        return dotted(statement.targets[0])
    if isinstance(statement, ast.AnnAssign) and fresh(statement.value):
        return dotted(statement.target)
    return None


def span_lines(statement: ast.stmt) -> int:
    """How many lines a statement takes, decorators included."""
    return (statement.end_lineno or statement.lineno) - first_line(statement) + 1
