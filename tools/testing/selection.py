"""What a person asks to run: test ids as they write them, or a whole command line."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from sandbox.detection.command import parse_command
from sandbox.recipe import TestCommand
from sandbox.tree import Tree

_PROGRAMS = frozenset(
    (
        *("pytest", "py.test", "python", "python3", "tox", "nox", "uv", "poetry", "pipenv", "pdm", "hatch", "coverage"),
        *("make", "cmake", "ctest", "ninja", "go", "cargo", "mvn", "gradle", "sh", "bash", "env", "prove", "bazel"),
        *("npm", "npx", "yarn", "pnpm", "node", "jest", "vitest", "mocha", "tape", "tap", "ava", "deno", "bun"),
    ),
)
_OPERATORS = re.compile(r"&&|\|\||[;|<>`\n]|\$\(")


@dataclass(frozen=True, slots=True)
class TestSelection:
    """ids: tests to run (all, when there are none); command: what runs them, as typed or the repository's own."""

    __test__ = False

    command: TestCommand
    ids: tuple[str, ...] = ()


def parse_test_argument(text: str, command: TestCommand, tree: Tree) -> TestSelection:
    """One value of `--test`: a command line, a test id, or several pytest ids.

    command: the repository's own, which runs ids; its directory and variables also hold for a typed command line. A
    command line with shell operators runs as `sh -c`.
    """
    text = text.strip()
    if _is_command(text, command, tree):
        typed = parse_command(text, tree, cwd=command.cwd)
        return TestSelection(TestCommand(typed.framework, typed.argv, typed.cwd, (*command.env, *typed.env)))
    return TestSelection(command, _ids(text))


def _is_command(text: str, command: TestCommand, tree: Tree) -> bool:
    first = text.split(maxsplit=1)[0] if text else ""
    if re.match(r"^[A-Za-z_]\w*=", first):
        return True
    name = PurePosixPath(first).name
    if name in _PROGRAMS or re.fullmatch(r"python3?(\.\d+)?", name):
        return not (tree.has_directory(text) or name == text == "node")
    if first.startswith(("./", "/", "bin/", "scripts/")) and PurePosixPath(first).suffix in ("", ".sh"):
        path = first.removeprefix("./")
        return tree.has(path if command.cwd == "." else f"{command.cwd}/{path}") or first.startswith("/")
    bare = re.sub(r"\[.*\]", "", text) if "::" in first else text
    return bool(_OPERATORS.search(bare)) and " > " not in text


def _ids(text: str) -> tuple[str, ...]:
    """Several pytest ids when every word is one; else the text is one id, whatever it holds."""
    if not text:
        return ()
    try:
        words = shlex.split(text)
    except ValueError:
        return (text,)
    many = len(words) > 1 and all("::" in word or word.endswith((".py", "/")) for word in words)
    return tuple(words) if many else (text,)


def matches(asked: str, found: str) -> bool:
    """Whether a test that ran is asked for: by its id, by what holds it, or by its own last name."""
    if asked == found or any(found.startswith(asked + mark) for mark in ("::", " > ", "/", ".")):
        return True
    return any(found.endswith(mark + asked) for mark in ("::", " > ", "/", "."))


def near(asked: Iterable[str], found: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """For each id that matched nothing, up to three that look most like it (of the first 5,000)."""
    pool = found[:5_000]
    return {name: tuple(difflib.get_close_matches(name[:300], pool, 3, 0.5)) for name in list(asked)[:20]}


def say_missing(missing: dict[str, tuple[str, ...]]) -> str:
    """A sentence per id that matched nothing; "" when there is none."""
    said = []
    for name, alike in missing.items():
        hint = f"; did you mean {' or '.join(alike)}?" if alike else ""
        said.append(f"no test matches {name}{hint}")
    return "\n".join(said)
