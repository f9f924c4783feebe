"""One job's log, read while it streams by: steps, what failed, versions. No more than some megabytes are ever held."""

from __future__ import annotations

import codecs
import io
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from tools.ci.failing import finding_of, readable, speaks_of_error, stopper
from tools.ci.plain import passable, plain
from tools.ci.shapes.registry import what_failed
from tools.ci.steps import BLOCK, Splitter, system_of, whole_lines
from tools.ci.values import JobLog, Step, System
from tools.ci.versions import Versions
from tools.ci.window import Window

MAX_OUTPUT = 2_000_000
KEPT = 6  # windows of steps that may turn out to be what failed
_NAME = re.compile(r"^Complete job name: (.{1,300})$", re.MULTILINE)
_SUCCEEDED = (b"Job succeeded", b"Finished: SUCCESS")
# `gh run view --log` puts the job's and the step's name before every line.
_COLUMNS = re.compile(rb"^([^\t\n]{1,300})\t[^\t\n]{0,300}\t(?=(?:\xef\xbb\xbf)?\d{4}-\d\d-\d\dT)", re.MULTILINE)
_ENDS = (b"Cleaning up orphan processes", b"Post job cleanup.", b"Job succeeded", b"Job failed", b"Finished: ")


@dataclass
class _Gathering:
    """A job's steps as they end, with the windows of the few that matter."""

    system: System
    name: str = ""
    steps: list[Step] = field(default_factory=list)
    failed: deque[tuple[Step, Window]] = field(default_factory=lambda: deque(maxlen=KEPT))
    recent: deque[tuple[Step, Window]] = field(default_factory=lambda: deque(maxlen=KEPT))
    versions: Versions = field(default_factory=Versions)
    ended: bool = False
    lines: int = 0

    def take(self, step: Step, window: Window) -> None:
        """A step is over."""
        self.steps.append(step)
        if step.failed and step.kind != "post":
            self.failed.append((step, window))
        if self.system != "actions" or step.kind != "post":
            self.recent.append((step, window))
        if Versions.worth(window):
            text = readable(window).text
            self.versions.take(text)
            named = _NAME.search(text) if not self.name and step.kind == "set-up" else None
            self.name = passable(named[1], 200) if named else self.name
        self.ended = any(mark in window.end() for mark in _ENDS) or step.kind == "post"

    def finish(self, tolerated: frozenset[str]) -> JobLog:
        """The job, with what failed it."""
        chosen = self._actions(tolerated) if self.system == "actions" else self._other()
        log = JobLog(
            system=self.system,
            name=self.name,
            steps=tuple(self.steps),
            versions=self.versions.tools,
            dependencies=self.versions.dependencies,
            lines=self.lines,
            complete=self.ended or self.system == "terminal",
        )
        if chosen is None:
            return log
        step, window = chosen
        lines = readable(window)
        found = finding_of(step, window, lines)
        return log.model_copy(update={"failing": step.number, "finding": found, "output": lines.text[-MAX_OUTPUT:]})

    def _actions(self, tolerated: frozenset[str]) -> tuple[Step, Window] | None:
        step = stopper(self.steps, tolerated)
        kept = next((pair for pair in self.failed if pair[0] is step), None)
        if kept is not None or self.ended or not self.recent:
            return kept
        last = self.recent[-1]  # a log that stops in the middle: what its last step says so far
        return last if what_failed(readable(last[1]).text) else None

    def _other(self) -> tuple[Step, Window] | None:
        """Of systems whose steps have no ends of their own: the last one with a tool's verdict, else the marked one."""
        if self.recent and any(mark in self.recent[-1][1].end() for mark in _SUCCEEDED):
            return None
        for pair in reversed(self.recent):
            match = what_failed(readable(pair[1]).text)
            if match is not None and match.shape.rank < 4:
                return pair
        if self.failed:
            return self.failed[-1]
        if self.system != "terminal" or not self.recent:
            return None
        return self.recent[-1] if speaks_of_error(self.recent[-1][1]) else None


def read_job(blocks: Iterable[bytes], *, name: str = "", tolerated: frozenset[str] = frozenset()) -> JobLog:
    """A job's raw log, of any of the CI systems or a terminal.

    blocks: its bytes, in pieces of any size; tolerated: names of steps that may fail.
    """
    pieces = whole_lines(blocks)
    first = next(pieces, b"")
    columns = _COLUMNS.match(first)
    if columns is not None:
        name = name or passable(plain(columns[1]), 200)
        first, pieces = _COLUMNS.sub(b"", first), (_COLUMNS.sub(b"", piece) for piece in pieces)
    gathering = _Gathering(system_of(first[:BLOCK]), name)
    splitter = Splitter(gathering.system, gathering.take)
    splitter.feed(first)
    for piece in pieces:
        splitter.feed(piece)
    splitter.close()
    gathering.lines = splitter.lines
    return gathering.finish(tolerated)


def read_steps(files: Iterable[tuple[str, str, Iterable[bytes]]], *, name: str, tolerated: frozenset[str]) -> JobLog:
    """A job of which every step is a file: (step's name, path, bytes), in order."""
    gathering = _Gathering("actions", name)
    for number, (step, path, blocks) in enumerate(files, 1):
        splitter = Splitter("actions", gathering.take, single=step, source=path, number=number)
        for piece in whole_lines(blocks):
            splitter.feed(piece)
        splitter.close()
        gathering.lines += splitter.lines
    gathering.ended = True
    return gathering.finish(tolerated)


def read_text(text: str) -> JobLog:
    """A job's log that is at hand as text."""
    return read_job(blocks_of(io.BytesIO(text.encode("utf-8", "replace"))))


def blocks_of(stream: BinaryIO) -> Iterator[bytes]:
    """The bytes of a stream, block by block; UTF-16 with its mark, as PowerShell writes it, becomes UTF-8."""
    block = stream.read(BLOCK)
    decoder = codecs.getincrementaldecoder("utf-16")("replace") if block[:2] in (b"\xff\xfe", b"\xfe\xff") else None
    while block:
        yield decoder.decode(block).encode("utf-8", "replace") if decoder else block
        block = stream.read(BLOCK)
