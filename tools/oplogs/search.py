"""Lines by regular expression, template, field and time, with lines around them.

Expressions are RE2's (see `matching`): whatever is asked takes time linear in the log. Blocks without a line of the
wanted time or template are not read.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from tools.oplogs.heads import fields_of
from tools.oplogs.index import Block, Index, Reader
from tools.oplogs.matching import Matcher, Places
from tools.oplogs.ripgrep import Ripgrep
from tools.oplogs.windows import Lines, around, ended, line_of, newlines, shown
from tools.tool import ToolError
from tools.values import Value

MAX_CONTEXT = 1_000
LARGE = 16_000_000  # bytes of a file from which another process is worth starting
_THREADS = 2
_AHEAD = 2 * _THREADS
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Query:
    """What to look for; everything given has to hold. templates: ids, or how they begin.

    fields: name and value of a JSON or logfmt line's field; the name "level" also looks at the level understood.
    since, until: seconds since 1970, [since, until). limit: hits shown; all are counted when `count` is set.
    """

    grep: str | None = None
    templates: tuple[str, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()
    since: int | None = None
    until: int | None = None
    context: int = 0
    limit: int = 100
    count: bool = False
    ignore_case: bool = False


class Hit(Value):
    """A line that was found. line: 1-based; time: seconds since 1970, -1 unknown; before, after: lines around it."""

    file: str
    line: int
    time: int
    template: str
    text: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


class Found(Value):
    """hits: at most the limit; count: lines found, and whether that is all of them (`complete`)."""

    hits: tuple[Hit, ...]
    count: int
    complete: bool


def search(index: Index, query: Query) -> Found:
    """Answer a query. Raises ToolError for an expression or template that cannot be used."""
    searcher = _Searcher(index, query)
    hits: list[Hit] = []
    count = 0
    for source, blocks in searcher.parts():
        limit = max(0, query.limit - len(hits))
        found = searcher.in_file(source, blocks, limit) if source is not None else None
        found = found or searcher.in_blocks(blocks, limit)
        hits += found.hits
        count += found.count
        if count and len(hits) >= query.limit and not query.count:
            return Found(hits=tuple(hits), count=count, complete=False)
    return Found(hits=tuple(hits), count=count, complete=True)


class _Searcher:
    """A query made ready for an index."""

    def __init__(self, index: Index, query: Query) -> None:
        self._index = index
        self._query = query
        self._matcher: Matcher | None = None
        self._ripgrep: Ripgrep | None = None
        if query.grep is not None:
            self._understand(query.grep.removeprefix("(?i)"), query.ignore_case or query.grep.startswith("(?i)"))
        self._local = threading.local()
        self._template_of = index.template_of_shape()
        self._ids = {template.number: template.id for template in index.templates()}
        self._shapes = self._wanted_shapes()
        self._blocks = {block.number: block for block in index.blocks()} if query.context else {}
        levels = index.levels_of_shapes() if any(name == "level" for name, _ in query.fields) else []
        self._levels = np.array(levels, dtype=object)

    def _understand(self, pattern: str, ignore_case: bool) -> None:
        self._matcher = Matcher(pattern, ignore_case=ignore_case)
        if not self._picky:
            with suppress(ValueError):
                self._ripgrep = Ripgrep(pattern, ignore_case=ignore_case)

    def _wanted_shapes(self) -> Mask | None:
        if not self._query.templates:
            return None
        numbers: set[int] = set()
        for wanted in self._query.templates:
            found = {number for number, name in self._ids.items() if name.startswith(wanted)}
            if not found:
                raise ToolError(f"no template {wanted}")
            numbers |= found
        return np.isin(self._template_of, list(numbers))

    def parts(self) -> list[tuple[int | None, list[Block]]]:
        """The blocks to look at, in order: those of a source that is searched as one file, or (None) any others."""
        blocks = self._index.blocks(self._query.since, self._query.until)
        whole = self._index.whole() if self._ripgrep else frozenset()
        files = {number for number in whole if self._index.sources[number].size >= LARGE}
        key = partial(_among, files)
        return [(source, list(part)) for source, part in groupby(blocks, key)]

    def in_file(self, number: int, blocks: list[Block], limit: int) -> Found | None:
        """In a file by ripgrep; None: not to be searched in that way after all."""
        source = self._index.sources[number]
        assert self._ripgrep  # noqa: S101 - no such part otherwise
        seen = self._ripgrep.find(source, limit, everything=self._query.count)
        if seen is None:
            return None
        starts = [block.start for block in blocks]
        hits: list[Hit] = []
        try:
            with Path(source.path).open("rb") as file:
                for place, offsets in groupby(seen.at, lambda offset: bisect_right(starts, offset) - 1):
                    hits += self._hits_at(file, blocks[place], list(offsets))
        except OSError as error:
            raise ToolError(f"{source.path} cannot be read any more: {error.strerror}") from error
        return Found(hits=tuple(hits), count=seen.count, complete=seen.whole)

    def in_blocks(self, blocks: list[Block], limit: int) -> Found:
        hits: list[Hit] = []
        count = 0
        with closing(self._matches(blocks)) as matches:
            for block, wanted, places in matches:
                if len(hits) < limit or self._picky or (places and not places.single):
                    text, lines = self._lines(block, wanted, places)
                    hits += self._hits(block, text, lines[: max(0, limit - len(hits))])
                    count += len(lines)
                else:
                    count += len(places.at) if places else block.lines
                if count and len(hits) >= limit and not self._query.count:
                    return Found(hits=tuple(hits), count=count, complete=False)
        return Found(hits=tuple(hits), count=count, complete=True)

    @property
    def _picky(self) -> bool:
        """Whether more than an expression has to hold, so that lines must be looked at to be counted."""
        query = self._query
        return bool(query.templates or query.fields) or query.since is not None or query.until is not None

    def _matches(self, blocks: list[Block]) -> Generator[tuple[Block, Mask | None, Places | None]]:
        """Blocks in order, which of their lines are of the time and templates, and where the expression matches.

        Blocks are read and searched ahead, by threads: None stands for every line.
        """
        ahead: deque[tuple[Block, Mask | None, Future[Places | None]]] = deque()
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="search") as threads:
            try:
                for block in blocks:
                    wanted = self._wanted(block)
                    if wanted is None or wanted.any():
                        ahead.append((block, wanted, threads.submit(self._places, block, self._index.packed(block))))
                    if len(ahead) > _AHEAD:
                        yield from self._next(ahead)
                while ahead:
                    yield from self._next(ahead)
            finally:
                threads.shutdown(cancel_futures=True)

    @staticmethod
    def _next(
        ahead: deque[tuple[Block, Mask | None, Future[Places | None]]],
    ) -> Iterator[tuple[Block, Mask | None, Places | None]]:
        block, wanted, future = ahead.popleft()
        places = future.result()
        if places is None or places.at:
            yield block, wanted, places

    def _places(self, block: Block, packed: bytes | None) -> Places | None:
        """In a thread."""
        if self._matcher is None:
            return None
        if not hasattr(self._local, "reader"):
            self._local.reader = Reader(self._index.sources)
        text, end = self._local.reader.view(block, packed)
        return self._matcher.places(text, end)

    def _lines(self, block: Block, wanted: Mask | None, places: Places | None) -> tuple[bytes, Lines]:
        """The text of a block, and the lines in it that match, counted from 0."""
        text = self._index.text(block)
        lines = np.arange(block.lines)
        if places is not None:
            ends = newlines(text)
            lines = np.unique(np.searchsorted(ends, np.array(places.at, dtype=np.int64), side="left"))
        lines = lines[lines < block.lines]
        if wanted is not None:
            lines = lines[wanted[lines]]
        return text, self._with_fields(block, text, lines) if self._query.fields and lines.size else lines

    def _wanted(self, block: Block) -> Mask | None:
        """Which lines are of the time and templates; None: all."""
        wanted: Mask | None = None
        if self._shapes is not None:
            wanted = self._shapes[self._index.shapes(block)]
        since, until = self._query.since, self._query.until
        if since is not None or until is not None:
            times = self._index.times(block)
            timely = (times >= (0 if since is None else since)) & (times < ((1 << 62) if until is None else until))
            wanted = timely if wanted is None else wanted & timely
        return wanted

    def _with_fields(self, block: Block, text: bytes, lines: Lines) -> Lines:
        ends = newlines(text)
        shapes = self._index.shapes(block)
        return np.array(
            [n for n in lines.tolist() if self._fits(line_of(text, ends, n), int(shapes[n]))], dtype=np.int64
        )

    def _fits(self, line: str, shape: int) -> bool:
        fields = fields_of(line) or {}
        for name, value in self._query.fields:
            level = self._levels[shape] if name == "level" else None
            if fields.get(name) != value and not (level and level == value.lower()):
                return False
        return True

    def _hits(self, block: Block, text: bytes, lines: Lines) -> list[Hit]:
        """The lines as they are shown, with those around them."""
        if not lines.size:
            return []
        ends = newlines(text)
        times, shapes = self._index.times(block), self._index.shapes(block)
        around = min(MAX_CONTEXT, self._query.context)
        found: list[Hit] = []
        for n in lines.tolist():
            before = [line_of(text, ends, m) for m in range(max(0, n - around), n)]
            after = [line_of(text, ends, m) for m in range(n + 1, min(block.lines, n + 1 + around))]
            if n < around:
                before = self._next_door(block, -1)[n - around :] + before
            if n + around >= block.lines:
                after += self._next_door(block, 1)[: n + 1 + around - block.lines]
            found.append(
                Hit(
                    file=self._index.sources[block.source].path, line=block.first_line + n, time=int(times[n]),
                    template=self._ids[int(self._template_of[shapes[n]])], text=line_of(text, ends, n),
                    before=tuple(before), after=tuple(after),
                )
            )  # fmt: skip
        return found

    def _hits_at(self, file: IO[bytes], block: Block, offsets: list[int]) -> list[Hit]:
        """The lines of a block that begin at `offsets` of its file."""
        source = self._index.sources[block.source]
        times, shapes = self._index.times(block), self._index.shapes(block)
        lines = min(MAX_CONTEXT, self._query.context)
        found: list[Hit] = []
        for offset, n in zip(offsets, ended(file, block.start, offsets), strict=True):
            before, line, after = around(file, offset, source.size, lines)
            found.append(
                Hit(
                    file=source.path, line=block.first_line + n, time=int(times[n]),
                    template=self._ids[int(self._template_of[shapes[n]])], text=shown(line),
                    before=tuple(map(shown, before)), after=tuple(map(shown, after)),
                )
            )  # fmt: skip
        return found

    def _next_door(self, block: Block, step: int) -> list[str]:
        """The last lines of the block before, or the first ones of the block after, of the same file."""
        other = self._blocks.get(block.number + step)
        if other is None or other.source != block.source:
            return []
        text = self._index.text(other)
        ends = newlines(text)
        first = max(0, other.lines - MAX_CONTEXT) if step < 0 else 0
        return [line_of(text, ends, n) for n in range(first, min(other.lines, first + MAX_CONTEXT))]


def _among(files: set[int], block: Block) -> int | None:
    return block.source if block.source in files else None
