"""logs: what was logged by the failing runs and what came with the request."""

from __future__ import annotations

from tools.logs import failures_in
from tools.tool import ToolError, tool
from tools.toolbox.desk import Desk
from tools.values import Value

MAX_LINES = 80
MAX_LINE = 300


class Logs(Value):
    name: str = ""
    find: str = ""


@tool(timeout_s=20, max_chars=6_000)
async def logs(desk: Desk, args: Logs) -> str:
    """List the logs, summarize one by name, or find lines in it that contain a text."""
    if not args.name:
        rows = [f"{name}: {len(text.splitlines())} lines" for name, text in desk.logs.items()]
        return "\n".join(rows) or "there are no logs"
    text = desk.logs.get(args.name)
    if text is None:
        raise ToolError(f"there is no log {args.name!r}; there is {', '.join(desk.logs) or 'none'}")
    rows = text.splitlines()
    if args.find:
        found = [f"{n:>6} {row[:MAX_LINE]}" for n, row in enumerate(rows, 1) if args.find.lower() in row.lower()]
        return "\n".join(found[:MAX_LINES]) or f"no line contains {args.find!r}"
    failures = [f"{failure.test or '-'}: {failure.summary}" for failure in failures_in(text)[:20]]
    return "\n".join([*failures, "the end of it:", *(row[:MAX_LINE] for row in rows[-40:])])
