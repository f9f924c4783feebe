"""What was uploaded (tar, tar.gz, zip, git bundle) as a directory of plain files, or a clear refusal and nothing left.

Nothing of an archive is believed: sizes are counted while they are written, names are checked and created by us with
O_EXCL, links are made last, when nothing is written any more, and every one must stay inside.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from sandbox.environment_cache import remove_tree
from workflows.service.members import ArchiveRefused, Bounds, Member, tar_members, zip_members
from workflows.service.unbundle import is_bundle, unbundle

_BLOCK = 1 << 16
_FREE = 64 << 20  # below this size no ratio is suspicious
_BROKEN = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, ValueError, OverflowError, RecursionError, KeyError,
    struct.error, NotImplementedError, RuntimeError, IndexError,
)  # fmt: skip


async def unpack(archive: BinaryIO, uploads: Path, bounds: Bounds) -> str:
    """Unpack into a new directory of `uploads`; returns the path of the source below it: "ID" or "ID/TOP" where the
    archive holds one directory alone. Raises ArchiveRefused, OSError; then, and when cancelled, nothing is left.
    """
    name = secrets.token_hex(16)
    uploads.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = uploads / f".part-{name}"
    try:
        part.mkdir(mode=0o700)
        if is_bundle(archive):
            await unbundle(archive, part, bounds)
        else:
            await _finished(asyncio.create_task(asyncio.to_thread(_unpack, archive, part, bounds)))
        part.rename(uploads / name)
    except BaseException:
        await asyncio.to_thread(remove_tree, part)
        raise
    top = _only_directory(uploads / name)
    return f"{name}/{top}" if top else name


async def _finished(work: asyncio.Task[None]) -> None:
    """Wait for a thread also when cancelled: it would go on writing into what is being removed."""
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        raise


def _only_directory(folder: Path) -> str:
    """The directory that is all there is, as archives of releases have it; "" otherwise."""
    entries = list(folder.iterdir())
    one = entries[0] if len(entries) == 1 else None
    return one.name if one and one.is_dir() and not one.is_symlink() and one.name != ".git" else ""


def _unpack(archive: BinaryIO, folder: Path, bounds: Bounds) -> None:
    archive.seek(0, os.SEEK_END)
    budget = _Budget(bounds, archive.tell())
    archive.seek(0)
    start = archive.read(265)
    archive.seek(0)
    try:
        with ExitStack() as opened:
            members = opened.enter_context(closing(_members(start, archive, opened, folder, budget)))
            _write(members, folder, budget)
    except ArchiveRefused:
        raise
    except _BROKEN as error:
        raise ArchiveRefused(f"the archive is damaged ({type(error).__name__})") from error
    except UnicodeError as error:
        raise ArchiveRefused("the archive holds a name that is no text") from error


def _members(
    start: bytes, archive: BinaryIO, opened: ExitStack, folder: Path, budget: _Budget
) -> Generator[Member, None, None]:
    if start[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return zip_members(archive, budget.bounds)
    if start[:2] == b"\x1f\x8b":
        return tar_members(opened.enter_context(_gunzipped(archive, folder, budget)), budget.bounds)
    if start[257:262] == b"ustar":
        return tar_members(archive, budget.bounds)
    raise ArchiveRefused("not an archive: a tar, tar.gz or zip file or a git bundle is expected")


@dataclass
class _Budget:
    """What may still be written. compressed: bytes that arrived."""

    bounds: Bounds
    compressed: int
    total: int = 0
    entries: int = 0

    def take(self, count: int) -> None:
        self.total += count
        if self.total > self.bounds.total_bytes:
            raise ArchiveRefused(f"unpacked it is larger than {self.bounds.total_bytes >> 20} MiB")
        if self.total > _FREE and self.total > self.bounds.ratio * self.compressed:
            raise ArchiveRefused(f"it unpacks to more than {self.bounds.ratio} times its size")

    def entry(self) -> None:
        self.entries += 1
        if self.entries > self.bounds.files:
            raise ArchiveRefused(f"it holds more than {self.bounds.files:,} files and directories")


def _gunzipped(archive: BinaryIO, folder: Path, budget: _Budget) -> IO[bytes]:
    """The tar inside a gzip file, as a file without a name: reading headers from a stream would hold them in memory."""
    plain = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - the caller closes it
    try:
        _decompress(archive, plain, budget)
    except BaseException:
        plain.close()
        raise
    plain.seek(0)
    return plain


def _decompress(archive: BinaryIO, plain: IO[bytes], budget: _Budget) -> None:
    """All members of a gzip file, a block at a time. Raises ArchiveRefused for one that is cut off."""
    counted = _Budget(budget.bounds, budget.compressed)
    engine = zlib.decompressobj(wbits=31)
    cut = True
    while data := archive.read(_BLOCK):
        while data:
            piece = engine.decompress(data, _BLOCK)
            counted.take(len(piece))
            plain.write(piece)
            data = engine.unconsumed_tail
            if engine.eof:
                data = engine.unused_data.lstrip(b"\0")
                engine = zlib.decompressobj(wbits=31)
                cut = bool(data)
            else:
                cut = True
    if cut:
        raise ArchiveRefused("the archive is cut off")


def _write(members: Iterator[Member], folder: Path, budget: _Budget) -> None:
    links: list[tuple[Path, str]] = []
    seen: set[str] = set()
    for member in members:
        budget.entry()
        if member.name in seen and member.kind != "directory":
            raise ArchiveRefused("it holds a name twice")
        seen.add(member.name)
        path = folder / member.name
        try:
            if member.kind == "link":
                links.append((path, member.target))
            else:
                _make(member, path, folder, budget)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise ArchiveRefused("it holds a name as a file and as a directory") from None
    if not seen:
        raise ArchiveRefused("it is empty")
    _link(links, folder, budget)


def _make(member: Member, path: Path, folder: Path, budget: _Budget) -> None:
    """One directory, file or second name of a file."""
    if member.kind == "directory":
        path.mkdir(parents=True, exist_ok=True)
        return
    _parents(path, budget)
    if member.kind == "same":
        source = folder / member.target
        if not source.is_file():
            raise ArchiveRefused("it holds a hard link to a file that is not in it")
        os.link(source, path)
        return
    mode = 0o700 if member.executable else 0o600
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "wb") as file, member.opened() as stream:
        while block := stream.read(_BLOCK):
            budget.take(len(block))
            file.write(block)


def _parents(path: Path, budget: _Budget) -> None:
    if not path.parent.is_dir():
        budget.entry()
        path.parent.mkdir(parents=True, exist_ok=True)


def _link(links: list[tuple[Path, str]], folder: Path, budget: _Budget) -> None:
    """Make the symbolic links, never through one another, then see that each one stays inside."""
    real = Path(os.path.realpath(folder))
    for path, target in links:
        if Path(os.path.realpath(path.parent)) != real / path.parent.relative_to(folder):
            raise ArchiveRefused("it holds a link where something else is")
        try:
            _parents(path, budget)
            path.symlink_to(target)
        except OSError:
            raise ArchiveRefused("it holds a link where something else is") from None
    for path, _ in links:
        if not Path(os.path.realpath(path)).is_relative_to(real):
            raise ArchiveRefused("it holds a link that leads outside")
