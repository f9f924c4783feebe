"""run: one shell command inside the sandbox: no network, no secrets, thrown away afterwards."""

from __future__ import annotations

from dataclasses import replace

from tools.tool import ToolError, tool
from tools.toolbox.desk import Desk
from tools.values import Value


class Run(Value):
    command: str


@tool(timeout_s=75, max_chars=6_000)
async def run(desk: Desk, args: Run) -> str:
    """Run a shell command, without network. Only edits are kept."""
    if not args.command.strip() or len(args.command) > 8000 or "\0" in args.command:
        raise ToolError("give a command of 1 to 8000 characters")
    sandbox = await desk.sandbox()
    quota = replace(desk.quota.within(60), output_bytes=200_000)
    done = await sandbox.exec(["sh", "-c", args.command], quota=quota, env=dict(desk.test.env))
    end = f"exit code {done.exit_code}" if done.exit_code is not None else f"ended by signal {done.signal}"
    if done.exceeded:
        end += f" (limit reached: {', '.join(done.exceeded)})"
    parts = [end, done.stdout.text.rstrip()]
    if done.stderr.total:
        parts.append(f"stderr:\n{done.stderr.text.rstrip()}")
    return "\n".join(part for part in parts if part)
