"""What a person asks to run: test ids as they write them, or a whole command line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

_PROGRAMS = frozenset(
    (
        *("pytest", "py.test", "python", "python3", "tox", "nox", "uv", "poetry", "pipenv", "pdm", "hatch", "coverage"),
        *("make", "cmake", "ctest", "ninja", "go", "cargo", "mvn", "gradle", "sh", "bash", "env", "prove", "bazel"),
        *("npm", "npx", "yarn", "pnpm", "node", "jest", "vitest", "mocha", "tape", "tap", "ava", "deno", "bun"),
    ),
)
_OPERATORS = re.compile(r"&&|\|\||[;|<>`\n]|\$\(")
_FILE = re.compile(r"\.(?:py|[cm]?[jt]sx?|go|rs|rb|java|txt|rst|md)$")
_MAX = 4_000  # characters of one value


@dataclass(frozen=True, slots=True)
class TestSelection:
    """ids: tests to run, as the framework names them; none for a command line and for an empty value."""

    __test__ = False

    ids: tuple[str, ...] = ()


def parse_test_argument(text: str, framework: str) -> TestSelection:
    """One value of `--test`: an id, or several of pytest's; dotted unittest ids become pytest's.

    Ids of other frameworks than pytest stay as they are. A command line (`is_command`) selects nothing by itself.
    """
    text = text.strip()[:_MAX]
    if not text or is_command(text):
        return TestSelection()
    return TestSelection(tuple(map(_node_id, _split(text))) if framework == "pytest" else (text,))


def is_command(argument: str) -> bool:
    """Whether a `--test` value is a command line rather than ids.

    A single word is a command when it names a known program or a script. Several words are one unless they are an id
    (`a.py::t[a b]`, `a.js > adds two`, `src/lib.rs - f (line 3)`) or ids.
    """
    text = argument.strip()[:_MAX]
    first = text.split(maxsplit=1)[0] if text else ""
    name = PurePosixPath(first).name
    if not text or re.match(r"^[A-Za-z_]\w*=", first):
        return bool(text)
    if name in _PROGRAMS or re.fullmatch(r"python3?(\.\d+)?", name):
        return True
    if len(text.split()) > 1:
        return not _is_id(text)
    return name.endswith(".sh") or bool(_OPERATORS.search(_bare(text))) or bool(re.fullmatch(r"\./[\w-]+", text))


def _is_id(text: str) -> bool:
    """Whether a text with spaces is one id or several."""
    if " > " in text:
        return bool(_FILE.search(text.split(" > ", 1)[0]))
    if re.match(r"^\S+\.rs - \S", text):
        return True
    return all("::" in word or _FILE.search(word) or word.endswith("/") for word in _bare(text).split())


def _bare(text: str) -> str:
    """`text` without the parameters of ids: from the bracket after a test's name to the last one that ends a word."""
    return re.sub(r"(::[\w:]{1,500})\[.*?\](?=\s|$)", r"\1", text, flags=re.DOTALL)


def _split(text: str) -> list[str]:
    """The ids of a text: spaces inside brackets do not part them."""
    ids = re.findall(r"\S+?::[\w:]{1,500}\[.*?\](?=\s|$)|\S+", text, flags=re.DOTALL)
    return [str(name) for name in ids]


def _node_id(name: str) -> str:
    """A dotted unittest id (`pkg.mod.Class.test`) as a node id; others as they are."""
    if "::" in name or "/" in name or _FILE.search(name):
        return name
    parts = name.split(".")
    upper = next((i for i, part in enumerate(parts) if part[:1].isupper()), 0)
    return "/".join(parts[:upper]) + ".py" + "".join(f"::{part}" for part in parts[upper:]) if upper else name


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
