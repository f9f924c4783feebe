"""What the server's tools ask of Patchwright: on this machine (`here`) or on a service (`there`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from agent.bench import Emit
    from agent.domain import Report
    from workflows.assistant.answers import Checked, RunStatus, Task


class Hands(Protocol):
    """Runs of diagnoses. All raise what `workflows/problems.py` explains."""

    async def start(self, task: Task, /) -> str:
        """Make a run and return its id; it begins with `follow`. When this is cancelled, no run is left to begin."""

    async def follow(self, run: str, emit: Emit, /) -> None:
        """Until the run has ended; when this is cancelled, the run is too, and has left nothing behind."""

    async def status(self, run: str, /) -> RunStatus:
        """How it stands with a run."""

    async def runs(self, limit: int, /) -> tuple[RunStatus, ...]:
        """The newest runs."""

    async def report(self, run: str, /) -> tuple[Report, str | None]:
        """The report of a finished run, and its verified patch."""

    async def verify(self, certificate: str, source: str, emit: Emit, /) -> Checked:
        """Run again what a certificate claims."""
