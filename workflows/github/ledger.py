"""What the bot remembers, as a protocol: cases, what was said, and who may speak about a pull request right now."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from agent.domain import Report
from tools.values import Value
from workflows.github.values import Case, Place, Published


class Result(Value):
    """What a finished diagnosis left. diff: of its patch, None without one."""

    report: Report
    diff: str | None = None


class Ledger(Protocol):
    """Cases and what was said of them. Any call may raise StoreDown."""

    async def open_case(self, case: Case) -> tuple[Case, bool]:
        """Keep a new case. False: one with its key was there, and is returned as it stands."""

    async def case(self, key: str) -> Case | None:
        """One case."""

    async def case_of(self, diagnosis: str) -> Case | None:
        """The case that a run of the service diagnoses."""

    async def cases(self, place: Place, subject: int) -> tuple[Case, ...]:
        """The cases of a pull request (0: of branches), oldest first, at most the newest 200."""

    async def change(self, case: Case) -> None:
        """Keep the case as it is now."""

    async def published(self, place: Place, subject: int) -> Published:
        """What was said about a pull request; an empty value before anything was."""

    async def keep_published(self, place: Place, subject: int, said: Published) -> None:
        """Remember what was said, right after it was."""

    def alone(self, place: Place, subject: int) -> AbstractAsyncContextManager[bool]:
        """Hold the right to speak about a pull request; False when another process has it now."""

    async def result(self, diagnosis: str) -> Result | None:
        """The report of a diagnosis and its patch; None while there is none."""
