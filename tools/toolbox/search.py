"""search: where a pattern occurs in the repository, with the draft's changes, asked of grep inside the sandbox."""

from __future__ import annotations

from dataclasses import replace

from tools.tool import ToolError, tool
from tools.toolbox.desk import Desk
from tools.values import Value

MOST = 60
MAX_LINE = 240
_LEAVE = (".git", "__pycache__", "node_modules", ".venv", "*.egg-info")


class Search(Value):
    pattern: str
    path: str = "."


@tool(timeout_s=30, max_chars=6_000)
async def search(desk: Desk, args: Search) -> str:
    """Find an extended regex in files below path."""
    if not args.pattern.strip() or len(args.pattern) > 400 or "\0" in args.pattern:
        raise ToolError("give a pattern of 1 to 400 characters")
    place = "." if args.path.strip() in ("", ".", "/", "/workspace") else desk.checked(args.path)
    for kind in ("-E", "-F"):
        code, lines = await _grep(desk, kind, args.pattern, place)
        if code in (0, 1):
            break
    if code not in (0, 1):
        raise ToolError(f"the search failed: {' '.join(lines)[:300] or f'exit code {code}'}")
    if not lines:
        return f"no line matches {args.pattern!r} below {place}"
    rows = [line.removeprefix("./")[:MAX_LINE] for line in lines[:MOST]]
    more = f"\n[more than {MOST} lines match: narrow the pattern or the path]" if len(lines) > MOST else ""
    return "\n".join(rows) + more


async def _grep(desk: Desk, kind: str, pattern: str, place: str) -> tuple[int, list[str]]:
    sandbox = await desk.sandbox()
    leave = [f"--exclude-dir={name}" for name in _LEAVE]
    argv = ["grep", "-rnI", kind, "--max-count=40", *leave, "-e", pattern, "--", place]
    quota = replace(desk.quota.within(20), output_bytes=200_000, flood_bytes=4_000_000)
    done = await sandbox.exec(argv, quota=quota, env={"LC_ALL": "C.UTF-8"})
    if done.timed_out:
        raise ToolError("the search took too long: use a simpler pattern")
    code = 0 if "output" in done.exceeded else done.exit_code
    lines = (done.stdout if code in (0, 1) else done.stderr).text.splitlines()
    return (2 if code is None else code), lines
