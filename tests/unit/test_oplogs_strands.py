"""Traces that several threads write at once, line by line: put together again by what the heads name."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.test_oplogs_traces import TRACES
from tools.oplogs.heads import said
from tools.oplogs.opening import opened
from tools.oplogs.strands import mark, strands, torn
from tools.oplogs.traces import Trace

OTHER = """Traceback (most recent call last):
  File "/srv/app/portal/app.py", line 16, in application
    raise Problem("no such host")
portal.errors.Problem: no such host"""
HEADS: dict[str, Callable[[int], str]] = {
    "apache": lambda n: f"[Wed Mar 04 05:40:50.1 2026] [wsgi:error] [pid 214:tid 14021{n}] [remote 10.0.0.{n}:443] ",
    "thread": lambda n: f"2026-03-04 05:40:50,123 [http-nio-8080-exec-{n}] ",
    "worker": lambda n: f"2026-03-04T05:40:50Z (worker-{n}) ",
}


def _traces(folder: Path, rows: list[str]) -> list[Trace]:
    (folder / "app.log").write_text("\n".join(rows) + "\n")
    with closing(opened([folder / "app.log"], cache=folder / "cache")) as index:
        return sorted(index.traces(), key=lambda trace: trace.exception)


@pytest.mark.parametrize("head", HEADS)
def test_traces_torn_apart_are_those_that_were_written(tmp_path: Path, head: str) -> None:
    """Twenty times two traces at once: two different ones, each as often and with the same print as alone."""
    chosen = random.Random(3)  # noqa: S311
    rows: list[str] = []
    for _ in range(20):
        waiting = [
            [HEADS[head](n) + row for row in text.splitlines()] for n, text in ((1, TRACES["python"]), (2, OTHER))
        ]
        while any(waiting):
            rows.append(chosen.choice([each for each in waiting if each]).pop(0))
    mixed = _traces(tmp_path, rows)
    assert [(trace.exception, trace.count) for trace in mixed] == [("KeyError", 20), ("portal.errors.Problem", 20)]
    (tmp_path / "alone").mkdir()
    alone = _traces(tmp_path / "alone", [*TRACES["python"].splitlines(), "2026-03-04 up", *OTHER.splitlines()])
    assert [trace.fingerprint for trace in mixed] == [trace.fingerprint for trace in alone]
    assert mixed[1].message == "no such host"


def test_lines_without_a_name_go_on_with_the_one_above() -> None:
    lines = [b"[worker-1] a", b"  b", b"[worker-2] c", b"  d", b"[worker-1] e"]
    assert [part.tolist() for part in strands(lines)] == [[0, 1, 4], [2, 3]]
    assert torn([b"[worker-1] Traceback", b"[worker-2] x"], [0])
    assert not torn([b"[worker-1] Traceback", b"[worker-1] x", b"[worker-2] y"], [0])
    assert (mark(b"[2026-03-04] [INFO] ready"), mark(b"[a-b] no number")) == (b"", b"")


@pytest.mark.parametrize(
    ("line", "level", "text"),
    [
        (HEADS["apache"](1) + "    x = int(y)", "", "    x = int(y)"),
        (HEADS["apache"](1) + "ERROR it broke", "error", "it broke"),
        (
            "[Wed Mar 04 05:40:50.1 2026] [proxy:error] [pid 5] (111)Connection refused",
            "error",
            "(111)Connection refused",
        ),
        ("2026-03-04 05:40:50 ValueError: bad row", "", "ValueError: bad row"),
        ("2026-03-04 05:40:50 shop.Cart: added", "", "added"),
    ],
)
def test_heads_leave_what_a_trace_is_made_of(line: str, level: str, text: str) -> None:
    """Its indentation, and the name of what was raised; a program's prints have no level because Apache says so."""
    told = said(line)
    assert (told.level, told.text) == (level, text)
