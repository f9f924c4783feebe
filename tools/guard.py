"""The guard: what a patch may not do to be called a fix, found by comparing the texts before and after.

A finding is a violation unless the request allows its rule by name. Rules:

    failing-test    touches a file of the failing tests            test-config   conftest, pytest.ini, tox.ini...
    ci-config       .github, .gitlab-ci.yml, Jenkinsfile...        lock-file     a dependency lock
    patchwright     .patchwright.yml                               skip          adds a skip or an expected failure
    broad-except    adds an except that catches everything         sleep         adds a sleep
    test-aware      makes code ask whether a test is running       weakened-check  removes an assert or a raise
    exit            adds a call that ends the process              startup-hook  sitecustomize, .pth, usercustomize
    shadow          adds a module in place of a test runner's, of the standard library's, or compiled
"""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePosixPath

from tools.cheats import always, reaches, shadows
from tools.patches import FileChange
from tools.texts import decode
from tools.values import Value

RULES = (
    "failing-test", "test-config", "ci-config", "lock-file", "patchwright", "skip", "broad-except", "sleep",
    "test-aware", "weakened-check", "exit", "startup-hook", "shadow",
)  # fmt: skip
_CONFIG = {"pytest.ini", "tox.ini", "setup.cfg", "noxfile.py", ".coveragerc", "phpunit.xml"}
_CONFIGS = re.compile(r"(?:jest|vitest|karma|playwright|ava)\.config\.\w+|\.mocharc(?:\.\w+)?")
_PACKAGE_TESTS = ("jest", "mocha", "vitest", "ava")  # sections of package.json, beside the scripts that run tests
_TARGETS = re.compile(r"^(?:test|check)[\w.-]*[ \t]*:(?!=).*(?:\n\t.*)*", re.MULTILINE)
_CI = {".gitlab-ci.yml", ".travis.yml", "Jenkinsfile", "azure-pipelines.yml", ".drone.yml", "bitbucket-pipelines.yml"}
_CI_FOLDERS = {".github", ".circleci", ".buildkite", ".gitlab"}
_LOCKS = {
    "poetry.lock", "uv.lock", "Pipfile.lock", "pdm.lock", "package-lock.json", "yarn.lock", "pnpm-lock.yaml",
    "npm-shrinkwrap.json", "Cargo.lock", "go.sum", "composer.lock", "Gemfile.lock",
}  # fmt: skip
_STARTUP = {"sitecustomize.py", "usercustomize.py"}
_SKIPS = re.compile(
    r"pytest\.(?:mark\.)?(?:skip|xfail)|unittest\.skip|@skip|expectedFailure|SkipTest|importorskip|"
    r"\b(?:it|test|describe)\.(?:skip|todo)\b|\bxit\(|\bt\.Skip|#\[ignore"
)
_TEST_AWARE = re.compile(
    r"PYTEST_CURRENT_TEST|PYTEST_VERSION|['\"](?:pytest|_pytest|unittest)['\"]\s+in\s+(?:sys\.)?modules|"
    r"sys\.modules\.get\(\s*['\"](?:pytest|unittest)|JEST_WORKER_ID|VITEST|testing\.Testing\(\)"
)
_SLEEPS = re.compile(r"\b(?:time|asyncio|trio|anyio)\.sleep\(|\bsetTimeout\(|\bthread::sleep\(|\btime\.Sleep\(")
_EXITS = re.compile(r"\bos\._exit\(|\bsys\.exit\(|\bprocess\.exit\(|\bos\.kill\(|\bos\.abort\(")


class Finding(Value):
    """One thing the guard saw. `detail` is a sentence for people."""

    rule: str
    file: str
    detail: str


def inspect(
    changes: Iterable[FileChange], *, failing_files: Sequence[str], allow: Sequence[str] = ()
) -> tuple[Finding, ...]:
    """All violations of a patch that `allow` does not lift; empty when the patch is clean."""
    found: list[Finding] = []
    for change in changes:
        found += _paths(change, failing_files)
        found += _texts(change)
        if change.path.endswith((".py", ".pyi")):
            found += _python(change)
    return tuple(finding for finding in found if finding.rule not in allow)


def _paths(change: FileChange, failing_files: Sequence[str]) -> list[Finding]:
    path = PurePosixPath(change.path)
    rules = (
        ("failing-test", change.path in failing_files, "a file of the failing tests"),
        ("test-config", _is_config(path.name), "test configuration"),
        ("ci-config", path.name in _CI or bool(_CI_FOLDERS & set(path.parts)), "configuration of CI"),
        ("lock-file", path.name in _LOCKS, "a dependency lock"),
        ("patchwright", path.name in (".patchwright.yml", ".patchwright.yaml"), "Patchwright's own configuration"),
        ("startup-hook", path.name in _STARTUP or path.suffix == ".pth", "a file that Python runs at start"),
        ("shadow", change.old is None and shadows(change.path), "what an import finds"),
    )
    found = [Finding(rule=rule, file=change.path, detail=f"changes {what}") for rule, hit, what in rules if hit]
    if change.old is not None and _how_tested(path.name, change.old) != _how_tested(path.name, change.new):
        found.append(Finding(rule="test-config", file=change.path, detail="changes test configuration"))
    return found


def _is_config(name: str) -> bool:
    return name in _CONFIG or name == "conftest.py" or _CONFIGS.fullmatch(name) is not None


def _how_tested(name: str, text: str | None) -> object:
    """What of a file that has other uses too says how tests are run; None for all other files."""
    if name == "pyproject.toml":
        return _section(text, "tool.pytest")
    if name in ("Makefile", "makefile", "GNUmakefile"):
        return _TARGETS.findall(text or "")
    return _package(text or "") if name == "package.json" else None


def _package(text: str) -> object:
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(read, dict):
        return None
    scripts = read.get("scripts")
    tests = {k: v for k, v in scripts.items() if "test" in k} if isinstance(scripts, dict) else scripts
    return [tests, *map(read.get, _PACKAGE_TESTS)]


def _section(text: str | None, name: str) -> str:
    match = re.search(rf"^\[{re.escape(name)}[^\]]*\]\n(.*?)(?=^\[|\Z)", text or "", re.MULTILINE | re.DOTALL)
    return match[1] if match else ""


def _texts(change: FileChange) -> list[Finding]:
    rules: tuple[tuple[str, re.Pattern[str], str], ...] = (
        ("skip", _SKIPS, "adds a skip or an expected failure"),
        ("test-aware", _TEST_AWARE, "makes the code ask whether a test is running"),
        ("sleep", _SLEEPS, "adds a sleep"),
        ("exit", _EXITS, "adds a call that ends the process"),
    )
    return [
        Finding(rule=rule, file=change.path, detail=detail)
        for rule, pattern, detail in rules
        if _count(pattern, change.new) > _count(pattern, change.old)
    ]


def _count(pattern: re.Pattern[str], text: str | None) -> int:
    return len(pattern.findall(text or ""))


def _python(change: FileChange) -> list[Finding]:
    try:
        old, new = _parsed(change.old), _parsed(change.new)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return [Finding(rule="syntax", file=change.path, detail="cannot be parsed before or after the patch")]
    found = []
    if _tally(new, _is_broad) > _tally(old, _is_broad):
        found.append(Finding(rule="broad-except", file=change.path, detail="adds an except that catches everything"))
    if reached := reaches(change.path, old, new):
        what = ", ".join(reached)[:200]
        found.append(Finding(rule="test-aware", file=change.path, detail=f"reaches for tests or callers: {what}"))
    if always(new) > always(old):
        found.append(Finding(rule="weakened-check", file=change.path, detail="adds a comparison that is always true"))
    lost = _checks(old) - _checks(new)
    if sum(_checks(new).values()) < sum(_checks(old).values()):
        what = ", ".join(sorted(lost))[:200]
        found.append(Finding(rule="weakened-check", file=change.path, detail=f"removes {what}"))
    return found


def _parsed(text: str | None) -> ast.Module:
    """A file as a change has it, read by the encoding it declares. Raises what `ast.parse` raises."""
    source = decode((text or "").encode("utf-8", "surrogateescape"))
    if source is None:
        raise ValueError("not text")
    return ast.parse(source.text.removeprefix("\ufeff"))


def _tally(tree: ast.AST, wanted: Callable[[ast.AST], bool]) -> int:
    return sum(wanted(node) for node in ast.walk(tree))


def _is_broad(node: ast.AST) -> bool:
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
        return any(_names_everything(arg) for arg in node.args)
    return isinstance(node, ast.ExceptHandler) and (node.type is None or _names_everything(node.type))


def _names_everything(node: ast.expr) -> bool:
    if isinstance(node, ast.Tuple):
        return any(_names_everything(item) for item in node.elts)
    return isinstance(node, ast.Name) and node.id in ("Exception", "BaseException")


def _checks(tree: ast.AST) -> Counter[str]:
    """How many asserts and raises (by what they raise) there are."""
    return Counter(
        "an assert" if isinstance(node, ast.Assert) else f"a raise of {_raised(node)}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert | ast.Raise)
    )


def _raised(node: ast.AST) -> str:
    value = node.exc if isinstance(node, ast.Raise) else None
    value = value.func if isinstance(value, ast.Call) else value
    return ast.unparse(value) if value else "the caught exception"
