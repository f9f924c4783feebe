"""Code that deals with its tests instead of with its job: what the guard looks for in Python beyond plain words.

Results are read inside the process that the patched code runs in, so code that reaches for the test runner, for its
callers or for other people's objects could pass every test. A file that did so before may go on doing it.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import PurePosixPath

_RUNNERS = frozenset({
    "pytest", "_pytest", "pluggy", "iniconfig", "unittest", "doctest", "nose", "coverage", "patchwright_probe",
})  # fmt: skip
_ROOTS = frozenset({"src", "lib", "test", "tests"})
_REACHES = frozenset({
    "sys.modules", "sys._getframe", "sys._current_frames", "sys.settrace", "sys.setprofile", "sys.monitoring",
    "sys.meta_path", "sys.path_hooks", "gc.get_objects", "gc.get_referrers", "inspect.stack", "inspect.currentframe",
    "threading.settrace", "threading.setprofile",
})  # fmt: skip
_TEST_FOLDERS = frozenset({"test", "tests", "testing"})
_COMPARISONS = frozenset({"__eq__", "__lt__", "__le__", "__gt__", "__ge__", "__contains__"})


def shadows(path: str) -> bool:
    """Whether a new file stands where Python would find it in place of a test runner or of the standard library."""
    place = PurePosixPath(path)
    if place.suffix in (".pyc", ".pyo"):
        return True
    if place.suffix not in (".py", ".so", ".pyd"):
        return False
    parts = (*place.parts[:-1], place.name.partition(".")[0])
    if any(part in _RUNNERS for part in parts):
        return True
    top = parts[1] if len(parts) > 1 and parts[0] in _ROOTS else parts[0]
    return top in sys.stdlib_module_names and top not in _ROOTS


def reaches(path: str, old: ast.AST, new: ast.AST) -> tuple[str, ...]:
    """What a file newly reaches for: the runner of its tests, its callers, objects of others; sorted."""
    before = set(_reached(old))
    testing = _is_test(PurePosixPath(path))
    return tuple(sorted(name for name in set(_reached(new)) - before if not (testing and _usual_in_tests(name))))


def always(tree: ast.AST) -> int:
    """How many comparisons say yes to everything."""
    return sum(
        isinstance(node, ast.FunctionDef) and node.name in _COMPARISONS and _says_yes(node) for node in ast.walk(tree)
    )


def _is_test(path: PurePosixPath) -> bool:
    named = path.name.startswith("test_") or path.name.endswith("_test.py")
    return named or bool(_TEST_FOLDERS & set(path.parts[:-1]))


def _usual_in_tests(name: str) -> bool:
    return name in ("pytest", "unittest", "doctest", "sys.modules")


def _reached(tree: ast.AST) -> Iterator[str]:
    """Names of modules and attributes, through `import a as b` and `from a import b as c`; assignments to a runner's
    attributes as `pytest.…=`.
    """
    called = dict(_imported(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (name for name in _modules(node) if name.split(".")[0] in _RUNNERS)
        if isinstance(node, ast.ImportFrom):
            yield from _REACHES & {f"{node.module}.{alias.name}" for alias in node.names}
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield from _REACHES & {f"{called.get(node.value.id, node.value.id)}.{node.attr}"}
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
            owner = called.get(_root(node), "")
            if owner.split(".")[0] in _RUNNERS:
                yield f"{owner}.… ="
        text = _constant(node)
        if text in _RUNNERS:
            yield repr(text)


def _modules(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""] if not node.level else []
    return [alias.name for alias in node.names]


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Name in this file → what it stands for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (top, top)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                yield (alias.asname or alias.name, f"{node.module}.{alias.name}")


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _constant(node: ast.AST) -> str:
    """The text of a constant, also of one that is put together of constants; "" for anything else."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _constant(node.left), _constant(node.right)
        return left + right if left and right else ""
    return ""


def _says_yes(function: ast.FunctionDef) -> bool:
    body = [each for each in function.body if not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))]
    return bool(body) and all(
        isinstance(each, ast.Return) and isinstance(each.value, ast.Constant) and each.value.value is True
        for each in body
    )
