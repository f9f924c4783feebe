"""Questions to other sources: figures around an onset, pages of lines, bounds on time."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests import log_stores
from tools.tool import ToolError
from tools.triage.observed import Series, Worse, shift
from workflows import cli
from workflows.observing import elastic, loki
from workflows.observing.lines import Entry, rows
from workflows.observing.prometheus import conventional
from workflows.observing.wire import Wire, authorization

ONSET = 1000
HEADER = f"Bearer {log_stores.TOKEN}"


def series(before: list[float], after: list[float], worse: Worse = "up") -> Series:
    """Figures of one second each around the onset."""
    start = ONSET - len(before)
    values = (*before, *after)
    return Series("a", "x", tuple(range(start, start + len(values))), values, worse)


@pytest.mark.parametrize(
    ("before", "after", "worse", "shifted"),
    [
        ([0.0] * 20, [3.0] * 20, "up", True),
        ([5.0, 6.0, 5.5] * 7, [30.0] * 10, "up", True),
        ([5.0, 6.0, 5.5] * 7, [30.0] * 10, "down", False),
        ([5.0, 6.0, 5.5] * 7, [0.0] * 10, "down", True),
        ([5.0, 6.0, 5.5] * 7, [5.0, 6.0, 5.5] * 7, "up", False),
        ([5.0, 90.0, 5.5, 6.0] * 5, [5.0, 6.0, 5.5, 80.0] * 5, "up", False),  # outliers on both sides
        ([100.0] * 20, [101.0] * 20, "up", False),  # a constant that moved a little
        ([100.0] * 20, [130.0] * 20, "up", False),  # far in spreads, little in size
        ([1.0] * 3, [9.0] * 20, "up", False),  # too few
        ([math.nan] * 20, [9.0] * 20, "up", False),
        ([1.0] * 20, [math.inf] * 3 + [1.0] * 20, "up", False),
    ],
)
def test_a_figure_is_another_only_where_its_median_left_the_usual_spread(
    before: list[float], after: list[float], worse: Worse, shifted: bool
) -> None:
    found = shift(series(before, after, worse), ONSET)
    assert (found is not None) == shifted
    if found:
        assert found.time >= ONSET


def test_golden_signals_are_found_by_their_names() -> None:
    asked = {query.name for query in conventional(
        ["shop_http_requests_total", "shop_request_duration_seconds_bucket", "orders_failed_total", "pool_in_use",
         "go_gc_duration_seconds", "prometheus_http_requests_total", "build_info", 'x{"}', "pool_size_total"], 60
    )}  # fmt: skip
    assert asked == {
        "up", "rate of shop_http_requests_total", "rate of shop_http_requests_total with code 5xx",
        "rate of shop_http_requests_total with status 5xx", "95th percentile of shop_request_duration_seconds",
        "rate of orders_failed_total", "pool_in_use",
    }  # fmt: skip


def test_lines_get_the_times_of_the_store_only_where_they_have_none() -> None:
    at = 1_772_445_600
    bare = [Entry((at + n) * 10**9, f"order {n} failed", "error") for n in range(3)]
    trace = Entry((at + 3) * 10**9, "  at shop.js:3")
    assert list(rows([*bare, trace])) == [
        *(f"2026-03-02T10:00:0{n}.000Z ERROR order {n} failed" for n in range(3)), "  at shop.js:3",
    ]  # fmt: skip
    own = [Entry((at + n) * 10**9, f"2026-03-02T10:00:0{n} INFO fine\n  more") for n in range(3)]
    assert list(rows(own)) == [entry.text for entry in own]
    others = [Entry((at + n) * 10**9, f"2011-01-01T10:00:0{n} INFO fine") for n in range(3)]
    assert all(row.startswith("2026-03-02T10:00:0") for row in rows(others))


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """4,500 lines, many of the same second, of two services."""
    folder = tmp_path_factory.mktemp("crowded")
    for name in ("one", "two"):
        text = "".join(f"2026-03-02T10:{n // 1000:02d}:00Z INFO line {n}\n" for n in range(2250))
        (folder / f"{name}.log").write_text(text)
    with log_stores.running(folder) as address:
        yield folder, address


def test_pages_give_every_line_once(crowded: tuple[Path, str], tmp_path: Path) -> None:
    folder, address = crowded
    lines = sorted(text for _, _, text in log_stores.read(folder))
    since, until = 1_772_445_600, 1_772_449_200
    found = loki.lines(Wire("loki", f"{address}/loki", HEADER), since, until, "", tmp_path / "a")
    assert sorted("".join(path.read_text() for path in found.files.values()).splitlines()) == lines
    asked = [json.loads(row)["asked"] for row in (folder / "asked.jsonl").read_text().splitlines()]
    assert len(asked) == 4  # labels, and three pages
    fetched = elastic.lines(Wire("elasticsearch", f"{address}/elastic", HEADER), since, until, "line 7", tmp_path / "b")
    sevens = [text for text in lines if "line 7" in text]
    assert sorted("".join(path.read_text() for path in fetched.files.values()).splitlines()) == sevens
    fetched = elastic.lines(Wire("elasticsearch", f"{address}/elastic", HEADER), since, until, "", tmp_path / "c")
    assert sorted("".join(path.read_text() for path in fetched.files.values()).splitlines()) == lines
    assert fetched.notes == ()  # 2,000 lines of one millisecond are no loss


@pytest.mark.parametrize(("path", "message"), [("hangs", "no answer"), ("trickles", "more than 0.3 s")])
def test_a_server_that_takes_for_ever_is_left(crowded: tuple[Path, str], path: str, message: str) -> None:
    with pytest.raises(ToolError, match=message):
        Wire("loki", f"{crowded[1]}/{path}", limit_s=0.3, tries=1).get("/x", {})


def test_what_is_no_log_query_is_told_in_the_words_of_the_server(crowded: tuple[Path, str], tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="400 parse error at line 1"):
        loki.lines(Wire("loki", f"{crowded[1]}/loki", HEADER), 1, 2, "sum(", tmp_path)


def test_a_credential_is_sent_as_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """A token with a colon is not one by its look; the help says how to name it."""
    assert cli.run(["triage", "--help"]) == 0
    assert "'Bearer '" in capsys.readouterr().out
    assert authorization("ApiKey abc") == "ApiKey abc"
    assert authorization("glsa_x") == "Bearer glsa_x"
    assert authorization("Bearer a:b") == "Bearer a:b"
    assert authorization("ada:word") == httpx.BasicAuth("ada", "word")._auth_header
