"""Lines of a pipe, bounded: what the SDK of the Model Context Protocol reads in our place of its own reader."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator


class Lines:
    """For the SDK's `async for`; a line that is longer than the reader's limit becomes one that is no message."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def __aiter__(self) -> AsyncIterator[str]:
        """Until the other side closes."""
        while True:
            try:
                line = await self._reader.readline()
            except ValueError:
                yield "{\n"
                continue
            if not line:
                return
            yield line.decode("utf-8", "replace")
