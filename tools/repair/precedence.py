"""Where an expression can stand without parentheses: the precedence table of the language reference, section 6.17."""

from __future__ import annotations

import ast
from functools import lru_cache

_ATOM = 17
_BINARY: dict[type[ast.operator], int] = {
    ast.BitOr: 7,
    ast.BitXor: 8,
    ast.BitAnd: 9,
    ast.LShift: 10,
    ast.RShift: 10,
    ast.Add: 11,
    ast.Sub: 11,
    ast.Mult: 12,
    ast.MatMult: 12,
    ast.Div: 12,
    ast.FloorDiv: 12,
    ast.Mod: 12,
    ast.Pow: 14,
}
_LEVELS: dict[type[ast.expr], int] = {
    ast.NamedExpr: 0,
    ast.Yield: 0,
    ast.YieldFrom: 0,
    ast.Tuple: 0,
    ast.Starred: 0,
    ast.GeneratorExp: 0,
    ast.Lambda: 1,
    ast.IfExp: 2,
    ast.Compare: 6,
    ast.Await: 15,
}


def level(node: ast.expr) -> int:
    """How tightly an expression binds: 0 needs parentheses anywhere, 17 nowhere."""
    if isinstance(node, ast.BinOp):
        return _BINARY[type(node.op)]
    if isinstance(node, ast.BoolOp):
        return 3 if isinstance(node.op, ast.Or) else 4
    if isinstance(node, ast.UnaryOp):
        return 5 if isinstance(node.op, ast.Not) else 13
    return _LEVELS.get(type(node), _ATOM)


def stands(above: ast.AST | None, node: ast.expr, new: ast.expr) -> bool:
    """Whether `new` means the same without parentheses in the place of `node`, an operand of `above`."""
    need = _need(above, node)
    return need is not None and level(new) >= need


def _need(above: ast.AST | None, node: ast.expr) -> int | None:
    """The level that an operand needs; None where `above` is no operator."""
    if isinstance(above, ast.BinOp):
        own, left = _BINARY[type(above.op)], node is above.left
        if isinstance(above.op, ast.Pow):
            return 15 if left else 13
        return own if left else own + 1
    if isinstance(above, ast.BoolOp | ast.Compare):
        return level(above) + 1
    if isinstance(above, ast.IfExp):
        return 2 if node is above.orelse else 3
    return level(above) if isinstance(above, ast.UnaryOp) else None


@lru_cache(maxsize=1 << 14)
def shape_of(text: str) -> ast.expr | None:
    """What a text is as an expression, None when it is none."""
    try:
        return ast.parse(f"({text})", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def closed(text: str) -> bool:
    """Whether the first parenthesis is closed by the last (crude about parentheses in strings)."""
    depth = 0
    for index, sign in enumerate(text):
        depth += (sign in "([{") - (sign in ")]}")
        if depth == 0:
            return index == len(text) - 1
    return False


def has_room(node: ast.expr, above: ast.AST | None, text: str) -> bool:
    """Whether a place takes an expression unparenthesised."""
    shape = shape_of(text)
    if isinstance(shape, ast.Tuple):
        return isinstance(above, ast.Return | ast.Assign | ast.Subscript | ast.For)
    if isinstance(above, ast.Call | ast.Subscript):
        return node is not getattr(above, "func", None) and node is not getattr(above, "value", None)
    if isinstance(above, ast.comprehension):
        return not isinstance(shape, ast.IfExp | ast.Lambda)
    if shape is not None and "\n" not in text and stands(above, node, shape):
        return True
    roomy = (ast.List, ast.Set, ast.Dict, ast.keyword, ast.Slice, ast.ExceptHandler, ast.Tuple, ast.stmt)
    return isinstance(above, roomy) and not isinstance(above, ast.With | ast.AsyncWith)
