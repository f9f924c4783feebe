"""What a user hands over, checked before anything starts: sources, logs, issues, patches, revisions, guard rules."""

from __future__ import annotations

import re
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from workflows.exits import Refused

KEPT_BYTES = 64 << 20
MOST_BYTES = 4 << 30
_BLOCK = 1 << 16
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|[\w.-]+@[\w.-]+:")


def is_url(source: str) -> bool:
    """Whether a source is a git URL (with a scheme, or user@host:path) and not a path."""
    return bool(_URL.match(source))


def source_of(text: str) -> str:
    """A git URL as it is, or the absolute path of a directory that exists. Raises Refused."""
    if is_url(text):
        return text
    path = Path(text)
    try:
        if not path.exists():
            raise Refused(f"no such directory: {text}")
        if not path.is_dir():
            raise Refused(f"{text} is a file: name the directory of the repository")
        return str(path.resolve())
    except (OSError, ValueError) as error:
        raise Refused(f"{text}: {error}") from error


def revision(option: str, text: str | None) -> str | None:
    """A revision as given. Raises Refused for one that git would take for an option."""
    if text is not None and (not text.strip() or text.startswith("-")):
        raise Refused(f"{option} {text!r} is not a revision")
    return text


def allowed(names: Sequence[str], rules: Sequence[str]) -> tuple[str, ...]:
    """The guard rules to lift, each one known. Raises Refused with the list of names."""
    wrong = [name for name in names if name not in rules]
    if wrong:
        raise Refused(f"--allow {wrong[0]}: no such rule of the guard; rules are {', '.join(rules)}")
    return tuple(dict.fromkeys(names))


def text_of(option: str, name: str | None) -> str | None:
    """The text of a log or an issue: a file, or standard input for "-". Raises Refused when it is unreadable or empty.

    Of more than 64 MiB the head and the tail are kept, with a line between them that says so.
    """
    if name is None:
        return None
    text = decoded(_bytes(option, name))
    if not text.strip():
        raise Refused(f"{option}: nothing came on standard input" if name == "-" else f"{option}: {name} is empty")
    return text


def patches_of(names: Sequence[str]) -> tuple[str, ...]:
    """The diffs of patch files, each one checked. Raises Refused."""
    from tools.patches import PatchInvalid, touched

    diffs = []
    for name in names:
        diff = _bytes("--patch", name).decode("utf-8", "surrogateescape")
        try:
            touched(diff)
        except PatchInvalid as error:
            raise Refused(f"--patch {name}: {error}") from error
        diffs.append(diff)
    return tuple(diffs)


def decoded(data: bytes) -> str:
    """Text of unknown encoding: UTF-16 with its mark, else UTF-8 with what is broken replaced."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    return data.decode("utf-8-sig", "replace")


def _bytes(option: str, name: str) -> bytes:
    try:
        if name == "-":
            return _read(option, sys.stdin.buffer)
        with Path(name).open("rb") as stream:
            return _read(option, stream)
    except (OSError, ValueError) as error:
        raise Refused(f"{option}: {name} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _read(option: str, stream: BinaryIO) -> bytes:
    """All of a stream, or its head and tail."""
    head = stream.read(KEPT_BYTES // 2)
    tail: deque[bytes] = deque()
    size = dropped = 0
    while block := stream.read(_BLOCK):
        tail.append(block)
        size += len(block)
        while size - len(tail[0]) >= KEPT_BYTES // 2:
            gone = len(tail.popleft())
            size, dropped = size - gone, dropped + gone
        if len(head) + size + dropped > MOST_BYTES:
            raise Refused(f"{option}: more than {MOST_BYTES >> 30} GiB; pass the part around the failure")
    if not dropped:
        return head + b"".join(tail)
    print(f"{option}: {dropped} bytes in the middle are left out; head and tail are used", file=sys.stderr)
    return head + f"\n[... {dropped} bytes left out ...]\n".encode() + b"".join(tail)
