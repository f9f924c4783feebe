"""Where the bot finds the publisher: a note in the home that both have, with an address of this machine and a word.

Each machine has its own note, as several may share a home. Of a machine's publishers the one that holds the lock
answers; when it dies the system lets go of the lock, and another takes over. The word is random, made at each start,
and opens nothing but the questions of `app.py`.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

FOLDER, NOTE, LOCK = "github", "reads.json", "reads.lock"
_LOOK_S = 0.5


@dataclass(frozen=True)
class Meeting:
    """url: of the publisher; word: what those say who may ask. Never shown."""

    url: str
    word: str

    def __repr__(self) -> str:
        return f"Meeting({self.url})"


def word() -> str:
    """A new word."""
    return secrets.token_urlsafe(32)


def folder_of(home: Path) -> Path:
    """Where this machine's note lies; containers of one pod are of one machine."""
    return home / FOLDER / f"on-{socket.gethostname().replace('/', '-')}"


@asynccontextmanager
async def only_one(home: Path) -> AsyncIterator[None]:
    """Wait until no other process of this home and machine answers, and be the one that does."""
    folder = folder_of(home)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        while not _taken(handle):  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(_LOOK_S)
        yield
    finally:
        os.close(handle)


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def leave(home: Path, meeting: Meeting) -> None:
    """Leave the note, for its owner alone."""
    note = folder_of(home) / NOTE
    fresh = note.with_name(f"{NOTE}.new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump({"url": meeting.url, "word": meeting.word}, file)
    fresh.replace(note)


def found(home: Path) -> Meeting | None:
    """What the note says; None while there is none."""
    try:
        told = json.loads((folder_of(home) / NOTE).read_text(encoding="utf-8"))
        return Meeting(str(told["url"]), str(told["word"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
