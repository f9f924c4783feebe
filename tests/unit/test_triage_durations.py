"""Where lines tell of longer times: access logs, fields and words, and what is no such thing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tools.oplogs.opening import opened
from tools.triage.durations import Slowed, slowed, slowness, timed
from tools.triage.investigate import Incident, triage
from tools.triage.ledger import Ledger
from tools.triage.reading import Log
from tools.triage.values import Deploy

BEGAN = 1_772_445_600  # 2026-03-02T10:00:00Z
Line = Callable[[str, float], str]
FORMS: dict[str, Line] = {
    "access": lambda at, took: f'10.0.0.1 - - [{at}] "GET /buy HTTP/1.1" 200 32 "-" "curl" {took:.3f}',
    "words": lambda at, took: f"{at} INFO order placed in {took * 1000:.0f} ms",
    "field": lambda at, took: f'{{"time": "{at}", "level": "info", "msg": "served", "duration_ms": {took * 1000:.0f}}}',
    "logfmt": lambda at, took: f"time={at} level=info msg=served elapsed={took:.3f}s",
}


def _at(second: int) -> str:
    return f"2026-03-02T10:{second // 60:02}:{second % 60:02}Z"


def _took(second: int, slow: float) -> float:
    """A few lines are slow on every day."""
    return slow if second >= 1800 else 0.9 if second % 190 == 0 else 0.02 + (second % 7) / 1000


def _found(tmp_path: Path, rows: Iterator[str]) -> Slowed | None:
    (tmp_path / "web.log").write_text("\n".join(rows) + "\n")
    with closing(opened([tmp_path / "web.log"], cache=tmp_path / "cache")) as index:
        return slowed(timed(index), *Log("web", index).span())


@pytest.mark.parametrize("form", FORMS)
def test_lines_that_take_longer_from_some_time_on_are_found(tmp_path: Path, form: str) -> None:
    """Also where a slow service answers fewer requests."""
    seconds = [*range(0, 1800, 5), *range(1800, 2400, 40)]
    found = _found(tmp_path, (FORMS[form](_at(second), _took(second, 1.2)) for second in seconds))
    assert found
    assert abs(found.stretch.start - BEGAN - 1800) <= 40
    assert 0.02 <= found.usual <= 0.03
    assert found.now == pytest.approx(1.2)
    said = slowness("web", found, BEGAN + 1800, Ledger())
    assert "take 1.2 s, usual are 2" in said.text
    assert (said.state, said.hints) == ("slower", ("slow",))


@pytest.mark.parametrize("form", FORMS)
def test_usual_times_are_no_finding(tmp_path: Path, form: str) -> None:
    """Slow ones now and then, and three times as many requests at the end."""
    seconds = [*range(0, 1800, 5), *range(1800, 2400, 1)]
    assert _found(tmp_path, (FORMS[form](_at(second), _took(second, 0.05)) for second in seconds)) is None


def test_numbers_that_are_no_times_are_none(tmp_path: Path) -> None:
    rows = (f"{_at(second)} INFO sent {30 if second < 1800 else 90_000} bytes to 10 m" for second in range(0, 2400, 5))
    assert _found(tmp_path, rows) is None


async def test_longer_times_alone_are_never_sure_of_a_change(tmp_path: Path) -> None:
    """A deploy shortly before: suspected at most, and the note says what decides."""
    rows = (FORMS["words"](_at(second), _took(second, 1.2)) for second in range(0, 2400, 5))
    (tmp_path / "web.log").write_text("\n".join(rows) + "\n")
    deploy = Deploy(time=BEGAN + 1750, service="web", note="new workers")
    with closing(opened([tmp_path / "web.log"], cache=tmp_path / "cache")) as index:
        note = await triage(Incident(logs={"web": Log("web", index)}, deploys=(deploy,)))
    assert note.cause != "healthy"
    assert note.confidence <= 0.4
    assert abs(note.onset - BEGAN - 1800) <= 40
    assert "Only times tell of it" in " ".join(each.text for each in note.decide)
    assert "web is slow" in " ".join(each.text for each in note.blast)


async def test_somewhat_longer_times_make_a_healthy_day_less_sure(tmp_path: Path) -> None:
    rows = (FORMS["words"](_at(second), 0.04 if second < 1500 else 0.11) for second in range(0, 2400, 5))
    (tmp_path / "web.log").write_text("\n".join(rows) + "\n")
    with closing(opened([tmp_path / "web.log"], cache=tmp_path / "cache")) as index:
        note = await triage(Incident(logs={"web": Log("web", index)}, deploys=()))
    assert (note.cause, note.confidence) == ("healthy", 0.4)
    assert "takes somewhat longer" in note.summary[1].text


async def test_errors_that_come_all_the_time_are_no_good_day(tmp_path: Path) -> None:
    """It began before the logs do."""
    rows = (f"{_at(second)} {'ERROR no price' if second % 20 == 0 else 'INFO served'}" for second in range(0, 2400, 2))
    (tmp_path / "web.log").write_text("\n".join(rows) + "\n")
    with closing(opened([tmp_path / "web.log"], cache=tmp_path / "cache")) as index:
        note = await triage(Incident(logs={"web": Log("web", index)}, deploys=()))
    assert (note.cause, note.confidence) == ("inconclusive", 0.0)
    assert "it may have begun before these logs do" in note.summary[0].text
    assert note.decide
