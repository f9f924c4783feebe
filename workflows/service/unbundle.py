"""A git bundle as a bare repository of our own: its pack is indexed, nothing else of it is taken."""

from __future__ import annotations

import re
from pathlib import Path
from typing import BinaryIO

from sandbox.git import GitFailed
from sandbox.repository import create_repository, import_pack, set_refs
from workflows.service.members import ArchiveRefused, Bounds

_SIGNATURES = (b"# v2 git bundle\n", b"# v3 git bundle\n")
_LINE = re.compile(rb"([0-9a-f]{40}|[0-9a-f]{64}) (\S+)\n")
_MOST_LINES, _MOST_LINE = 50_000, 4096


def is_bundle(archive: BinaryIO) -> bool:
    """Whether a file begins as a git bundle; it is rewound."""
    archive.seek(0)
    start = archive.read(16)
    archive.seek(0)
    return start in _SIGNATURES


async def unbundle(archive: BinaryIO, folder: Path, bounds: Bounds) -> None:
    """Make `folder` (empty) a bare repository with the bundle's branches and tags. Raises ArchiveRefused."""
    refs = _header(archive)
    head = refs.pop(b"HEAD", b"")
    sha256 = any(len(value) == 64 for value in (head, *refs.values()))
    if not head and not refs:
        raise ArchiveRefused("the bundle names no branch")
    branch = next((name for name, value in refs.items() if value == head and name.startswith(b"refs/heads/")), b"")
    if not head:
        branch = next((name for name in refs if name.startswith(b"refs/heads/")), next(iter(refs)))
        head = refs[branch]
    pack = folder / "incoming.pack"
    _copy(archive, pack, bounds)
    try:
        create_repository(folder, sha256=sha256)
        with pack.open("rb") as stream:
            await import_pack(folder, stream)
        await set_refs(folder, refs, head=head.decode("ascii"), branch=branch.decode("utf-8", "replace"), shallow="")
    except GitFailed as error:
        raise ArchiveRefused("the bundle is damaged: git cannot read its objects") from error
    pack.unlink()


def _header(archive: BinaryIO) -> dict[bytes, bytes]:
    """The refs; the file is left where the pack begins."""
    archive.readline(64)
    refs: dict[bytes, bytes] = {}
    for _ in range(_MOST_LINES):
        line = archive.readline(_MOST_LINE)
        if line == b"\n":
            return refs
        if line.startswith(b"-"):
            raise ArchiveRefused(
                "the bundle builds on commits that are not in it: make one with `git bundle create --all`"
            )
        if line.startswith(b"@filter"):
            raise ArchiveRefused("the bundle leaves objects out: make one without a filter")
        match = _LINE.fullmatch(line)
        if match:
            refs[match[2]] = match[1]
        elif not line.startswith(b"@object-format="):
            break
    raise ArchiveRefused("the bundle is damaged: its header cannot be read")


def _copy(archive: BinaryIO, pack: Path, bounds: Bounds) -> None:
    size = 0
    with pack.open("xb") as file:
        while block := archive.read(1 << 16):
            size += len(block)
            if size > bounds.total_bytes:
                raise ArchiveRefused(f"it is larger than {bounds.total_bytes >> 20} MiB")
            file.write(block)
