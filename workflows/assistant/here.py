"""Diagnoses on this machine, as the command line runs them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.certificate import patch_of
from agent.domain import Report, Request
from workflows.assistant.answers import Checked, RunStatus, Task
from workflows.exits import Refused
from workflows.reasoners import chosen
from workflows.report.render import write_report
from workflows.text import line

if TYPE_CHECKING:
    from agent.bench import Emit
    from workflows.door import Door
    from workflows.settings import Settings
    from workflows.wiring import RunRow


@dataclass(frozen=True)
class Here:
    """The door of this machine, with the user's settings: an assistant chooses neither sandbox nor guard."""

    door: Door
    settings: Settings

    async def start(self, task: Task) -> str:
        """Make its directory."""
        limits = self.settings.limits
        if task.limit_s is not None:
            limits = limits.model_copy(update={"wall_s": min(task.limit_s, limits.wall_s)})
        request = Request(
            source=task.source, rev=task.rev, good=task.good, tests=task.tests, goal=task.goal, limits=limits,
            sandbox=self.settings.sandbox, dockerfile=self.settings.dockerfile, reasoner=chosen(self.settings),
        )  # fmt: skip
        return self.door.new_run(self.settings, request, log=task.log, issue=task.issue, patches=task.patches).id

    async def follow(self, run: str, emit: Emit) -> None:
        """Run it and write its report."""
        found = self.door.find_run(self.settings, run)
        report = await self.door.diagnose_run(self.settings, found, emit)
        write_report(report, _diff(report), found.folder)

    async def status(self, run: str) -> RunStatus:
        """Of a run of this machine, whoever began it."""
        found = self.door.find_run(self.settings, run).id
        rows = await asyncio.to_thread(self.door.list_runs, self.settings)
        return next(_status(row) for row in rows if row.id == found)

    async def runs(self, limit: int) -> tuple[RunStatus, ...]:
        """Those of this machine."""
        rows = await asyncio.to_thread(self.door.list_runs, self.settings)
        return tuple(_status(row) for row in rows[:limit])

    async def report(self, run: str) -> tuple[Report, str | None]:
        """As it was written."""
        found = self.door.find_run(self.settings, run)
        path = found.folder / "report.json"
        if not path.exists():
            raise Refused(f"run {found.id} has no report yet: it has not finished")
        report = Report.model_validate_json(path.read_text(encoding="utf-8"))
        return report, _diff(report)

    async def verify(self, certificate: str, source: str, emit: Emit) -> Checked:
        """In a directory of its own, gone afterwards."""
        found = await self.door.recheck(self.settings, certificate, source, emit)
        return Checked(holds=found.holds, lines=tuple(line(row, 500) for row in found.lines[:200]))


def _diff(report: Report) -> str | None:
    return patch_of(report.certificate).decode("utf-8", "surrogateescape") if report.certificate else report.patch


def _status(row: RunRow) -> RunStatus:
    return RunStatus(
        run=row.id, state=row.state, outcome=row.outcome, source=line(row.source), created=row.created.isoformat()
    )
