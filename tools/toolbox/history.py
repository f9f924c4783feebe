"""history: log, blame, diff, show and bisect, of the base commit and what led to it; never of what came after."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from pydantic import Field

from tools.history import Commit, History
from tools.tool import ToolError, tool
from tools.toolbox.desk import Desk
from tools.values import Value

BISECT_S = 240.0
"""Seconds that a bisection may take."""


class Ask(Value):
    what: Literal["log", "show", "blame", "diff", "bisect"]
    path: str = ""
    rev: str = ""
    line: int = Field(default=1, ge=1)


@tool(timeout_s=BISECT_S + 30, max_chars=8_000)
async def history_(desk: Desk, args: Ask) -> str:
    """Git: log (of path), show, blame (30 lines of path from line), diff (rev to now, of path), bisect (rev: good)."""
    if desk.history is None or desk.commit is None:
        raise ToolError("this source has no history")
    past = Past(desk.history, desk.commit)
    path = desk.checked(args.path) if args.path else ""
    rev = await past.known(args.rev) if args.rev else desk.commit
    if args.what == "log":
        return "\n".join(_row(commit) for commit in await past.history.log(rev, 30, [path] if path else ()))
    if args.what == "show":
        detail = await past.history.show(rev)
        return f"{_row(detail.summary)}\n{detail.body}\n{detail.diff}"
    if args.what == "blame":
        return await past.blame(rev, path or "?", args.line)
    if not args.rev:
        raise ToolError(f"{args.what} needs rev, the older revision")
    if args.what == "bisect":
        return await _culprit(desk, rev)
    return await past.history.diff(rev, desk.commit, [path] if path else ()) or "no difference"


async def _culprit(desk: Desk, good: str) -> str:
    if desk.bisect is None or not desk.failing:
        raise ToolError("there is no failing test to bisect with")
    return await desk.bisect(good)


class Past:
    """The history up to one commit: a clone may hold the very fix that is looked for, on a later commit."""

    def __init__(self, history: History, commit: str) -> None:
        self.history = history
        self._commit = commit

    async def known(self, rev: str) -> str:
        """The hash of a revision that led to the commit. Raises ToolError for any other."""
        found = self._commit if rev == "HEAD" else await self.history.resolve(rev.replace("HEAD", self._commit))
        if not await self.history.is_ancestor(found, self._commit):
            raise ToolError(f"{rev!r} is not part of the history of the revision under diagnosis")
        return found

    async def blame(self, rev: str, path: str, line: int) -> str:
        """Commits of 30 lines."""
        rows = await self.history.blame(rev, path)
        wanted = [number for number in sorted(rows) if line <= number < line + 30]
        return "\n".join(
            f"{number:>5} {rows[number].commit[:10]} {datetime.fromtimestamp(rows[number].time, UTC):%Y-%m-%d}"
            for number in wanted
        ) or f"{path} has {len(rows)} lines"  # fmt: skip


def _row(commit: Commit) -> str:
    return f"{commit.commit[:12]} {commit.date[:10]} {commit.author}: {commit.subject}"
