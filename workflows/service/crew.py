"""Worker processes of `patchwright serve`: started, replaced when they end, stopped with it.

They are processes and not tasks because a worker that finds itself superseded ends its process, which must not be the
API's, and because their work would make the API's answers late.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

import structlog

STEADY_S = 30.0
LONGEST_S = 10.0
GRACE_S = 15.0
# -P: a module of the working directory is never imported in the place of ours.
COMMAND = (sys.executable, "-P", "-c", "from workflows.cli import main; main()")


@contextlib.asynccontextmanager
async def crew(
    commands: Sequence[Sequence[str]], variables: Callable[[int], Mapping[str, str]], drain_s: float
) -> AsyncIterator[None]:
    """Keep a process of each command alive. At the end they are told to stop, and ended when they do not within
    `drain_s`.

    commands: what is said to `patchwright`; variables: of each by its number, 1, 2, 3 …
    """
    keeping = [
        asyncio.create_task(_keep(command, variables(number), drain_s), name=f"{command[0]} {number}")
        for number, command in enumerate(commands, 1)
    ]
    try:
        yield
    finally:
        for task in keeping:
            task.cancel()
        await asyncio.gather(*keeping, return_exceptions=True)


async def _keep(command: Sequence[str], variables: Mapping[str, str], drain_s: float) -> None:
    """One worker after the other; those that end soon are replaced ever more slowly."""
    pause, loop = 0.5, asyncio.get_running_loop()
    while True:
        began = loop.time()
        worker = await asyncio.create_subprocess_exec(
            *COMMAND, *command, "--parent", str(os.getpid()), env=dict(variables), start_new_session=True,
            stdin=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            code = await worker.wait()
        except asyncio.CancelledError:
            await _stopped(worker, drain_s)
            raise
        structlog.get_logger().warning("a worker ended", command=command[0], pid=worker.pid, code=code)
        pause = 0.5 if loop.time() - began > STEADY_S else min(LONGEST_S, 2 * pause)
        await asyncio.sleep(pause)


async def _stopped(worker: asyncio.subprocess.Process, drain_s: float) -> None:
    with contextlib.suppress(ProcessLookupError):
        worker.terminate()
    try:
        await asyncio.wait_for(worker.wait(), drain_s + GRACE_S)
    except TimeoutError:
        worker.kill()
        await worker.wait()
