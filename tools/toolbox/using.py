"""Using a tool: the call checked, run within its limits, its result kept whole and shown in bounds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from sandbox.protocol import SandboxError
from tools.tool import Tool, ToolError
from tools.toolbox.desk import Desk
from tools.toolbox.edit import edit
from tools.toolbox.history import history_
from tools.toolbox.logs import logs
from tools.toolbox.read import read
from tools.toolbox.run import run
from tools.toolbox.run_tests import run_tests
from tools.toolbox.search import search
from tools.toolbox.suspects import suspects
from tools.values import Value, spelled

ALL: tuple[Tool, ...] = (search, read, edit, run_tests, run, history_, logs, suspects)
NAMES = frozenset(tool.name for tool in ALL)
MAX_KEPT = 1_000_000
_IN_SANDBOX = ("search", "run_tests", "run")


class UnknownTool(ToolError):
    """There is no tool of that name."""


class WrongArguments(ToolError):
    """The arguments are not what the tool takes."""


class Answer(Value):
    """What another system said, as evidence. time: seconds since 1970; where: who was asked; query: brings it again."""

    summary: str
    time: int
    where: str
    query: str


class Used(Value):
    """A finished call. ok: false for what is told as an error; changed: the draft is another one now; full: characters
    of the whole result when not all of it is shown; sandbox_s: seconds that commands ran; answer: of another system.
    """

    text: str
    ok: bool = True
    changed: bool = False
    full: int = 0
    sandbox_s: float = 0.0
    answer: Answer | None = None


async def use(desk: Desk, number: int, name: str, arguments: Mapping[str, Any]) -> Used:
    """Run one call. number: what its whole result is kept under, as output:NUMBER. Errors are results as well."""
    began = time.monotonic()
    try:
        chosen = _tool(name)
        text = await _run(desk, chosen, _checked(chosen, arguments))
    except ToolError as error:
        return Used(text=f"ERROR: {spelled(str(error))[:2000]}", ok=False, sandbox_s=_seconds(name, arguments, began))
    text = spelled(text)
    full = len(text) if len(text) > chosen.max_chars else 0
    if full:
        desk.outputs.mkdir(parents=True, exist_ok=True)
        (desk.outputs / f"{number}.txt").write_text(text[:MAX_KEPT], encoding="utf-8", errors="replace")
    shown = digest(text, chosen.max_chars, number)
    return Used(text=shown, changed=name == "edit", full=full, sandbox_s=_seconds(name, arguments, began))


def _seconds(name: str, arguments: Mapping[str, Any], began: float) -> float:
    ran = name in _IN_SANDBOX or (name == "history" and arguments.get("what") == "bisect")
    return round(time.monotonic() - began, 3) if ran else 0.0


def _tool(name: str) -> Tool:
    found = next((tool for tool in ALL if tool.name == name), None)
    if found is None:
        raise UnknownTool(f"there is no tool {name[:80]!r}; there are {', '.join(tool.name for tool in ALL)}")
    return found


def _checked(chosen: Tool, arguments: Mapping[str, Any]) -> Value:
    known = chosen.arguments.model_fields
    try:
        return chosen.arguments.model_validate(dict(arguments))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])[:80]
        takes = ", ".join(name if field.is_required() else f"{name}?" for name, field in known.items())
        raise WrongArguments(f"{chosen.name}({takes}): {place}: {first['msg']}") from error


async def _run(desk: Desk, chosen: Tool, arguments: Value) -> str:
    try:
        async with asyncio.timeout(chosen.timeout_s):
            return await chosen.run(desk, arguments)
    except TimeoutError as error:
        raise ToolError(f"{chosen.name} took longer than {chosen.timeout_s:.0f} s and was ended") from error
    except SandboxError as error:
        await desk.lost()
        raise ToolError(f"the sandbox died ({error}); the next call gets a new one with your edits") from error


def digest(text: str, limit: int, number: int) -> str:
    """Head and tail of a text that is too long, with where the rest can be read."""
    if len(text) <= limit:
        return text
    head, tail = text[: limit * 2 // 3], text[-limit // 3 :]
    line = head.count("\n") + 1
    gap = f'[... {len(text) - limit} characters left out: read them with path "output:{number}" from line {line} ...]'
    return f"{head}\n{gap}\n{tail}"
