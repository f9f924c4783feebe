"""read: a window of a file, with line numbers and what the file defines."""

from __future__ import annotations

import ast
import re
import warnings

from pydantic import Field

from tools.tool import ToolError, tool
from tools.toolbox.desk import Desk
from tools.values import Value

WINDOW, MOST = 150, 400
MAX_LINE = 400
MAX_SYMBOLS = 40
_OUTPUT = re.compile(r"output:(\d{1,6})")


class Read(Value):
    path: str
    start: int = Field(default=1, ge=1)
    lines: int = Field(default=WINDOW, ge=1, le=MOST)


@tool(timeout_s=20, max_chars=14_000)
async def read(desk: Desk, args: Read) -> str:
    """Lines of a file, or of a long result, output:N."""
    output = _OUTPUT.fullmatch(args.path.strip())
    text = _output(desk, output[1]) if output else _file(desk, args.path)
    rows = text.split("\n")
    if rows and not rows[-1]:
        rows.pop()
    if args.start > max(1, len(rows)):
        raise ToolError(f"{args.path} has {len(rows)} lines")
    last = min(len(rows), args.start - 1 + args.lines)
    shown = [f"{number}|{rows[number - 1][:MAX_LINE]}" for number in range(args.start, last + 1)]
    head = f"{args.path}, {args.start}-{last} of {len(rows)} lines"
    if last - args.start + 1 < len(rows) and args.path.endswith(".py"):
        head += f"\ndefines {symbols(text)}"
    return "\n".join([head, *shown])


def _file(desk: Desk, path: str) -> str:
    text = desk.read(path)
    if text is None:
        raise ToolError(f"there is no file {path!r}; find it with search")
    return text.text


def _output(desk: Desk, number: str) -> str:
    path = desk.outputs / f"{int(number)}.txt"
    if not path.is_file():
        raise ToolError(f"there is no output:{number}")
    return path.read_text(encoding="utf-8", errors="replace")


def symbols(text: str) -> str:
    """Classes and functions of a Python source with their lines."""
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "(not parsed)"
    found = [
        (node.lineno, node.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return ", ".join(f"{name}:{line}" for line, name in sorted(found)[:MAX_SYMBOLS])
