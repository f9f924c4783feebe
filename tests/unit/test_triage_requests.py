"""The share of requests that fail: which lines tell of requests, since when more fail, and on which routes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

import pytest

from tools.oplogs.opening import opened
from tools.triage.investigate import Incident, triage
from tools.triage.ledger import Ledger
from tools.triage.reading import Log
from tools.triage.requests import request_of, requests, told

Line = Callable[[str, str, int], str]
FORMS: dict[str, Line] = {
    "access": lambda at, path, status: f'10.0.0.1 - - [{at}] "GET {path} HTTP/1.1" {status} 32 "-" "curl"',
    "uvicorn": lambda at, path, status: f'{at} INFO: 10.0.0.1:5312 - "GET {path} HTTP/1.1" {status} Whatever',
    "json": lambda at, path, status: json.dumps(
        {"time": at, "level": "info", "msg": "served", "method": "GET", "path": path, "status": status}
    ),
    "logfmt": lambda at, path, status: f"{at} level=info method=GET path={path} status={status} bytes=312",
    "words": lambda at, path, status: f"{at} INFO GET {path} -> {status} (12 ms)",
}


def _at(second: int) -> str:
    return f"2026-03-02T10:{second // 60:02}:{second % 60:02}Z"


def _rows(form: Line, fails: Callable[[int], bool]) -> Iterable[str]:
    """40 minutes of requests to two routes, every third one to /buy, which fails as told."""
    for number, second in enumerate(range(0, 2400, 2)):
        buys = number % 3 == 0
        path = f"/buy/{number}?seat={number}" if buys else "/seats"
        yield form(_at(second), path, 503 if buys and fails(second) else 404 if number % 50 == 0 else 200)


def _said(tmp_path: Path, rows: Iterable[str]) -> list[str]:
    (tmp_path / "web.log").write_text("\n".join(rows) + "\n")
    with closing(opened([tmp_path / "web.log"], cache=tmp_path / "cache")) as index:
        read = requests(index)
        return [] if read is None else [each.text for each in told("web", read, Ledger())]


@pytest.mark.parametrize("form", FORMS)
def test_the_share_of_failed_requests_since_when_and_where(tmp_path: Path, form: str) -> None:
    """A few fail on every day; half an hour in all purchases do."""
    share, where = _said(tmp_path, _rows(FORMS[form], lambda second: second >= 1800 or second % 300 == 0))
    assert share == (
        "web: 34 % of requests (100 of 298) failed with a status of 500 or above"
        " since 2026-03-02T10:30:00Z; before 0.7 %."
    )
    assert where == "Hit: `GET /buy/*` 100 % (100 of 100); all other routes 0 %."


@pytest.mark.parametrize("form", FORMS)
def test_as_many_failures_as_ever_are_said_to_be_that(tmp_path: Path, form: str) -> None:
    (share,) = _said(tmp_path, _rows(FORMS[form], lambda second: second % 300 == 0))
    assert share == "web: 0.7 % of requests (8 of 1,200) failed with a status of 500 or above, no more than before."


def test_failures_that_are_over_have_an_end(tmp_path: Path) -> None:
    share, _ = _said(tmp_path, _rows(FORMS["access"], lambda second: 600 <= second < 1200))
    assert "from 2026-03-02T10:10:00Z to 2026-03-02T10:19:54Z; else 0 %." in share


@pytest.mark.parametrize(
    "line",
    [
        '10.0.0.1 - - [x] "GET http://bank.example/pay HTTP/1.1" 502 32',  # what a proxy was asked to fetch
        "level=error msg=failed url=https://bank.example/pay status=503",  # a request that was made, not answered
        "INFO GET /seats took 503 ms",
        "status=500 of 900 rows read",
        "worker ended with status 503",
    ],
)
def test_lines_that_tell_of_no_answer(line: str) -> None:
    assert request_of(line) is None


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/a/7f3e/b?x=1#y", "GET /a/*/b"),
        ("/users/ann@example.org/card", "GET /users/*/card"),
        ("/v2/pay`s", "GET /v2/*"),
        ("/1/2/3/4/5/6/7", "GET /*/*/*/*/*/*/…"),
        ("/", "GET /"),
    ],
)
def test_a_route_has_nothing_that_callers_fill_in(path: str, route: str) -> None:
    assert request_of(FORMS["access"]("x", path, 200)) == (route, 200)


async def test_the_note_says_it_with_its_evidence(tmp_path: Path) -> None:
    """In the blast radius of an incident, in the summary of a healthy day."""
    for name, begins in (("bad", 1800), ("good", 9999)):
        rows = _rows(FORMS["access"], lambda second, begins=begins: second >= begins or second % 300 == 0)  # type: ignore[misc]
        (tmp_path / f"{name}.log").write_text("\n".join(rows) + "\n")
        with closing(opened([tmp_path / f"{name}.log"], cache=tmp_path / "cache")) as index:
            note = await triage(Incident(logs={"web": Log("web", index)}))
        (said,) = [each for each in (*note.blast, *note.summary) if "of requests" in each.text]
        assert said in (note.blast if name == "bad" else note.summary)
        cited = next(each for each in note.evidence if each.id in said.cites)
        assert said.text[:60] in cited.summary
        assert cited.query
        assert note.citations.startswith("All ")
