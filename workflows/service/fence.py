"""The fence: of several processes that think they have a run, only the newest attempt's may write.

A worker that was paused and taken over must not raise when it finds out: what handles its errors would write again.
Its process ends.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata, CheckpointTuple
from langgraph.checkpoint.postgres._ainternal import get_connection
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from psycopg import AsyncCursor
from psycopg.rows import DictRow, dict_row

from workflows.service.store.attempts import Claim, Superseded
from workflows.service.store.pool import Pool, asked, reading
from workflows.service.store.rows import text

EXIT = 70
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Fence:
    """end: what ends the process."""

    claim: Claim
    end: Callable[[int], Any] = os._exit

    def fall(self) -> Superseded:
        """End the process. Where it does not end (in a test), what to raise."""
        self.end(EXIT)
        return Superseded(self.claim.run.id)


async def _nothing() -> None:
    pass


class FencedSaver(AsyncPostgresSaver):
    """Checkpoints whose every write checks, in its own transaction, that the attempt is the newest.

    A lost connection is waited for: writing the same checkpoint twice is writing it once.
    """

    def __init__(self, pool: Pool, fence: Fence, first: Callable[[], Awaitable[None]] = _nothing) -> None:
        """first: what must have come about before a checkpoint speaks of it."""
        super().__init__(pool)
        self._fence = fence
        self._first = first

    @contextlib.asynccontextmanager
    async def _cursor(self, *, pipeline: bool = False) -> AsyncIterator[AsyncCursor[DictRow]]:
        """The library asks for a pipeline where it writes."""
        if not pipeline:
            async with super()._cursor() as cursor:
                yield cursor
            return
        async with (
            self.lock, get_connection(self.conn) as connection, connection.transaction(),
            connection.cursor(binary=True, row_factory=dict_row) as cursor,
        ):  # fmt: skip
            row = await asked(cursor, "mine", **self._fence.claim.place)
            if row is None or row["epoch"] != self._fence.claim.run.epoch:
                raise self._fence.fall()
            yield cursor

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """See the library."""
        return await reading(lambda: AsyncPostgresSaver.aget_tuple(self, config), longest_s=PATIENCE_S)

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """See the library, which keeps strings as jsonb: that has no place for NUL and lone surrogates."""
        values = {
            name: text(value, len(value)) if isinstance(value, str) else value
            for name, value in checkpoint["channel_values"].items()
        }
        fit: Checkpoint = {**checkpoint, "channel_values": values}
        await self._first()
        return await reading(
            lambda: AsyncPostgresSaver.aput(self, config, fit, metadata, new_versions), longest_s=PATIENCE_S
        )

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """See the library."""
        await self._first()
        await reading(
            lambda: AsyncPostgresSaver.aput_writes(self, config, writes, task_id, task_path), longest_s=PATIENCE_S
        )


@contextlib.asynccontextmanager
async def fenced(
    pool: Pool, fence: Fence, first: Callable[[], Awaitable[None]] = _nothing
) -> AsyncIterator[FencedSaver]:
    """Checkpoints of one attempt; `first` as for FencedSaver."""
    yield FencedSaver(pool, fence, first)
