from __future__ import annotations

import io

from rich.console import Console

from agent.bench import Progress
from workflows.progress import Lively, Plain, Rows, display, told


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def console(*, terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=80, color_system=None)


def printed(screen: Console) -> str:
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def test_without_a_terminal_there_are_plain_lines_and_not_too_many() -> None:
    clock, screen = Clock(), console(terminal=False)
    show = display(screen, quiet=False, now=clock)
    assert isinstance(show, Plain)
    show(Progress(node="search", text="started"))
    for done in range(0, 5000, 100):
        clock.time += 0.1
        show(Progress(node="search", text="candidates", done=done, total=40_000))
    show(Progress(node="search", text="finished: 3 plausible"))
    lines = printed(screen).splitlines()
    assert len(lines) == 4
    assert lines[-1] == "[   5.0s] search: done in 5.0 s: 3 plausible"


def test_a_step_that_is_entered_again_gets_another_row() -> None:
    clock = Clock()
    rows = Rows(clock)
    for text in ("started", "finished: no", "started", "at work"):
        clock.time += 1
        rows.take(Progress(node="verify", text=text))
    assert [(row.text, rows.seconds(row)) for row in rows.rows] == [("no", 1.0), ("at work", 1.0)]


def test_a_terminal_shows_each_step_with_its_time_and_no_markup_or_sequences() -> None:
    clock, screen = Clock(), console(terminal=True)
    show = display(screen, quiet=False, now=clock)
    assert isinstance(show, Lively)
    with show.shown():
        show(Progress(node="reproduce", text="started"))
        clock.time += 2.5
        show(Progress(node="reproduce", text="test [bold]x[/bold] \x1b[2J\x07", done=2, total=5))
    assert "2.5 s test [bold]x[/bold] \\x07 (2 of 5)" in printed(screen)
    assert "\x1b[2J" not in printed(screen)


def test_quiet_is_quiet() -> None:
    screen = console(terminal=True)
    show = display(screen, quiet=True)
    with show.shown():
        show(Progress(node="search", text="started"))
    assert not printed(screen)


def test_counts_are_told() -> None:
    assert told(Progress(node="x", text="tries", done=1200)) == "tries (1,200)"
    assert told(Progress(node="x", text="tries")) == "tries"
