"""A repository's commits by git, over HTTPS, into a bare repository of our own.

The token goes to git in its environment alone: not in an argument, an address, or a file. git asks no helper, follows
no redirect, runs no hook, and reads no configuration but ours.
"""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

from sandbox.git import HARDENING, GitFailed, configured, run_git
from sandbox.redact import redact
from workflows.github.forge import Absent, Forbidden, ForgeAway, ForgeError, Unreadable
from workflows.github.names import sha
from workflows.text import line

MOST_S = 900.0
MOST_BYTES = 4 << 30
_LOOK_S = 0.5
_ABSENT = ("not found", "not our ref", "couldn't find remote ref", "does not exist", "404")
_REFUSED = ("authentication failed", "could not read username", "403", "401")


async def fetched(
    url: str, token: str, folder: Path, revisions: tuple[str, ...], *, number: int = 0, home: Path,
    most_s: float = MOST_S, most_bytes: int = MOST_BYTES,
) -> None:  # fmt: skip
    """Fetch these commits (full ids), and the head of a pull request. Raises ForgeError; `folder` is absent then."""
    wanted = [f"+{sha(one)}:refs/heads/patchwright-{at}" for at, one in enumerate(dict.fromkeys(revisions))]
    if number:
        wanted.append(f"+refs/pull/{number}/head:refs/heads/pull-{number}")
    place = home / "repository"
    try:
        await run_git(place, "init", "--bare", "--quiet", "--template=", str(place), env={"GIT_DIR": str(place)})
        fetching = run_git(
            place, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance",
            "--recurse-submodules=no", "--end-of-options", url, *wanted, env=_environment(url, token),
        )  # fmt: skip
        await _bounded(fetching, place, most_s, most_bytes)
    except GitFailed as error:
        raise _meant(str(error), token) from None
    place.rename(folder)


def _environment(url: str, token: str) -> dict[str, str]:
    basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    scheme = url.partition("://")[0]
    return configured((
        *HARDENING, (f"protocol.{scheme}.allow", "always"), ("http.followRedirects", "false"),
        (f"http.{url}.extraHeader", f"Authorization: Basic {basic}"), ("fetch.fsckObjects", "false"),
        ("transfer.unpackLimit", "1"), ("http.lowSpeedLimit", "1000"), ("http.lowSpeedTime", "60"),
    ))  # fmt: skip


async def _bounded(fetching: object, place: Path, most_s: float, most_bytes: int) -> None:
    """End git when it takes too long or too much room."""
    task = asyncio.ensure_future(fetching)  # type: ignore[call-overload] # a coroutine
    waited = 0.0
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=_LOOK_S)
            waited += _LOOK_S
            if await asyncio.to_thread(_size, place) > most_bytes:
                raise Unreadable(f"the repository is larger than {most_bytes >> 20} MB")
            if waited > most_s and not task.done():
                raise ForgeAway("fetching the repository took too long")
        await task
    finally:
        task.cancel()
        await asyncio.wait({task})


def _size(place: Path) -> int:
    total = 0
    for path in place.rglob("*"):
        try:
            total += path.lstat().st_size
        except FileNotFoundError:
            continue
    return total


def _meant(told: str, token: str) -> ForgeError:
    text = line(redact(told).replace(token, "***"), 300)
    low = text.lower()
    if any(word in low for word in _REFUSED):
        return Forbidden("git may not read the repository")
    if any(word in low for word in _ABSENT):
        return Absent(f"git did not find it: {text}")
    return ForgeAway(f"git could not fetch: {text}")
