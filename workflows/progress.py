"""Live progress on standard error: a line per step with its time and what it does; plain lines without a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from workflows.text import line

if TYPE_CHECKING:
    from agent.bench import Progress

STARTED, FINISHED = "started", "finished: "
EVERY_S = 2.0


class Display(Protocol):
    """Takes progress while it is shown."""

    def __call__(self, progress: Progress, /) -> None:
        """One more thing happened."""

    def shown(self) -> AbstractContextManager[object]:
        """Show progress while the context is open."""


class Silent:
    """Shows nothing."""

    def __call__(self, progress: Progress, /) -> None:
        """Drop it."""

    def shown(self) -> AbstractContextManager[object]:
        """Nothing to open."""
        return nullcontext()


def display(console: Console, *, quiet: bool, now: Callable[[], float] = time.monotonic) -> Display:
    """What suits the console."""
    if quiet:
        return Silent()
    return Lively(console, now) if console.is_terminal else Plain(console, now)


def told(progress: Progress) -> str:
    """Text and count of a progress, on one line."""
    text = line(progress.text, 200)
    if progress.total:
        return f"{text} ({progress.done:,} of {progress.total:,})"
    return f"{text} ({progress.done:,})" if progress.done else text


@dataclass
class Row:
    """One visit of a node."""

    node: str
    began: float
    ended: float | None = None
    text: str = ""


@dataclass
class Rows:
    """The visits so far, in order; a node that is entered again gets another row."""

    now: Callable[[], float]
    rows: list[Row] = field(default_factory=list)

    def take(self, progress: Progress) -> Row:
        """Note it and return its row."""
        row = next((r for r in reversed(self.rows) if r.node == progress.node and r.ended is None), None)
        if row is None:
            row = Row(progress.node, self.now())
            self.rows.append(row)
        if progress.text.startswith(FINISHED):
            row.ended = self.now()
            row.text = line(progress.text[len(FINISHED) :], 200)
        elif progress.text != STARTED:
            row.text = told(progress)
        return row

    def seconds(self, row: Row) -> float:
        """How long it took, or takes so far."""
        return (self.now() if row.ended is None else row.ended) - row.began


class Lively:
    """A table that is drawn anew four times a second."""

    def __init__(self, console: Console, now: Callable[[], float]) -> None:
        self._console = console
        self._rows = Rows(now)

    def __call__(self, progress: Progress, /) -> None:
        """Taken; the next drawing shows it."""
        self._rows.take(progress)

    def shown(self) -> AbstractContextManager[object]:
        """Draw while open, and leave the last drawing behind."""
        return Live(console=self._console, get_renderable=self._table, refresh_per_second=4, redirect_stdout=False)

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 1))
        table.add_column(width=1)
        table.add_column(no_wrap=True, min_width=10)
        table.add_column(justify="right", no_wrap=True, min_width=7)
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        for row in list(self._rows.rows):
            going = row.ended is None
            sign = Text("●" if going else "✓", style="yellow" if going else "green")
            name = Text(row.node, style="bold" if going else "")
            table.add_row(sign, name, f"{self._rows.seconds(row):.1f} s", Text(row.text, style="" if going else "dim"))
        return table


class Plain:
    """A line when a step begins and ends, and in between at most one every two seconds."""

    def __init__(self, console: Console, now: Callable[[], float]) -> None:
        self._console = console
        self._rows = Rows(now)
        self._began = now()
        self._now = now
        self._last: dict[str, float] = {}

    def __call__(self, progress: Progress, /) -> None:
        """Print it, unless one of the same step was printed just now."""
        row = self._rows.take(progress)
        if row.ended is not None:
            self._print(f"{row.node}: done in {self._rows.seconds(row):.1f} s: {row.text}")
        elif progress.text == STARTED:
            return
        elif self._now() - self._last.get(row.node, -EVERY_S) >= EVERY_S:
            self._last[row.node] = self._now()
            self._print(f"{row.node}: {row.text}")

    def shown(self) -> AbstractContextManager[object]:
        """Nothing to open."""
        return nullcontext()

    def _print(self, text: str) -> None:
        self._console.print(Text(f"[{self._now() - self._began:6.1f}s] {text}"), soft_wrap=True)
