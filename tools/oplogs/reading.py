"""Files of logs as blocks of whole lines: plain, compressed, docker's json-file, journald's export, UTF-16.

Everything is bounded: the length of a line, what a compressed file may grow to, the number of files. What is left out
is said in `Notes`.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import os
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Literal, cast

import orjson
import zstandard

from tools.oplogs.journal import entries
from tools.tool import ToolError
from tools.values import Value

BLOCK = 4_000_000  # bytes
MAX_LINE = 256_000
MAX_GROWN = 40_000_000_000  # bytes out of one compressed file
MAX_FILES = 10_000
_CHUNK = 1_000_000
_HEAD = 64_000
Form = Literal["plain", "gzip", "bz2", "xz", "zstd", "utf-16"]
Flavour = Literal["text", "docker", "journald"]
_MAGIC: tuple[tuple[bytes, Form], ...] = (
    (b"\x1f\x8b", "gzip"), (b"BZh", "bz2"), (b"\xfd7zXZ\x00", "xz"), (b"\x28\xb5\x2f\xfd", "zstd"),
)  # fmt: skip
_BROKEN = (EOFError, OSError, zlib.error, lzma.LZMAError, zstandard.ZstdError, ValueError)


class Source(Value):
    """A file to read. form: how its bytes are packed; flavour: how its lines are; size in bytes on disk."""

    path: str
    form: Form
    flavour: Flavour
    size: int
    mtime_ns: int

    @property
    def sliced(self) -> bool:
        """Whether it is read by offsets, in any order."""
        return self.form == "plain" and self.flavour != "journald"


class Notes:
    """What was left out or changed on the way, as sentences, each with its count."""

    def __init__(self) -> None:
        self._sentences: dict[str, int] = {}

    def add(self, sentence: str, count: int = 1) -> None:
        """`{n}` in the sentence is written as the sum of counts. At most 200 different sentences are kept."""
        if count and (sentence in self._sentences or len(self._sentences) < 200):
            self._sentences[sentence] = self._sentences.get(sentence, 0) + count
        elif count:
            self._sentences["{n} further remarks"] = self._sentences.get("{n} further remarks", 0) + 1

    def counted(self) -> tuple[tuple[str, int], ...]:
        return tuple(self._sentences.items())

    def told(self) -> tuple[str, ...]:
        return tuple(sentence.replace("{n}", f"{count:,}") for sentence, count in self._sentences.items())


def sources(paths: Sequence[Path], notes: Notes) -> tuple[Source, ...]:
    """The files to read, a directory's by the time of their last change. Raises ToolError for a missing path."""
    found: list[Source] = []
    for path in paths:
        if not path.exists():
            raise ToolError(f"no such file or directory: {path}")
        files = _files(path, notes) if path.is_dir() else [path]
        read = [source for file in files if (source := _source(file, notes))]
        found += sorted(read, key=lambda source: (source.mtime_ns, source.path)) if path.is_dir() else read
    return tuple({source.path: source for source in found}.values())


def _files(folder: Path, notes: Notes) -> list[Path]:
    files: list[Path] = []
    for where, folders, names in os.walk(folder):
        folders.sort()
        files += [Path(where, name) for name in sorted(names)]
        if len(files) > MAX_FILES:
            notes.add(f"{folder}: only {MAX_FILES:,} of its files are read")
            return files[:MAX_FILES]
    return [file for file in files if not file.is_symlink()]


def _source(path: Path, notes: Notes) -> Source | None:
    try:
        info = path.stat()
        if not stat.S_ISREG(info.st_mode):
            notes.add(f"{path} is no regular file: left out")
            return None
        with path.open("rb") as file:
            head = file.read(_HEAD)
        form = next((form for magic, form in _MAGIC if head.startswith(magic)), None) or _coded(head)
        inner = head
        if form != "plain":
            with _opened(path, form) as stream:
                inner = _start_of(stream)
            inner = inner.decode("utf-16", "ignore").encode("utf-8", "replace") if form == "utf-16" else inner
    except _BROKEN as error:
        notes.add(f"{path} cannot be read ({error}): left out")
        return None
    if not info.st_size:
        notes.add("{n} empty files")
        return None
    if _binary(inner):
        notes.add(f"{path} is binary ({info.st_size:,} bytes): left out")
        return None
    return Source(
        path=str(path.resolve()), form=form, flavour=_flavour(inner), size=info.st_size, mtime_ns=info.st_mtime_ns
    )


def _start_of(stream: IO[bytes]) -> bytes:
    try:
        return stream.read(_HEAD)
    except EOFError:
        return b""  # told when it is read


def _coded(head: bytes) -> Form:
    return "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "plain"


def _binary(head: bytes) -> bool:
    """A hole of zeros, as a truncated and still written file has at its start, makes no binary file."""
    text = head.replace(b"\0", b"")
    control = len(text) - len(text.translate(None, bytes((*range(9), 11, *range(14, 27), *range(28, 32), 127))))
    invalid = 0
    if text and control <= len(text) * 0.1:
        invalid = text.decode("utf-8", "replace").count("\ufffd")
    return bool(text) and (control > len(text) * 0.1 or (invalid > len(text) * 0.3) or 0 < len(text) * 8 < len(head))


def _flavour(head: bytes) -> Flavour:
    first = head.split(b"\n", 1)[0].strip()
    if first.startswith(b"{") and b'"log":' in first and b'"time":' in first and b'"stream":' in first:
        return "docker"
    return "journald" if first.startswith(b"__CURSOR=") or b"\n__REALTIME_TIMESTAMP=" in head[:2_000] else "text"


def _opened(path: Path, form: Form) -> IO[bytes]:
    if form == "gzip":
        return cast("IO[bytes]", gzip.open(path))
    if form == "bz2":
        return bz2.open(path)
    if form == "xz":
        return lzma.open(path)
    if form == "zstd":
        opener = zstandard.ZstdDecompressor(max_window_size=1 << 27)
        return opener.stream_reader(path.open("rb"), read_across_frames=True, closefd=True)
    return path.open("rb")


def stream(source: Source, notes: Notes) -> Iterator[bytes]:
    """Blocks of whole lines of a source that is read from front to back."""
    chunks = _chunks(source, notes)
    yield from _blocks(entries(chunks) if source.flavour == "journald" else chunks, source, notes)


def _chunks(source: Source, notes: Notes) -> Iterator[bytes]:
    grown = 0
    try:
        with _opened(Path(source.path), source.form) as file:
            decoder = codecs.getincrementaldecoder("utf-16")("replace") if source.form == "utf-16" else None
            while chunk := _some(file):
                grown += len(chunk)
                if grown > MAX_GROWN:
                    notes.add(f"{source.path}: only the first {MAX_GROWN:,} bytes are read")
                    return
                yield decoder.decode(chunk).encode("utf-8", "replace") if decoder else chunk
    except _BROKEN as error:
        notes.add(f"{source.path} breaks off after {grown:,} bytes ({error or type(error).__name__})")


def _some(file: IO[bytes]) -> bytes:
    first: Callable[[int], bytes] = getattr(file, "read1", file.read)
    return first(_CHUNK)


def _blocks(chunks: Iterable[bytes], source: Source, notes: Notes) -> Iterator[bytes]:
    ready: list[bytes] = []
    size, rest, lost = 0, b"", 0
    for chunk in chunks:
        text = rest + chunk
        end = text.rfind(b"\n") + 1
        if lost:
            first = text.find(b"\n")
            lost += first if first >= 0 else len(text)
            text, end = (text[first:], end - first) if first >= 0 else (b"", 0)
            if first >= 0:
                _long(source, notes, lost)
                lost = 0
        if end:
            ready.append(text[:end])
            size += end
        rest = text[end:]
        if len(rest) > MAX_LINE and not lost:
            ready.append(rest[:MAX_LINE])
            size += MAX_LINE
            lost, rest = len(rest) - MAX_LINE, b""
        if size >= BLOCK and not lost:
            yield b"".join(ready)
            ready, size = [], 0
    if lost:
        _long(source, notes, lost)
    if rest or (ready and not ready[-1].endswith(b"\n")):
        ready.append(rest + b"\n")
    if ready:
        yield b"".join(ready)


def _long(source: Source, notes: Notes, lost: int) -> None:
    notes.add(f"{source.path}: {{n}} lines are longer than {MAX_LINE:,} bytes; the rest of them is left out")
    notes.add(f"{source.path}: {{n}} bytes of long lines left out", lost)


def offsets(source: Source, block: int = BLOCK) -> Iterator[tuple[int, int]]:
    """The parts of a source that is read by offsets."""
    for start in range(0, source.size, block):
        yield start, min(source.size, start + block)


def piece(source: Source, start: int, end: int, notes: Notes, longest: int = MAX_LINE) -> tuple[int, bytes]:
    """Where the first line that begins in [start, end) begins, and the lines that begin there, whole.

    At most `longest` bytes past `end` are read: what a longer line has beyond that is left out, and counted.
    """
    base = max(0, start - 1)
    with Path(source.path).open("rb") as file:
        file.seek(base)
        text = file.read(end + longest - base)
        first = text.find(b"\n", 0, end - 1 - base) + 1 if start else 0
        if start and not first:
            return end, b""
        close = text.find(b"\n", end - 1 - base)
        if close >= 0:
            return base + first, text[first : close + 1]
        lost = _rest_of_line(file)
    if lost:
        _long(source, notes, lost)
    return base + first, text[first:] + b"\n" if text[first:] else b""


def _rest_of_line(file: IO[bytes]) -> int:
    """Bytes up to the next newline."""
    count = 0
    while chunk := file.read(_CHUNK):
        at = chunk.find(b"\n")
        if at >= 0:
            return count + at
        count += len(chunk)
    return count


def undocked(block: bytes) -> bytes:
    """Lines of docker's json-file as `time text`; what was written in parts is put together. Others stay."""
    lines: list[bytes] = []
    part = b""
    for line in block.split(b"\n")[:-1]:
        try:
            entry = orjson.loads(line)
            time, text = str(entry["time"]), str(entry["log"])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            lines.append(line)
            continue
        written = text.encode("utf-8", "replace")
        whole = written.endswith(b"\n")
        part = part + written if part else time.encode() + b" " + written
        if whole or len(part) > MAX_LINE:
            lines.append(part.rstrip(b"\n").replace(b"\n", b" "))
            part = b""
    if part:
        lines.append(part.replace(b"\n", b" "))
    return b"\n".join(lines) + b"\n" if lines else b""
