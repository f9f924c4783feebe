"""Whether a test fails for the reason that was reported: what is quoted, what is raised, and where.

A heuristic on purpose strict: what it lets through must fail in code of the repository, or in an assertion about what
that code did, in words of the report. What a test means no code can tell; that a model wrote it is said everywhere.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Collection, Sequence

from tools.values import Crash, TestResult

MAX_QUOTES, MAX_QUOTE, LEAST_QUOTE = 4, 500, 6
_QUOTE = re.compile(r"^\W{0,4}QUOTE:\W{0,4}(.+)$", re.MULTILINE)
_WORD = re.compile(r"[A-Za-z_]\w*|\d+(?:\.\d+)?")
_ABSENT = frozenset(
    ("NameError", "UnboundLocalError", "ImportError", "ModuleNotFoundError", "SyntaxError", "IndentationError")
)
_HANGS = re.compile(
    r"hang|hung|forever|infinite|endless|never|stuck|freez|froze|time[sd]?[ -]?out|deadlock|slow|"
    r"does(?:n't| not) (?:end|return|terminate)",
    re.IGNORECASE,
)
_DIES = re.compile(r"crash|segfault|segmentation|abort|kill|signal|exit|dies|died|overflow|dump", re.IGNORECASE)
_COMMON = frozenset(
    _WORD.findall(
        "the a an and or of to in is are was were be been it its this that with for from on at by as not no but if "
        "when then should would must can does did do has have had get gets got test tests assert assertion error "
        "expected expects actual instead returns return returned value result raises raise raised exception fails "
        "failed failure self none true false where"
    )
)


def quotes_in(answer: str, report: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What an answer quotes from a report: what stands there word for word, and what does not."""
    source = _bare(report)
    kept: list[str] = []
    lost: list[str] = []
    for match in list(_QUOTE.finditer(answer))[:MAX_QUOTES]:
        quote = match[1].strip()[:MAX_QUOTE]
        bare = _bare(quote)
        (kept if len(bare) >= LEAST_QUOTE and bare in source else lost).append(quote)
    return tuple(kept), tuple(lost)


def says(text: str, quote: str) -> bool:
    """Whether a text holds the words of a quote, spaces and quotation marks aside."""
    bare = _bare(quote)
    return len(bare) >= LEAST_QUOTE and bare in _bare(text)


def _bare(text: str) -> str:
    return " ".join(re.sub("[`\"'“”‘’]", "", text).split()).lower()


def wrong(result: TestResult, path: str, text: str, quotes: Sequence[str], covered: Collection[str]) -> str:
    """Why a failing test of the written file does not show what was reported; "" when it does.

    covered: tests that are known to have executed code of the repository other than tests.
    """
    crash = result.crash or Crash()
    name = result.id[:200]
    if result.status == "error":
        return f"{name} does not get as far as testing: {_line(crash)}"
    inner = next((frame for frame in reversed(crash.frames) if frame.inside), None)
    own = inner is None or inner.file == path
    if own and crash.kind.rpartition(".")[2] in _ABSENT:
        return f"{name} is itself wrong: {_line(crash)}"
    statement = _statement(text, inner.line) if inner and own else None
    made = _made_up(statement)
    if made:
        return f"{name} {made}: it must fail because of what the repository's code does"
    if result.id not in covered:
        return f"{name} does not run any code of the repository"
    if not _fits(result, ast.unparse(statement) if statement else "", " ".join(quotes), own=own):
        return f"{name} fails for another reason than the quoted one: {_line(crash)}"
    return ""


def _line(crash: Crash) -> str:
    first = next(iter(crash.message.strip().splitlines()), "")
    return f"{crash.kind}: {first}"[:300]


def _statement(text: str, line: int) -> ast.stmt | None:
    """The innermost statement at a line of the written file."""
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    near = [n for n in ast.walk(tree) if isinstance(n, ast.stmt) and n.lineno <= line <= (n.end_lineno or n.lineno)]
    return max(near, key=lambda node: node.lineno, default=None)


def _made_up(statement: ast.stmt | None) -> str:
    if isinstance(statement, ast.Raise):
        return "raises the error itself"
    if isinstance(statement, ast.Assert) and not any(
        isinstance(node, ast.Name | ast.Call) for node in ast.walk(statement.test)
    ):
        return "asserts a constant"
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        called = ast.unparse(statement.value.func)
        if called.rpartition(".")[2] in ("fail", "exit", "_exit", "abort", "kill", "skip", "xfail"):
            return f"calls {called} itself"
    return ""


def _fits(result: TestResult, statement: str, quoted: str, *, own: bool) -> bool:
    """Whether a quote names the kind of the failure, or shares words with its message or its assertion.

    own: it is raised in the test itself. An exception there more often comes from a call of what does not exist.
    """
    crash = result.crash or Crash()
    kind = crash.kind.rpartition(".")[2]
    if result.status == "timeout":
        return bool(_HANGS.search(quoted))
    if result.status == "crashed":
        return bool(_DIES.search(quoted))
    checks = kind in ("AssertionError", "Failed", "")
    if not checks and (own or re.search(rf"\b{re.escape(kind)}\b", quoted)):
        return bool(re.search(rf"\b{re.escape(kind)}\b", quoted))
    shared = _words(f"{crash.message[:2000]} {statement}") & _words(quoted)
    return len(shared) > 1 or any(len(word) > 3 for word in shared)


def _words(text: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _WORD.findall(text)) - _COMMON
