"""Dates such as 04/03/2026: what shows whether the day or the month is first, and what is said where nothing does."""

from __future__ import annotations

import calendar
import json
import os
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest

from tools.oplogs.index import Index
from tools.oplogs.opening import opened
from tools.oplogs.stamps import Clock
from tools.triage.dating import settled
from tools.triage.reading import Log
from tools.triage.values import Deploy

MARCH_4, APRIL_3 = (calendar.timegm((2026, month, day, 2, 0, 0)) for month, day in ((3, 4), (4, 3)))
LATER = calendar.timegm((2026, 9, 9, 9, 9, 9))
BOTH = "the day or the month may be first"


def _index(folder: Path, days: Iterable[str], *, changed: int = LATER, name: str = "app", times: int = 3) -> Index:
    path = folder / f"{name}.log"
    rows = [f"{day} 02:00:0{second} loaded {second} rows\n" for day in days for second in range(times)]
    path.write_text("".join(rows))
    os.utime(path, (changed, changed))
    return opened([path], cache=folder / "cache")


@pytest.mark.parametrize(
    ("days", "changed", "first"),
    [
        (["04/03/2026", "13/03/2026"], LATER, MARCH_4),  # there is no month 13
        (["04/03/2026", "04/13/2026"], LATER, APRIL_3),
        (["04/03/2026", "05/03/2026", "06/03/2026"], LATER, MARCH_4),  # days follow each other, months do not
        (["04/03/2026", "04/04/2026", "04/05/2026"], LATER, APRIL_3),
        (["04/03/2026"], MARCH_4 + 3600, MARCH_4),  # the log cannot be of a time after it was written
        (["04-03-2026"], MARCH_4 + 3600, MARCH_4),
        (["04/03/2026"], APRIL_3 + 3600, APRIL_3),  # of the day on which it was written
        (["04.03.2026"], LATER, MARCH_4),  # with dots the day is first
    ],
)
def test_what_the_file_shows_decides(tmp_path: Path, days: list[str], changed: int, first: int) -> None:
    with closing(_index(tmp_path, days, changed=changed)) as index:
        assert index.blocks()[0].earliest == first
        assert not any(BOTH in note for note in index.about["notes"])


def test_where_nothing_decides_that_is_said_and_can_be_asked_for(tmp_path: Path) -> None:
    with closing(_index(tmp_path, ["04/03/2026"])) as index:
        (note,) = index.about["notes"]
        assert note.startswith(f"in dates such as 04/03/2026 {BOTH}")
        assert "--dates day-first" in note
        assert index.blocks()[0].earliest == APRIL_3
    with closing(opened([tmp_path / "app.log"], cache=tmp_path / "cache", day_first=True)) as index:
        assert (index.blocks()[0].earliest, index.about["notes"]) == (MARCH_4, [])


@pytest.mark.parametrize("evidence", ["log", "deploy", "none"])
def test_other_logs_and_deploys_settle_it(tmp_path: Path, evidence: str) -> None:
    """Where they are of the time of one reading and not of the other; the note says so."""

    def reread(_service: str, day_first: bool) -> Index:
        return opened([tmp_path / "app.log"], cache=tmp_path / "cache", day_first=day_first)

    logs = {"app": Log("app", _index(tmp_path, ["04/03/2026"]))}
    if evidence == "log":
        logs["web"] = Log("web", _index(tmp_path, ["2026-03-04"], name="web"))
    deploys = [Deploy(time=MARCH_4 - 3600)] if evidence == "deploy" else []
    found = settled(logs, deploys, reread)["app"]
    assert found.span()[0] == (APRIL_3 if evidence == "none" else MARCH_4)
    assert bool(found.notes) == (evidence != "none")


def test_a_clock_reads_them_as_it_is_told() -> None:
    lines = [b"04/03/2026 02:00:00 a", b"04/03/2026, 2:00:00 AM b", b"04-03-2026T02:00:00 c", b"31/03/2026 02:00:00 d"]
    read = Clock(zone=0, latest=LATER, day_first=True).times(lines)
    assert read[:3] == [MARCH_4] * 3
    assert Clock(zone=0, latest=LATER).times(lines) == [APRIL_3] * 3 + [read[3]]


def test_dates_in_other_forms_decide_nothing(tmp_path: Path) -> None:
    """A numeric date in what a line says is not when it was written."""
    (tmp_path / "app.log").write_text(
        "".join(f'{{"time": "2026-03-04T02:00:00Z", "msg": "due {day}/03/2026 02:00:00"}}\n' for day in (4, 13))
    )
    with closing(opened([tmp_path / "app.log"], cache=tmp_path / "cache")) as index:
        assert index.blocks()[0].earliest == MARCH_4
        assert json.loads(json.dumps(index.about["dates"]))["sure"]
