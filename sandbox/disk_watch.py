"""Bounds what commands write to directories of the host (an upper, a writable mount), which no kernel limit covers.

Looks at the file system's free space, which costs nothing, and measures the directories only when that has shrunk by
more than the limit. A command can overshoot by what it writes between two looks.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path

EVERY_S = 0.5
OVERSHOOT = 1 << 30  # above the limit by so much, whatever runs is ended


def used(directories: Sequence[Path]) -> int:
    """Bytes that the trees take on disk; what vanishes meanwhile does not count."""
    total = 0
    pending = [str(path) for path in directories]
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
        except OSError:
            continue
    return total


def free(directories: Sequence[Path]) -> int:
    """Free bytes of the file systems they are on."""
    spaces = {path.stat().st_dev: os.statvfs(path) for path in directories}
    return sum(space.f_bavail * space.f_frsize for space in spaces.values())


async def watch(
    directories: Sequence[Path], limit: int, exceeded: Callable[[], None], *, every_s: float = EVERY_S
) -> None:
    """Call `exceeded` whenever the directories hold more than `limit` bytes more than at the start, and after that only
    when they grow on: the next command may be the one that cleans up. Runs until cancelled.
    """
    before, free_before = await asyncio.to_thread(used, directories), free(directories)
    allowed, stopping = limit, False
    while True:
        await asyncio.sleep(every_s)
        if free_before - free(directories) <= limit:
            allowed, stopping = limit, False
            continue
        grown = await asyncio.to_thread(used, directories) - before
        if stopping:  # what was written until the end came
            allowed, stopping = min(max(grown, limit), limit + OVERSHOOT), False
        elif grown > allowed:
            stopping = True
            exceeded()
        elif grown <= limit:
            allowed, free_before = limit, free(directories) + grown  # the space went elsewhere
