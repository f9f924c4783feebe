"""A test command as a person types it, turned into the argv of a known framework where its words tell which."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

from sandbox.recipe import Framework, TestCommand
from sandbox.tree import Tree

_SHELL = re.compile(r"[|&;<>$`(){}\n*?\[\]#~]|\\")
_ASSIGNMENT = re.compile(r"^([A-Za-z_][A-Za-z0-9_]*)=(.*)$", re.DOTALL)
_PYTHON = re.compile(r"^python(3(\.\d+)?)?$")
# Programs that only start another one, with how many words belong to them.
_LAUNCHERS: tuple[tuple[str, ...], ...] = (
    ("uv", "run"), ("poetry", "run"), ("pipenv", "run"), ("pdm", "run"), ("hatch", "run"), ("rye", "run"),
    ("coverage", "run", "-m"), ("npx", "--no-install"), ("npx",), ("yarn", "run"), ("yarn", "exec"), ("pnpm", "exec"),
    ("pnpm", "run"), ("cross-env",),
)  # fmt: skip
_BY_PROGRAM: dict[str, Framework] = {"jest": "jest", "vitest": "vitest", "mocha": "mocha", "ctest": "ctest"}
_BY_ARGUMENT: dict[str, Framework] = {"node": "node", "go": "go", "cargo": "cargo", "tape": "tap"}


def parse_command(text: str, tree: Tree, *, cwd: str = ".", framework: Framework | None = None) -> TestCommand:
    """The test command for `text`. What needs a shell or is no known framework: run by `sh`, judged by its exit.

    framework: what it runs when the words do not tell; its argv is then taken as it is.
    """
    try:
        words = [] if _SHELL.search(_bare(text)) else shlex.split(text)
    except ValueError:
        words = []
    env, words = _split_env(words)
    words = _without_launcher(words)
    if framework and framework != "command" and words:
        return TestCommand(framework, tuple(words), cwd, env)
    if words and (known := _known(words, tree, cwd)):
        return TestCommand(known[0], known[1], cwd, env)
    return TestCommand("command", ("sh", "-c", text), cwd)


def _bare(text: str) -> str:
    """`text` without what a shell leaves alone: quoted strings, brackets of parametrized pytest ids."""
    text = re.sub(r"""'[^']*'|"[^"$`\\]*\"""", "", text)
    return re.sub(r"(::[\w:]+)\[[^\]\s]*\]", r"\1", text)


def _split_env(words: Sequence[str]) -> tuple[tuple[tuple[str, str], ...], list[str]]:
    env: list[tuple[str, str]] = []
    rest = list(words[1:] if words and words[0] == "env" else words)
    while rest and (match := _ASSIGNMENT.match(rest[0])):
        env.append((match[1], match[2]))
        rest.pop(0)
    return tuple(env), rest


def _without_launcher(words: list[str]) -> list[str]:
    for launcher in _LAUNCHERS:
        if tuple(words[: len(launcher)]) == launcher and len(words) > len(launcher):
            return _without_launcher(words[len(launcher) :])
    return words


def _known(words: list[str], tree: Tree, cwd: str) -> tuple[Framework, tuple[str, ...]] | None:
    program = PurePosixPath(words[0]).name
    if program in ("pytest", "py.test"):
        return "pytest", ("python", "-m", "pytest", *words[1:])
    if _PYTHON.match(program) and len(words) > 2 and words[1] == "-m":
        return _python_module(words[2], words[3:], tree, cwd)
    if program in _BY_PROGRAM:
        return _BY_PROGRAM[program], (words[0], *words[1:])
    tests = "--test" in words if program == "node" else words[1:2] == ["test"]
    framework = _BY_ARGUMENT.get(program)
    return (framework, tuple(words)) if framework and (tests or program == "tape") else None


def _python_module(module: str, rest: list[str], tree: Tree, cwd: str) -> tuple[Framework, tuple[str, ...]] | None:
    if module in ("pytest", "py.test"):
        return "pytest", ("python", "-m", "pytest", *rest)
    if module == "unittest":
        arguments = unittest_as_pytest(rest, lambda path: tree.has(path if cwd == "." else f"{cwd}/{path}"))
        return ("pytest", ("python", "-m", "pytest", *arguments)) if arguments is not None else None
    return None


def unittest_as_pytest(words: Sequence[str], exists: Callable[[str], bool]) -> list[str] | None:
    """Pytest arguments that run what `python -m unittest WORDS` runs, or None when an option has no counterpart.

    exists: whether a file is there, asked with paths relative to where the command runs.
    """
    targets: list[str] = []
    pattern = "test*.py"
    discover = not [w for w in words if not w.startswith("-")] or "discover" in words
    queue = [w for w in words if w != "discover"]
    while queue:
        word = queue.pop(0)
        if word in ("-v", "-q", "-b", "--verbose", "--quiet", "--buffer", "-f", "--failfast"):
            continue
        if word in ("-s", "--start-directory", "-p", "--pattern", "-t", "--top-level-directory") and queue:
            value = queue.pop(0)
            targets += [value] if word in ("-s", "--start-directory") else []
            pattern = value if word in ("-p", "--pattern") else pattern
        elif word.startswith("-"):
            return None
        else:
            targets.append(word if discover else _unittest_target(word, exists))
    return ["-o", f"python_files={pattern}", *targets] if discover else targets


def _unittest_target(name: str, exists: Callable[[str], bool]) -> str:
    """`tests.test_x.Case.test_y` as `tests/test_x.py::Case::test_y`."""
    if name.endswith(".py") or "/" in name:
        return name
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        path = "/".join(parts[:length]) + ".py"
        if exists(path):
            return "::".join((path, *parts[length:]))
    return "/".join(parts)
