"""The one door to the machine: a new run, or one that was interrupted, to its report."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl
from langgraph.types import Command, StateSnapshot

from agent import asking, domain
from agent.artifacts import Codec
from agent.asking import Answer, Question
from agent.deps import Deps
from agent.domain import Report, Request
from agent.graph import build
from agent.state import State
from tools import guard, values
from tools.values import Value

STEPS = 200
Checkpoints = AbstractAsyncContextManager[BaseCheckpointSaver[str]]


class Asked(Exception):
    """The run stopped to ask a person; called again with the answer it goes on from there."""

    def __init__(self, question: Question) -> None:
        super().__init__(question.question)
        self.question = question


def serializer() -> JsonPlusSerializer:
    """Checkpoints hold our own frozen values and nothing else: any other type in a row is refused, not constructed.

    The library's default would import and call what a crafted row names.
    """
    ours = {
        (kind.__module__, kind.__name__)
        for module in (domain, asking, values, guard)
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, Value)
    }
    return JsonPlusSerializer(allowed_msgpack_modules=sorted(ours), allowed_json_modules=None)


@dataclass(frozen=True)
class _Cipher:
    """A run's codec as the library asks for one. What was written without it is read without it."""

    codec: Codec

    def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        return "sealed", self.codec.seal("checkpoint", plaintext)

    def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
        del ciphername
        return self.codec.open("checkpoint", ciphertext)


def _sealing(codec: Codec | None) -> SerializerProtocol:
    return EncryptedSerializer(_Cipher(codec), serializer()) if codec else serializer()


@asynccontextmanager
async def sqlite(path: Path) -> AsyncIterator[BaseCheckpointSaver[str]]:
    """Checkpoints of one run in a file."""
    async with AsyncSqliteSaver.from_conn_string(str(path)) as saver:
        yield saver


async def diagnose(
    request: Request, deps: Deps, *, run: str, checkpoints: Path | Checkpoints, control: RunControl | None = None,
    answers: Sequence[Answer] = (), codec: Codec | None = None,
) -> Report:  # fmt: skip
    """Run the machine for `run`, or go on after its last finished node when `checkpoints` knows it.

    checkpoints: a file (SQLite), or what opens another place; answers: to what the run asked; codec: how what
    checkpoints hold is written. Raises what preparing raises for a source that cannot be used; GraphDrained when
    `control` asked for it: calling again goes on after the last finished node; Asked when it waits for an answer that
    is not there.
    """
    config: RunnableConfig = {"configurable": {"thread_id": run}, "recursion_limit": STEPS}
    async with sqlite(checkpoints) if isinstance(checkpoints, Path) else checkpoints as saver:
        saver.serde = _sealing(codec)
        machine = build(saver)
        known = await machine.aget_state(config)
        start = _resumed(known, answers) if known.created_at else State(request=request, run=run)
        while True:
            await machine.ainvoke(start, config, context=deps, durability="sync", control=control)
            known = await machine.aget_state(config)
            if not known.interrupts:
                return Report.model_validate_json(deps.artifacts.get(known.values["report"]))
            start = _resumed(known, answers)


def _resumed(known: StateSnapshot, answers: Sequence[Answer]) -> Command[str] | None:
    """What the machine goes on with. Raises Asked."""
    if not known.interrupts:
        return None
    question = Question.model_validate_json(known.interrupts[0].value)
    answer = next((one for one in answers if one.question == question.id), None)
    if answer is None:
        raise Asked(question)
    return Command(resume=answer.to_json())


__all__ = ["Asked", "Checkpoints", "GraphDrained", "RunControl", "diagnose", "serializer", "sqlite"]
