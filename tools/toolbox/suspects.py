"""suspects: where the cause most likely is, by coverage, tracebacks and history."""

from __future__ import annotations

from pydantic import Field

from tools.tool import tool
from tools.toolbox.desk import Desk
from tools.values import Value


class Suspects(Value):
    top: int = Field(default=15, ge=1, le=60)


@tool(timeout_s=10, max_chars=6_000)
async def suspects(desk: Desk, args: Suspects) -> str:
    """Statements under suspicion, with reasons."""
    rows = []
    for suspect in desk.suspects[: args.top]:
        why = "; ".join(signal.detail for signal in suspect.signals[:3])
        rows.append(f"{suspect.file}:{suspect.line} {suspect.function} ({suspect.score:.2f}): {why}")
    return "\n".join(rows) or "nothing is suspected"
