"""Parentheses where they are needed, and nowhere else."""

from __future__ import annotations

import ast
import itertools

import pytest

from tools.repair.precedence import stands

EXPRESSIONS = [
    "a", "-a", "not a", "a + b", "a - b", "a * b", "a // b", "a ** b", "a | b", "a & b", "a << b", "a < b", "a in b",
    "a and b", "a or b", "a if b else c", "lambda: a", "(a := b)", "a(b)", "a.b", "[a]", "a % b", "a ^ b",
]  # fmt: skip
FRAMES = [
    "{} + x", "x + {}", "{} - x", "x - {}", "{} * x", "x // {}", "{} ** x", "x ** {}", "-{}", "not {}", "{} < x",
    "x < {}", "{} and x", "x or {}", "{} | x", "x & {}", "{} if x else y", "x if {} else y", "x if y else {}",
]  # fmt: skip


def operand(tree: ast.expr) -> tuple[ast.AST, ast.expr]:
    """The place `hole` and what it is an operand of."""
    for above in ast.walk(tree):
        for node in ast.iter_child_nodes(above):
            if isinstance(node, ast.Name) and node.id == "hole":
                return above, node
    raise AssertionError(ast.dump(tree))


@pytest.mark.parametrize(("frame", "text"), list(itertools.product(FRAMES, EXPRESSIONS)))
def test_an_expression_stands_where_it_means_the_same_without_parentheses(frame: str, text: str) -> None:
    """One that could stand but is said not to costs a pair of parentheses, the other way is a wrong patch."""
    above, node = operand(ast.parse(frame.format("hole"), mode="eval").body)
    if stands(above, node, ast.parse(text, mode="eval").body):
        bare = ast.parse(frame.format(text.strip("()") if text.startswith("(") else text), mode="eval")
        assert ast.dump(bare) == ast.dump(ast.parse(frame.format(f"({text})"), mode="eval"))


@pytest.mark.parametrize(
    ("frame", "text"),
    [("{} < x", "a + b"), ("{} and x", "a < b"), ("{} + x", "a * b"), ("x * {}", "-a"), ("{} - x", "a + b")],
)
def test_no_parentheses_where_nobody_would_write_them(frame: str, text: str) -> None:
    above, node = operand(ast.parse(frame.format("hole"), mode="eval").body)
    assert stands(above, node, ast.parse(text, mode="eval").body)
