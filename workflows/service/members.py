"""The members of archives, each one checked before anything is written."""

from __future__ import annotations

import io
import posixpath
import re
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO, BinaryIO, Literal, cast

_MOST_READ = 1 << 20
_UNFIT = re.compile(r"[\x00-\x1f\x7f\\]")
_DRIVE = re.compile(r"[A-Za-z]:")
_SETUID = stat.S_ISUID | stat.S_ISGID
_END, _END_SIZE = b"PK\x05\x06", 22


class ArchiveRefused(ValueError):
    """An upload that is not unpacked; the message says why, for the one who sent it."""


@dataclass(frozen=True)
class Bounds:
    """What an upload may hold. total_bytes: unpacked; files: with directories and links; ratio: unpacked to packed."""

    total_bytes: int
    files: int
    ratio: int = 200


@dataclass(frozen=True)
class Member:
    """One entry. name: relative, normalized; "same": a second name of the file `target`; target of a link: as it is."""

    name: str
    kind: Literal["file", "directory", "link", "same"]
    opened: Callable[[], AbstractContextManager[IO[bytes]]]
    executable: bool = False
    target: str = ""


def checked_name(name: str) -> str:
    """A member's name in normal form, "" for the top itself. Raises ArchiveRefused."""
    if name.startswith("/") or _DRIVE.match(name):
        raise ArchiveRefused("it holds an absolute name")
    if _UNFIT.search(name):
        raise ArchiveRefused("it holds a name with a control character or a backslash")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ArchiveRefused("it holds a name with `..`")
    sizes = [len(part.encode("utf-8", "surrogateescape")) for part in parts]
    if max(sizes, default=0) > 255 or sum(sizes) > 2000 or len(parts) > 100:
        raise ArchiveRefused("it holds a name that is too long or too deep")
    return "/".join(parts)


def checked_target(name: str, target: str) -> str:
    """The target of a symbolic link that stays inside, by its words. Raises ArchiveRefused."""
    led = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
    if not target or len(target) > 2000 or target.startswith("/") or led == ".." or led.startswith("../"):
        raise ArchiveRefused("it holds a link that leads outside")
    if "\0" in target:
        raise ArchiveRefused("it holds a link with a control character")
    return target


class _Bounded(io.RawIOBase):
    """A file of which no single read is large: the headers of a tar may claim any length."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0 or size > _MOST_READ:
            raise ArchiveRefused("it holds a header of more than 1 MiB")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


def tar_members(file: IO[bytes], bounds: Bounds) -> Generator[Member, None, None]:
    """The members of a tar. Raises ArchiveRefused, and what tarfile raises for a damaged one."""
    with tarfile.open(fileobj=cast("BinaryIO", _Bounded(file)), mode="r:", errorlevel=2) as tar:
        for count, info in enumerate(tar):
            if count > bounds.files:
                raise ArchiveRefused(f"it holds more than {bounds.files:,} files and directories")
            name = checked_name(info.name)
            if name:
                yield _tar_member(tar, info, name)


def _tar_member(tar: tarfile.TarFile, info: tarfile.TarInfo, name: str) -> Member:
    if info.sparse is not None or not (info.isreg() or info.isdir() or info.issym() or info.islnk()):
        raise ArchiveRefused("it holds a device, a pipe or a sparse file; only files, directories and links are taken")
    _without_setuid(info.mode, info.isdir())
    target = ""
    if info.issym():
        target = checked_target(name, info.linkname)
    elif info.islnk():
        target = checked_name(info.linkname)
    kind: Literal["file", "directory", "link", "same"] = (
        "directory" if info.isdir() else "link" if info.issym() else "same" if info.islnk() else "file"
    )
    return Member(name, kind, lambda: _extracted(tar, info), bool(info.mode & stat.S_IXUSR), target)


def _extracted(tar: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    stream = tar.extractfile(info)
    if stream is None:
        raise ArchiveRefused("it holds a member without content")
    return stream


def _without_setuid(mode: int, directory: bool) -> None:
    if mode & _SETUID and not directory:  # on directories it is inherited and harmless: dropped
        raise ArchiveRefused("it holds a file with a setuid or setgid bit")


def zip_members(file: IO[bytes], bounds: Bounds) -> Generator[Member, None, None]:
    """The members of a zip. Raises ArchiveRefused, and what zipfile raises for a damaged one."""
    _check_directory(file, bounds)
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            if info.orig_filename != info.filename:
                raise ArchiveRefused("it holds a name with a control character or a backslash")
            name = checked_name(info.filename)
            if name:
                yield _zip_member(archive, info, name)


def _check_directory(file: IO[bytes], bounds: Bounds) -> None:
    """Refuse a zip whose table of contents would fill the memory."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - _END_SIZE - 0xFFFF - 20))
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_SIZE:
        raise ArchiveRefused("the archive is damaged (no table of contents)")
    entries, length = struct.unpack("<HL", tail[at + 10 : at + 16])
    if tail[max(0, at - 20) : at].startswith(b"PK\x06\x07") or entries == 0xFFFF or length == 0xFFFFFFFF:
        raise ArchiveRefused("it is a zip64 archive: send a tar.gz")
    if entries > bounds.files or length > bounds.files * 120 + (1 << 20):
        raise ArchiveRefused(f"it holds more than {bounds.files:,} files and directories")
    file.seek(0)


def _zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> Member:
    if info.flag_bits & 0x1:
        raise ArchiveRefused("it is encrypted")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ArchiveRefused("it is compressed in a way that is not taken: send a tar.gz")
    mode = info.external_attr >> 16
    form = stat.S_IFMT(mode)
    if form not in (0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
        raise ArchiveRefused("it holds a device or a pipe; only files, directories and links are taken")
    _without_setuid(mode, info.is_dir())
    if info.is_dir():
        return Member(name, "directory", lambda: archive.open(info))
    if form == stat.S_IFLNK:
        with archive.open(info) as stream:
            target = stream.read(4096).decode("utf-8", "surrogateescape")
        return Member(name, "link", lambda: archive.open(info), target=checked_target(name, target))
    return Member(name, "file", lambda: archive.open(info), bool(mode & stat.S_IXUSR))
