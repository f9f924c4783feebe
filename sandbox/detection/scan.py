"""A bounded look at Python sources with `ast`: what they import, which test plugins they use, where tests are."""

from __future__ import annotations

import ast
import re
import sys
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from sandbox.detection.plugins import FIXTURES, IMPORTS, MARKERS
from sandbox.tree import Tree

_MAX_PARSED = 1_500
_MAX_SOURCE = 512 << 10
_MAX_TOTAL = 24 << 20
_TEST_DIRECTORIES = frozenset({"test", "tests", "testing", "unit_tests", "unittests"})
_EXTENSIONS = (".c", ".cc", ".cpp", ".cxx", ".h", ".hpp", ".pyx", ".pxd", ".pxi", ".rs", ".f", ".f90", ".i")


@dataclass(slots=True)
class Scan:
    """What was seen. imported: top-level names of absolute imports anywhere; needed: distributions for imports, markers
    and fixtures; tests: test files; odd_tests: test files that pytest's default patterns miss; modules: names that are
    importable from the tree itself; native: sources of extension modules; nose_style: `setup()` methods that pytest 8
    no longer calls.
    """

    imported: set[str] = field(default_factory=set)
    plugins: set[str] = field(default_factory=set)
    fixtures: set[str] = field(default_factory=set)
    tests: list[str] = field(default_factory=list)
    odd_tests: list[str] = field(default_factory=list)
    modules: set[str] = field(default_factory=set)
    native: list[str] = field(default_factory=list)
    python_files: int = 0
    nose_style: bool = False

    @property
    def needed(self) -> set[str]:
        """Distributions of the tables that are used and are not the tree's own."""
        imports = {IMPORTS[name] for name in self.imported - self.modules - sys.stdlib_module_names if name in IMPORTS}
        return imports | self.plugins


def is_test_file(path: str) -> bool:
    """Whether pytest's default patterns collect the file."""
    name = PurePosixPath(path).name
    return name.endswith(".py") and (name.startswith("test_") or name.endswith("_test.py"))


def scan_python(tree: Tree, start: str = ".") -> Scan:
    """Look at the Python files below `start`: test files first, so that they are seen whole in large trees."""
    scan = Scan()
    sources: list[str] = []
    for path in tree.walk(start):
        if path.endswith(".py"):
            sources.append(path)
        elif path.endswith(_EXTENSIONS) and len(scan.native) < 2_000:
            scan.native.append(path)
    scan.python_files = len(sources)
    scan.modules = _modules(sources)
    sources.sort(key=lambda p: (not _testlike(p), p.count("/")))
    total = 0
    for path in sources[:_MAX_PARSED]:
        data = tree.read_bytes(path, max_bytes=_MAX_SOURCE)
        if data is None:
            continue
        total += len(data)
        if total > _MAX_TOTAL:
            break
        _look(scan, path, data)
    return scan


def parse(data: bytes | str) -> ast.Module | None:
    """The syntax tree of a hostile source, or None when it has none (syntax, nesting, encoding)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _testlike(path: str) -> bool:
    pure = PurePosixPath(path)
    return is_test_file(path) or pure.name in ("conftest.py", "tests.py", "test.py") or bool(
        _TEST_DIRECTORIES & set(pure.parts[:-1]),
    )  # fmt: skip


def _modules(sources: Iterable[str]) -> set[str]:
    """Names importable from the tree: every directory with Python files and every module, wherever the roots are."""
    names: set[str] = set()
    for path in sources:
        pure = PurePosixPath(path)
        names.add(pure.stem)
        names.update(pure.parts[:-1])
    return names - {"tests", "test", "setup", "conftest", "__init__"}


def _look(scan: Scan, path: str, data: bytes) -> None:
    module = parse(data)
    if module is None:
        if is_test_file(path):
            scan.tests.append(path)
        return
    testlike = _testlike(path)
    has_tests = False
    for node in ast.walk(module):
        scan.imported |= _imports(node)
        if testlike:
            has_tests = _look_at_test(scan, node) or has_tests
    if is_test_file(path):
        scan.tests.append(path)
    elif has_tests and re.match(r"tests?\w*\.py$", PurePosixPath(path).name):
        scan.odd_tests.append(path)


def _imports(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name.split(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return {node.module.split(".")[0]}
    return set()


def _look_at_test(scan: Scan, node: ast.AST) -> bool:
    """Note the markers and fixtures of one node of a test file; whether it is a test."""
    if isinstance(node, ast.Attribute):
        marked = isinstance(node.value, ast.Attribute) and node.value.attr == "mark"
        scan.plugins |= {MARKERS[node.attr]} if marked and node.attr in MARKERS else set()
        return False
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        if any("fixture" in ast.unparse(d)[:80] for d in node.decorator_list):
            scan.fixtures.add(node.name)
        elif node.name.startswith("test"):
            arguments = {a.arg for a in (*node.args.args, *node.args.kwonlyargs)}
            scan.plugins |= {FIXTURES[a] for a in arguments if a in FIXTURES and not _patched(node)}
            return True
        return False
    if isinstance(node, ast.ClassDef):
        bases = {ast.unparse(b)[-8:] for b in node.bases[:10]}
        setup = any(isinstance(f, ast.FunctionDef) and f.name in ("setup", "teardown") for f in node.body)
        scan.nose_style |= setup and "TestCase" not in bases and node.name.startswith("Test")
        return "TestCase" in bases
    return False


def _patched(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether arguments may come from `mock.patch` decorators rather than from fixtures."""
    return any("patch" in ast.unparse(d)[:60] for d in node.decorator_list)
