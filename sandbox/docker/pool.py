"""Warm things: made ahead for a key that has been asked for, each given out once, so that nothing is shared."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, Protocol, TypeVar

from sandbox.protocol import SandboxError


class Disposable(Protocol):
    """What a pool holds."""

    @property
    def alive(self) -> bool:
        """Whether it is still of use."""

    async def discard(self) -> None:
        """Free it unused."""


T = TypeVar("T", bound=Disposable)


class Pool(Generic[T]):
    """Keeps up to `size` ready for the key asked for last; asking for another one frees what was ready."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._key: Hashable = None
        self._ready: list[asyncio.Task[T]] = []
        self._leaving: set[asyncio.Task[None]] = set()

    async def take(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """One of the key, warm or made now; others are made behind. Raises what `make` raises."""
        if key != self._key:
            self._drop_all()
            self._key = key
        mine = self._next() or self._begin(make)
        while len(self._ready) < self._size:
            self._ready.append(self._begin(make))
        try:
            return await asyncio.shield(mine)
        except asyncio.CancelledError:
            self._drop(mine)
            raise

    def _next(self) -> asyncio.Task[T] | None:
        """What is ready or soon will be; what failed or died meanwhile is dropped."""
        while self._ready:
            task = self._ready.pop(0)
            failed = task.done() and (task.cancelled() or task.exception() is not None)
            if not task.done() or (not failed and task.result().alive):
                return task
            self._drop(task)
        return None

    @staticmethod
    def _begin(make: Callable[[], Awaitable[T]]) -> asyncio.Task[T]:
        async def made() -> T:
            return await make()

        return asyncio.create_task(made())

    def _drop_all(self) -> None:
        while self._ready:
            self._drop(self._ready.pop())

    def _drop(self, task: asyncio.Task[T]) -> None:
        leaving = asyncio.create_task(self._free(task))
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)

    @staticmethod
    async def _free(task: asyncio.Task[T]) -> None:
        with contextlib.suppress(SandboxError):  # it was never made, or its engine is gone with it
            await (await task).discard()

    async def close(self) -> None:
        """Free everything that is ready or on its way out."""
        self._drop_all()
        self._key = None
        while self._leaving:
            await asyncio.wait(list(self._leaving))
