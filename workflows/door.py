"""What the command line asks of the composition root (`workflows/wiring.py` is one), as a protocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # heavy at run time, and `--help` needs none of it
    from agent.asking import Decision, More, Question
    from agent.bench import Progress
    from agent.domain import Report, Request
    from agent.recheck import Recheck
    from workflows.settings import Settings
    from workflows.wiring import RunRef, RunRow

    Emit = Callable[[Progress], None]


class Door(Protocol):
    """All that a command may do."""

    def new_run(
        self, settings: Settings, request: Request, /, *, log: str | None, issue: str | None, patches: tuple[str, ...]
    ) -> RunRef:
        """Make a run's directory, with the texts in it."""

    async def diagnose_run(self, settings: Settings, run: RunRef, emit: Emit, /) -> Report:
        """Run it, or go on with it after its last finished node. Raises Asked."""

    def keep_answer(self, run: RunRef, question: Question, decision: Decision, more: More | None, /) -> None:
        """Keep what a person answered: the run goes on with it."""

    async def replay_run(self, settings: Settings, run: RunRef, emit: Emit, /) -> tuple[Report, tuple[str, ...]]:
        """Run it from its record, with nothing executed; the differences to what was reported."""

    async def recheck(self, settings: Settings, certificate: str, source: str | None, emit: Emit, /) -> Recheck:
        """Run again what a certificate claims. Raises CertificateInvalid."""

    def find_run(self, settings: Settings, prefix: str, /) -> RunRef:
        """The run with that id or the only one whose id begins so. Raises RunUnknown."""

    def list_runs(self, settings: Settings, /) -> tuple[RunRow, ...]:
        """All runs, the newest first."""
