"""A model looks further in a triage: it asks other sources before it says what it thinks; each answer is evidence.

Which tools there are is the user's choice, and what they answer is a stranger's text. Nothing here reaches a sandbox or
a repository, and an answer moves no verdict: it can be cited like any other evidence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from agent.act import Account, Task, act
from agent.bench import Hands, Sights
from agent.mind import Mind
from agent.model import ModelError, ToolSpec
from agent.nodes.case import UNASKED, said_by, told
from agent.prompts import render
from agent.record import append_row, played, recorded, rows_of
from tools.git import plain
from tools.toolbox.using import Used
from tools.triage.observed import Seen
from tools.triage.values import Note, Observation

BRANCH, ROW = "look", "eyes"
STEPS, SHARE = 8, 3  # turns at most, and the part of tokens and seconds: one of three
WIDTH = 400


class Eyes(Hands, Sights, Protocol):
    """Tools to look with, and what they have shown so far."""

    @property
    def seen(self) -> Sequence[Seen]:
        """What was answered."""


@dataclass(frozen=True)
class Kept:
    """Eyes whose record can be played. path: of the record."""

    eyes: Eyes
    path: Path

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        return self.eyes.specs

    @property
    def seen(self) -> Sequence[Seen]:
        return self.eyes.seen

    @property
    def notes(self) -> Sequence[str]:
        return self.eyes.notes

    async def use(self, number: int, name: str, arguments: Mapping[str, Any]) -> Used:
        return await recorded(self.eyes, BRANCH, self.path).use(number, name, arguments)

    async def diff(self) -> str:
        return ""

    def close(self) -> None:
        """Write down what was seen."""
        row = {"specs": [each.model_dump(mode="json") for each in self.specs],
               "seen": [asdict(each) for each in self.seen], "notes": list(self.notes)}  # fmt: skip
        append_row(self.path, {"method": ROW, "key": ROW, "result": row})


@dataclass(frozen=True)
class Played:
    """The same from a record: nobody is asked."""

    hands: Hands
    specs: tuple[ToolSpec, ...]
    seen: tuple[Seen, ...]
    notes: tuple[str, ...]

    @classmethod
    def of(cls, path: Path) -> Played | None:
        """None for a triage in which there was nothing to look with."""
        row = next((row["result"] for row in rows_of(path) if row.get("method") == ROW), None)
        if row is None:
            return None
        specs = tuple(map(ToolSpec.model_validate, row["specs"]))
        return cls(played(BRANCH, path), specs, tuple(Seen(**each) for each in row["seen"]), tuple(row["notes"]))

    async def use(self, number: int, name: str, arguments: Mapping[str, Any]) -> Used:
        return await self.hands.use(number, name, arguments)

    async def diff(self) -> str:
        return ""


async def looked(note: Note, mind: Mind, account: Account, eyes: Eyes, shown: Mapping[str, object]) -> Note:
    """The note with what the model asked for and was answered; its verdict is what it was. shown: of incident.md."""
    if not eyes.specs:
        return note.model_copy(update={"notes": (*note.notes, *eyes.notes)})
    limits = account.reasoner.model_copy(update={"steps": min(STEPS, account.reasoner.steps)})
    own = Account(limits, account.free // SHARE, account.now, account.wall_s / SHARE)
    before = own.tokens
    task = Task(
        branch=BRANCH, system=render("look.system"), prompt=render("look.user", **shown), tools=eyes.specs,
        temperature=0.6, seed=0, check=_any,
    )  # fmt: skip
    acted, problem = UNASKED, ""
    try:
        acted = await act(mind, eyes, task, own)
    except ModelError as error:
        problem = said_by(error)
    account.tokens -= before - own.tokens
    line = plain(told(BRANCH, acted, problem, f"{len(eyes.seen)} answers of other sources"), 300)
    evidence = (*note.evidence, *_numbered(eyes.seen, len(note.evidence)))
    return note.model_copy(update={"evidence": evidence, "notes": (*note.notes, *eyes.notes, line)})


async def _any(_: str) -> str:
    """Whatever it ends with: only what it looked at counts."""
    return ""


def _numbered(seen: Sequence[Seen], known: int) -> list[Observation]:
    return [
        Observation(
            id=f"E{number}", kind=each.kind, summary=" ".join(each.summary.split())[:WIDTH], time=each.time,
            where=each.where, query=each.query,
        )
        for number, each in enumerate(seen, known + 1)
    ]  # fmt: skip
