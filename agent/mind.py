"""The mind of a run: a model behind its record. Every finished turn is written down, and never asked for again.

The record is the run's (agent/record.py), rows of method "model" and "halt". With a model, turns that it holds are
answered from it, and others are asked: so a killed run goes on. Without a model, that is a replay: what is not there is
where it diverged.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

from agent import model as kinds
from agent.artifacts import Codec
from agent.model import Ask, Message, Model, ModelError, Reply, Superseded
from agent.record import ReplayDiverged, append_row, rows_of

_ERRORS = {
    kind.__name__: kind for kind in vars(kinds).values() if isinstance(kind, type) and issubclass(kind, ModelError)
}

TELLING = 50
"""Tokens of a reply from which on its pace is the server's."""

_FASTER = "search was faster: a patch of its own is verified first"


class Mind:
    """model: None for a replay; record: the run's file of rows, sealed by `codec`; pace: tokens per second of the last
    reply that was long enough to tell, 0 before there was one.
    """

    def __init__(self, model: Model | None, record: Path, codec: Codec | None = None) -> None:
        self._model = model
        self._path = record
        self._codec = codec
        self._known: dict[str, dict[str, Any]] = {}
        self._sent: dict[str, int] = {}
        self._superseded = asyncio.Event()
        self.pace = 0.0
        if record.exists():
            rows = rows_of(record, codec)
            self._known = {row["key"]: row for row in rows if row.get("method") in ("model", "halt")}

    @property
    def window(self) -> int:
        """Tokens of prompt and reply together; for a replay, no limit."""
        return self._model.window if self._model else 1 << 30

    async def ask(self, ask: Ask) -> Reply:
        """The reply to a turn. Raises ModelError, as it was then; ReplayDiverged."""
        name = _key(ask)
        row = self._known.get(name)
        if row is not None and "result" in row:
            return Reply.model_validate(row["result"])
        if self._model is None:
            _raise(row)
            raise ReplayDiverged(f"branch {ask.branch} now asks in step {ask.step} what was not recorded")
        try:
            reply = await self._unless_superseded(self._model, ask)
        except ModelError as error:
            self._keep(name, ask, {"error": {"kind": type(error).__name__, "message": str(error)}})
            raise
        spoken = reply.seconds - reply.first_s
        if spoken > 0 and reply.usage.completion >= TELLING:
            self.pace = reply.usage.completion / spoken
        self._keep(name, ask, {"result": reply.model_dump(mode="json")})
        return reply

    def renew(self) -> None:
        """A step that thinks begins."""
        self._superseded.clear()

    def supersede(self) -> None:
        """Another source was faster: turns that are under way, or asked for until `renew`, raise Superseded."""
        self._superseded.set()

    async def _unless_superseded(self, model: Model, ask: Ask) -> Reply:
        if self._superseded.is_set():
            raise Superseded(_FASTER)
        reply = asyncio.ensure_future(model.reply(ask))
        faster = asyncio.ensure_future(self._superseded.wait())
        try:
            await asyncio.wait({reply, faster}, return_when=asyncio.FIRST_COMPLETED)
            if not reply.done():
                raise Superseded(_FASTER)
            return reply.result()
        finally:
            reply.cancel()
            faster.cancel()
            await asyncio.gather(reply, faster, return_exceptions=True)

    def halt(self, branch: str, step: int, reason: str) -> str:
        """Why a branch ends before a step, "" to go on. Clocks and other branches decide that: it is recorded."""
        name = f"halt {branch} {step}"
        if name in self._known:
            return str(self._known[name]["result"])
        if self._model is None:
            return ""
        if reason:
            self._append({"method": "halt", "key": name, "result": reason})
        return reason

    def _keep(self, name: str, ask: Ask, outcome: dict[str, Any]) -> None:
        """Write a turn down: only the messages that the branch had not sent before."""
        begun = self._sent.get(ask.branch, 0)
        new = [message.model_dump(mode="json") for message in ask.messages[begun:]]
        self._sent[ask.branch] = len(ask.messages)
        self._append({"method": "model", "key": name, "branch": ask.branch, "step": ask.step, "new": new, **outcome})

    def _append(self, row: dict[str, Any]) -> None:
        append_row(self._path, row, self._codec)


def _raise(row: dict[str, Any] | None) -> None:
    error = row.get("error") if row else None
    if error:
        raise _ERRORS.get(error["kind"], ModelError)(error["message"])


def _key(ask: Ask) -> str:
    """What a turn is known by: all that was said, without what depends on the clock."""
    said = [_said(message) for message in ask.messages]
    tools = [tool.name for tool in ask.tools]
    parts = [ask.branch, ask.step, said, tools, ask.temperature, ask.seed]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _said(message: Message) -> dict[str, Any]:
    return message.model_dump(mode="json", exclude={"note"})
