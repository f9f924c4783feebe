"""Running the steps of a build: each way in turn, everything logged, secrets blotted out, failures with output."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sandbox.protocol import WORKSPACE, ExecResult, OnOutput, Quota, Sandbox
from sandbox.recipe import EnvironmentBroken, Step
from sandbox.redact import redact

_TAIL_CHARS = 8_000
_LOG_CHARS = 400_000


class Builder:
    """Runs steps in the sandboxes it is given and remembers what did not go as planned (`notes`).

    quota: limits of each command; its seconds are those of all commands together.
    """

    def __init__(self, log: Path, quota: Quota, on_output: OnOutput | None) -> None:
        self.notes: list[str] = []
        self._log = log
        self._quota = quota
        self._deadline = time.monotonic() + quota.wall_s
        self._on_output = on_output

    async def run(self, sandbox: Sandbox, step: Step) -> None:
        """Run the step's first way that works. Raises EnvironmentBroken when none does and the step is needed."""
        outputs: list[str] = []
        ways = (step.argv, *step.alternatives)
        for argv in ways:
            left = self._deadline - time.monotonic()
            if left <= 0 and outputs:
                break
            result = await sandbox.exec(
                argv,
                cwd=WORKSPACE if step.cwd == "." else f"{WORKSPACE}/{step.cwd}",
                stdin=step.stdin.encode(),
                quota=replace(self._quota, wall_s=max(1.0, left)),
                on_output=self._on_output,
            )
            outputs.append(self._record(argv, result))
            if result.ok:
                if argv != step.argv:
                    self.notes.append(f"`{_shown(step.argv)}` failed; used instead: `{_shown(argv)}`")
                return
        if not step.optional:
            raise EnvironmentBroken(_shown(step.argv), _tail(outputs))
        self.notes.append(f"`{_shown(ways[-1])}` failed; the build went on without it")

    def _record(self, argv: Sequence[str], result: ExecResult) -> str:
        """Append the command to the log; returns its output with how it ended."""
        output = redact(result.stdout.text + result.stderr.text).strip("\n")
        end = _end(result)
        with self._log.open("a", encoding="utf-8", errors="replace") as log:
            log.write(f"$ {redact(shlex.join(argv))}\n{output[-_LOG_CHARS:]}\n{end}\n\n")
        return f"$ {_shown(argv)}\n{output[-_TAIL_CHARS:]}\n{end}"


def _end(result: ExecResult) -> str:
    if result.exceeded:
        return f"[ended after {result.wall_s:.1f} s: limit of {', '.join(result.exceeded)} exceeded]"
    if result.exit_code is None:
        return f"[ended by signal {result.signal} after {result.wall_s:.1f} s]"
    return f"[exit code {result.exit_code} after {result.wall_s:.1f} s]"


def _shown(argv: Sequence[str]) -> str:
    """A command for a reader: the script of `sh -c` as it is, at most a few hundred characters."""
    text = argv[2] if argv[:2] == ("sh", "-c") and len(argv) == 3 else shlex.join(argv)
    return redact(text if len(text) <= 300 else f"{text[:297]}...")


def _tail(outputs: Sequence[str]) -> str:
    """The end of what each way printed, in the order of trying."""
    share = _TAIL_CHARS // len(outputs)
    return "\n".join(text if len(text) <= share else f"[...]\n{text[-share:]}" for text in outputs)
