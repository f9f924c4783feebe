"""A triage's note with the hypotheses of a model: asked and recorded, or taken from a record."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workflows.exits import Refused

if TYPE_CHECKING:
    from agent.domain import Reasoner
    from agent.eyes import Kept
    from tools.triage.values import Note
    from workflows.observing.servers import Servers
    from workflows.settings import Settings

_WHO = "reasoner"


@dataclass(frozen=True)
class Thinking:
    """reasoner: None for no model; out: where its words are kept; replay: a record to take them from instead;
    servers: of which it may ask the tools that are given to a model.
    """

    reasoner: Reasoner | None = None
    out: Path | None = None
    replay: Path | None = None
    servers: Servers | None = None


async def thought_over(settings: Settings, note: Note, thinking: Thinking) -> Note:
    """The note as a model sees it too. Raises Refused."""
    if thinking.replay is not None:
        return await _replayed(note, thinking.replay)
    if thinking.reasoner is None:
        return note
    from agent.mind import Mind
    from agent.oncall import reasoned
    from agent.record import NAME, append_row
    from workflows.reasoners import model_of

    with tempfile.TemporaryDirectory(prefix="patchwright-triage-") as folder:
        record = (thinking.out or Path(folder)) / NAME
        record.unlink(missing_ok=True)
        append_row(record, {"method": _WHO, "key": _WHO, "result": thinking.reasoner.model_dump(mode="json")})
        eyes = await _eyes(thinking.servers, record) if note.symptoms else None
        model = model_of(settings, thinking.reasoner.url, thinking.reasoner.name)
        try:
            return await reasoned(note, Mind(model, record), thinking.reasoner, time.monotonic, eyes)
        finally:
            await model.close()
            if eyes is not None:
                eyes.close()


async def _eyes(servers: Servers | None, record: Path) -> Kept | None:
    """What the model may look at, kept in the record; None where the user gives it nothing."""
    if servers is None or not any(tool.model for each in servers.servers.values() for tool in each.tools.values()):
        return None
    from agent.eyes import Kept
    from workflows.observing.eyes import ServerEyes

    return Kept(await ServerEyes.opened(servers), record)


async def _replayed(note: Note, record: Path) -> Note:
    from agent.domain import Reasoner
    from agent.eyes import Played
    from agent.mind import Mind
    from agent.oncall import reasoned
    from agent.record import ReplayDiverged, rows_of

    try:
        rows = rows_of(record)
    except OSError as error:
        raise Refused(f"--replay {record}: {error.strerror}") from error
    who = next((row["result"] for row in rows if row.get("method") == _WHO), None)
    if who is None:
        raise Refused(f"--replay {record}: no record of a triage that a model thought over")
    try:
        asked = Reasoner.model_validate(who)
        return await reasoned(note, Mind(None, record), asked, time.monotonic, Played.of(record))
    except ReplayDiverged as error:
        raise Refused(f"--replay {record}: this incident is not the one of the record ({error})") from error
    except ValueError as error:
        raise Refused(f"--replay {record}: the record is damaged") from error
