"""One git command on the run's own bare clone: no foreign configuration, hooks or drivers, bounded in time and output.

GitPython is not used on this path. It hands the host's whole environment to git (a stray GIT_DIR would redirect it),
cannot bound an answer, and decodes a commit with whatever Python codec the commit itself names.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from tools.tool import ToolError

MAX_BYTES = 4_000_000
TIMEOUT_S = 20.0
_SETTINGS = {
    "core.bare": "true",
    "core.hooksPath": os.devnull,
    "core.attributesFile": os.devnull,
    "core.fsmonitor": "",
    "core.quotePath": "false",
    "protocol.allow": "never",
    "log.showSignature": "false",
    "gc.auto": "0",
}
_ENVIRONMENT = {
    "PATH": os.defpath,
    "HOME": os.devnull,
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What git said. code: its exit code; cut: more than the allowed bytes came, it was ended and the rest dropped."""

    code: int
    out: bytes
    err: str
    cut: bool = False

    @property
    def text(self) -> str:
        return self.out.decode(errors="replace")


async def git(repository: Path, *args: str, max_bytes: int = MAX_BYTES, timeout_s: float = TIMEOUT_S) -> Answer:
    """Run `git ARGS` on a bare repository. Raises ToolError: no git, too slow, or an impossible argument."""
    program = shutil.which("git")
    if program is None:
        raise ToolError("git is not installed on this machine")
    place = repository.absolute()
    settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
    argv = [program, f"--git-dir={place}", "--no-pager", "--literal-pathspecs", *settings, *args]
    pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            *argv, stdin=null, stdout=pipe, stderr=pipe, env=_ENVIRONMENT, cwd=place
        )
    except (OSError, ValueError) as error:
        raise ToolError(f"git cannot be started on {plain(str(place), 200)}: {plain(str(error), 200)}") from error
    try:
        async with asyncio.timeout(timeout_s):
            return await _answer(process, max_bytes)
    except TimeoutError as error:
        raise ToolError(f"git {args[0]} took longer than {timeout_s:g} s and was ended") from error
    finally:
        await _end(process)


async def _answer(process: asyncio.subprocess.Process, max_bytes: int) -> Answer:
    kept, noise = await asyncio.gather(
        _read(process, process.stdout, max_bytes), _read(process, process.stderr, 1_000_000)
    )
    code = await process.wait()
    return Answer(code, kept[:max_bytes], plain(noise[:2000].decode(errors="replace"), 400), len(kept) > max_bytes)


async def _read(process: asyncio.subprocess.Process, stream: asyncio.StreamReader | None, limit: int) -> bytes:
    """All of a stream up to its end, at most a chunk more than `limit` bytes of it kept; beyond it, git is ended."""
    kept = bytearray()
    while stream is not None and (chunk := await stream.read(1 << 16)):
        if len(kept) <= limit:
            kept += chunk
        elif process.returncode is None:
            process.kill()
    return bytes(kept)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.communicate()  # drained, or its transport would wait for the pipes for ever


def plain(text: str, limit: int, *, keep: str = "") -> str:
    """Text that is safe to show: no control, formatting or surrogate characters but those in `keep`, bounded."""
    clean = "".join(c for c in text[: 4 * limit] if c in keep or not unicodedata.category(c).startswith("C")).strip()
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"
