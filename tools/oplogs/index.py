"""The index of logs on disk: one SQLite file with templates, traces and, per block of lines, their templates and times.

Text of plain files is read from the files themselves; text of others is kept here, compressed. The index holds secrets
where the logs do: it is written for its owner only.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from tools.oplogs.reading import Source
from tools.oplogs.traces import Trace
from tools.tool import ToolError
from tools.values import Value

VERSION = 5
Ids = NDArray[np.uint32]
Times = NDArray[np.int64]
_TABLES = """
create table about (name text primary key, value text not null);
create table template (id text primary key, number integer unique, text text, level text, component text, lines integer,
    source integer, line integer, example text);
create table shape (number integer primary key, template integer not null, level text);
create table block (number integer primary key, source integer, first_line integer, lines integer, start integer,
    finish integer, earliest integer, latest integer, shapes blob, times blob, text blob);
create table trace (fingerprint text primary key, value text);
"""


class Template(Value):
    """What a program wrote, `<*>` where it filled in. id: by its text, the same in every index; lines: how many.

    file, line: where it stands first; example: that line.
    """

    id: str
    number: int
    text: str
    level: str
    component: str
    lines: int
    file: str
    line: int
    example: str


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive lines of a source. first_line: 1-based; start, finish: offsets in a plain file; times -1: unknown."""

    number: int
    source: int
    first_line: int
    lines: int
    start: int
    finish: int
    earliest: int
    latest: int


class Writer:
    """Writes an index into a file beside its place and moves it there when it is whole."""

    def __init__(self, place: Path) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        self._place = place
        self._part = place.with_name(f".{place.name}.{os.getpid()}-{threading.get_ident()}.part")
        self._part.unlink(missing_ok=True)
        os.close(os.open(self._part, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600))
        self._base = sqlite3.connect(self._part)
        self._base.executescript("pragma journal_mode=off; pragma synchronous=off;" + _TABLES)
        self._packer = zstandard.ZstdCompressor(level=1)

    def block(self, block: Block, shapes: Ids, times: Times, text: bytes | None) -> None:
        """text: already compressed; None for what can be read from the file."""
        steps = np.diff(times, prepend=0)
        row = (
            block.number, block.source, block.first_line, block.lines, block.start, block.finish, block.earliest,
            block.latest, self._packer.compress(shapes.astype("<u4").tobytes()),
            self._packer.compress(steps.astype("<i8").tobytes()), text,
        )  # fmt: skip
        self._base.execute("insert into block values (?,?,?,?,?,?,?,?,?,?,?)", row)

    def templates(self, rows: Iterable[tuple[str, int, str, str, str, int, int, int, str]]) -> None:
        self._base.executemany("insert into template values (?,?,?,?,?,?,?,?,?)", rows)

    def shapes(self, rows: Iterable[tuple[int, int, str]]) -> None:
        self._base.executemany("insert into shape values (?,?,?)", rows)

    def traces(self, traces: Iterable[Trace]) -> None:
        self._base.executemany("insert into trace values (?,?)", ((t.fingerprint, t.to_json()) for t in traces))

    def finish(self, about: dict[str, Any]) -> None:
        rows = [(name, json.dumps(value)) for name, value in {"version": VERSION, **about}.items()]
        self._base.executemany("insert into about values (?,?)", rows)
        self._base.commit()
        self._base.close()
        self._part.replace(self._place)

    def abandon(self) -> None:
        """Take away what is not whole; nothing after `finish`."""
        self._base.close()
        self._part.unlink(missing_ok=True)


class Reader:
    """Reads the lines of blocks, for one thread: what it gives is overwritten by the next."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._opener = zstandard.ZstdDecompressor()
        self._buffer = bytearray()

    def view(self, block: Block, packed: bytes | None) -> tuple[bytes | bytearray, int]:
        """The block's lines, up to the offset returned. packed: as the index keeps them. Raises ToolError."""
        if packed is not None:
            text = self._opener.decompress(packed)
            return text, len(text)
        source = self._sources[block.source]
        size = block.finish - block.start
        if len(self._buffer) <= size:
            self._buffer = bytearray(size + 4096)
        try:
            with Path(source.path).open("rb", buffering=0) as file:
                file.seek(block.start)
                read = file.readinto(memoryview(self._buffer)[:size])
        except OSError as error:
            raise ToolError(f"{source.path} cannot be read any more: {error.strerror}") from error
        if read != size:
            raise ToolError(f"{source.path} is shorter than when it was read: ask again")
        if not size or self._buffer[size - 1] != ord("\n"):
            self._buffer[size] = ord("\n")
            size += 1
        return self._buffer, size


class Index:
    """A finished index, read only."""

    def __init__(self, place: Path) -> None:
        """Raises ToolError for what is no index of this version."""
        try:
            self._base = sqlite3.connect(f"{place.resolve().as_uri()}?mode=ro", uri=True)
            self.about: dict[str, Any] = {
                name: json.loads(value) for name, value in self._base.execute("select name, value from about")
            }
        except (sqlite3.Error, ValueError) as error:
            raise ToolError(f"no index of logs: {place} ({error})") from error
        if self.about.get("version") != VERSION:
            raise ToolError(f"no index of this version: {place}")
        self.sources = tuple(Source.model_validate(source) for source in self.about["sources"])
        self._opener = zstandard.ZstdDecompressor()
        self._reader = Reader(self.sources)

    def close(self) -> None:
        self._base.close()

    @property
    def lines(self) -> int:
        return int(self.about["lines"])

    def templates(self) -> tuple[Template, ...]:
        """All templates, the most frequent first."""
        rows = self._base.execute(
            "select id, number, text, level, component, lines, source, line, example from template"
            " order by lines desc, id"
        )
        return tuple(
            Template(
                id=row[0], number=row[1], text=row[2], level=row[3], component=row[4], lines=row[5],
                file=self.sources[row[6]].path, line=row[7], example=row[8],
            )
            for row in rows
        )  # fmt: skip

    def traces(self) -> tuple[Trace, ...]:
        found = [Trace.model_validate_json(value) for (value,) in self._base.execute("select value from trace")]
        return tuple(sorted(found, key=lambda trace: (-trace.count, trace.fingerprint)))

    def template_of_shape(self) -> NDArray[np.uint32]:
        """The template's number by the shape's number."""
        numbers = [number for (number,) in self._base.execute("select template from shape order by number")]
        return np.array(numbers, dtype=np.uint32)

    def levels_of_shapes(self) -> list[str]:
        return [level for (level,) in self._base.execute("select level from shape order by number")]

    def blocks(self, since: int | None = None, until: int | None = None) -> list[Block]:
        """Blocks with lines in [since, until), those without times included when no time is asked for."""
        rows = self._base.execute(
            "select number, source, first_line, lines, start, finish, earliest, latest from block"
            " where latest >= ? and (earliest < ? or ? is null) order by number",
            (-1 if since is None else since, until, until),
        )
        return [Block(*row) for row in rows]

    def shapes(self, block: Block) -> Ids:
        (packed,) = self._base.execute("select shapes from block where number = ?", (block.number,)).fetchone()
        return np.frombuffer(self._opener.decompress(packed), dtype="<u4")

    def times(self, block: Block) -> Times:
        (packed,) = self._base.execute("select times from block where number = ?", (block.number,)).fetchone()
        return np.cumsum(np.frombuffer(self._opener.decompress(packed), dtype="<i8"), dtype=np.int64)

    def packed(self, block: Block) -> bytes | None:
        """The block's lines as they are kept here, None when they are in the file."""
        row: tuple[bytes | None] = self._base.execute(
            "select text from block where number = ?", (block.number,)
        ).fetchone()
        return row[0]

    def whole(self) -> frozenset[int]:
        """The sources whose lines are those of their file, byte for byte."""
        rows = self._base.execute(
            "select source, sum(finish - start) from block group by source"
            " having max(typeof(text)) = 'null' and min(start) = 0"
        )
        return frozenset(source for source, size in rows if size == self.sources[source].size)

    def text(self, block: Block) -> bytes:
        """The block's lines. Raises ToolError when the file is not what was indexed."""
        text, end = self._reader.view(block, self.packed(block))
        return bytes(text[:end])

    def activity(self) -> Iterator[tuple[Ids, Times]]:
        """Template numbers and times of all lines, block by block."""
        templates = self.template_of_shape()
        for block in self.blocks():
            yield templates[self.shapes(block)], self.times(block)


def holds(place: Path, sources: Sequence[Source], asked: str) -> bool:
    """Whether there is an index of exactly these files as they are now, built with what `asked` says."""
    if not place.is_file():
        return False
    try:
        with closing(Index(place)) as index:
            return index.sources == tuple(sources) and index.about.get("asked") == asked
    except ToolError:
        return False
