"""`patchwright triage` on what Loki, Elasticsearch and Prometheus say, against servers in processes of their own."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import log_stores, prometheus
from tests.acceptance.command import Ended, Patchwright
from tests.incidents.bench import Ran
from tools.triage.ledger import sentences, uncited
from tools.triage.values import Note

STEP_S = 15


@pytest.fixture(scope="module")
def kept(unfilled: Ran, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the stores keep: the lines of that incident, and what they are asked."""
    return Path(shutil.copytree(unfilled.logs, tmp_path_factory.mktemp("kept") / "logs"))


@pytest.fixture(scope="module")
def stores(kept: Path) -> Iterator[str]:
    """Loki and Elasticsearch."""
    with log_stores.running(kept) as address:
        yield address


@pytest.fixture
def command(tmp_path: Path) -> Patchwright:
    """With a cache of its own: this command needs no environments."""
    return Patchwright(tmp_path / "home", tmp_path / "cache", {"store_token": log_stores.TOKEN})


def note_of(command: Patchwright, *arguments: str | Path) -> tuple[Ended, Note]:
    """The command's end and its note, whose every sentence cites what is there."""
    ended = command.run("triage", *arguments, "--out", command.folder / "note")
    assert ended.code in (0, 2, 3), ended.err
    note = Note.model_validate_json((command.folder / "note" / "note.json").read_text())
    assert uncited(sentences(note), note.evidence) == ()
    assert log_stores.TOKEN not in ended.text + note.to_json()
    return ended, note


def span(ran: Ran) -> tuple[str, str]:
    """The time of an incident, as options."""
    rows = log_stores.read(ran.logs)
    return str(rows[0][0] // 10**9), str(rows[-1][0] // 10**9 + 1)


def files(ran: Ran) -> list[str | Path]:
    return [part for path in sorted(ran.logs.glob("*.log")) for part in ("--log", path)]


def around(ran: Ran) -> list[str | Path]:
    """What is known of an incident beside its logs."""
    return ["--repo", ran.repo, "--deploys", ran.deploys, "--topology", ran.topology]


@pytest.mark.parametrize(("source", "path"), [("loki", "loki"), ("elasticsearch", "elastic/logs-*")])
def test_the_culprit_is_found_in_lines_that_a_store_keeps(
    command: Patchwright, unfilled: Ran, stores: str, source: str, path: str
) -> None:
    """Page after page, no line twice and none missing; the same verdict as from the files."""
    since, until = span(unfilled)
    _, note = note_of(
        command, f"--{source}", f"{stores}/{path}", "--credential", f"{source}=env:PATCHWRIGHT_STORE_TOKEN",
        "--since", since, "--until", until, *around(unfilled),
    )  # fmt: skip
    assert (note.cause, note.service, note.suspects[0].commit) == ("change", "orders", unfilled.culprit)
    fetched = [each for each in note.evidence if each.summary.startswith(f"{source}: ")]
    counted = {each.summary.split()[4]: int(each.summary.split()[1]) for each in fetched}
    rows = log_stores.read(unfilled.logs)
    assert counted == {name: sum(row[1] == name for row in rows) for name in {row[1] for row in rows}}
    assert all(each.time > 0 and each.query.startswith(("logcli query", "curl ")) for each in fetched)


def test_one_query_asks_for_one_service(command: Patchwright, unfilled: Ran, stores: str) -> None:
    since, until = span(unfilled)
    _, note = note_of(
        command, "--loki", f"{stores}/loki", "--credential", "loki=env:PATCHWRIGHT_STORE_TOKEN", "--since", since,
        "--until", until, "--query", 'loki={service_name="batch"}',
    )  # fmt: skip
    assert {each.summary.split()[4] for each in note.evidence if each.summary.startswith("loki: ")} == {"batch"}


def figures(ran: Ran, onset: int) -> dict[str, list[tuple[int, float]]]:
    """Errors that come from the onset on, a pool that fills, and memory that stays as it was."""
    start, end = (int(text) for text in span(ran))
    times = range(start - 1800, end, STEP_S)
    return {
        'http_requests_total{service="orders",code="500"}': [(at, 5.0 * max(0, at - onset)) for at in times],
        'db_pool_in_use{service="orders"}': [
            (at, (20 if at >= onset else 3) + math.sin(at)) for at in times
        ],
        'process_resident_memory_bytes{service="gateway"}': [(at, 5e7 + 1e5 * math.sin(at)) for at in times],
    }  # fmt: skip


def test_figures_of_a_real_prometheus_stand_in_the_timeline(
    command: Patchwright, unfilled: Ran, tmp_path: Path
) -> None:
    """Errors and saturation by the names of its conventions; what stays as usual is evidence too, and no row."""
    _, before = note_of(command, *files(unfilled), *around(unfilled))
    since = str(int(span(unfilled)[0]) - 1500)
    with prometheus.running(tmp_path, figures(unfilled, before.onset)) as address:
        _, note = note_of(command, *files(unfilled), *around(unfilled), "--prometheus", address, "--since", since)
    assert (note.cause, note.suspects[0].commit) == ("change", unfilled.culprit)
    seen = {each.id: each for each in note.evidence if each.kind == "metric"}
    rows = {row.what: seen[row.cites[0]] for row in note.timeline if row.cites[0] in seen}
    told = "\n".join(rows)
    assert "orders: rate of http_requests_total with code 5xx" in told
    assert "orders: db_pool_in_use" in told
    assert "resident_memory" not in told
    assert any("resident_memory_bytes (service=gateway): nothing stands out" in each.summary for each in seen.values())
    for each in rows.values():
        assert abs(each.time - before.onset) <= 300
        assert each.query.startswith("promtool query range ")


def test_figures_alone_leave_it_open_and_say_where_to_look(command: Patchwright, tmp_path: Path) -> None:
    """Logs on which nothing stands out, and a pool that is full: not healthy, and no cause without grounds."""
    (tmp_path / "quiet.log").write_text(
        "".join(f"2026-03-02T10:{n // 60:02d}:{n % 60:02d}Z INFO order {n} placed\n" for n in range(0, 3600, 5))
    )
    start = 1_772_445_600
    pool = [(at, 20.0 if at >= start + 1800 else 3.0) for at in range(start, start + 3600, STEP_S)]
    with prometheus.running(tmp_path, {'db_pool_in_use{app="shop"}': pool}) as address:
        asked: list[str | Path] = ["--log", tmp_path / "quiet.log", "--prometheus", address]
        ended, note = note_of(
            command, *asked, "--onset", "2026-03-02T10:30:00Z", "--query", "prometheus=db_pool_in_use"
        )
        assert (ended.code, note.cause) == (3, "inconclusive")
        assert "1 figures are others" in note.summary[0].text
        assert note.decide
        wrong = command.run("triage", *asked, "--query", "prometheus=rate(")
        assert (wrong.code, "parse error" in wrong.out) == (0, True), wrong.text


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("elsewhere", "it redirects, which is not followed"),
        ("huge", "an answer of more than 32 MB"),
        ("broken", "500 "),
        ("page", "the answer is no JSON"),
        ("closed", "no answer"),
        ("loki", "401 no credentials provided; name a credential"),
    ],
)
def test_a_server_that_misbehaves_is_told(command: Patchwright, stores: str, path: str, message: str) -> None:
    """Bounded in bytes, nowhere else asked, and nothing that it says reaches the terminal as it came."""
    ended = command.run("triage", "--loki", f"{stores}/{path}")
    assert (ended.code, message in ended.err) == (65, True), ended.text
    assert "\x1b" not in ended.text


def test_logs_are_read_where_a_source_is_away(command: Patchwright, unfilled: Ran, stores: str) -> None:
    asked: list[str | Path] = [
        "--log",
        unfilled.logs / "batch.log",
        "--loki",
        f"{stores}/elsewhere",
        "--prometheus",
        f"{stores}/page",
    ]
    _, note = note_of(command, *asked)
    assert any("it redirects" in each for each in note.notes), note.notes
    assert any("the answer is no JSON" in each for each in note.notes), note.notes


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 64, "name a log"),
        (["--loki", "ftp://a"], 65, "--loki must be an http or https URL"),
        (["--loki", "http://user:word@a"], 65, "--loki must be an http or https URL"),
        (["--loki", "http://127.0.0.1:9", "--query", "prometheus=up"], 65, "name its address with --prometheus"),
        (["--loki", "http://127.0.0.1:9", "--query", "up"], 65, "--query takes SOURCE=TEXT"),
        (["--loki", "http://127.0.0.1:9", "--credential", "loki=hunter2"], 65, "it is never given itself"),
        (["--loki", "http://127.0.0.1:9", "--credential", "loki=env:NOBODY_SET_IT"], 65, "is empty, or not there"),
        (["--loki", "http://127.0.0.1:9"], 65, "no answer"),
        (["--loki", "http://127.0.0.1:9", "--since", "2026-01-02", "--until", "2026-01-01"], 65, "is not before"),
    ],
)
def test_what_cannot_be_asked_is_refused(command: Patchwright, arguments: list[str], code: int, message: str) -> None:
    ended = command.run("triage", *arguments)
    assert (ended.code, message in ended.err) == (code, True), ended.text
    assert "hunter2" not in ended.text


def test_what_was_asked_is_read_only_and_bears_no_secret(
    command: Patchwright, unfilled: Ran, kept: Path, stores: str
) -> None:
    """Of all that the stores were asked, by the tests before too."""
    since, until = span(unfilled)
    for source, path in (("loki", "loki"), ("elasticsearch", "elastic/logs-*")):
        credential = ("--credential", f"{source}=env:PATCHWRIGHT_STORE_TOKEN")
        note_of(command, f"--{source}", f"{stores}/{path}", *credential, "--since", since, "--until", until)
    text = (kept / "asked.jsonl").read_text()
    asked: list[dict[str, Any]] = [json.loads(row) for row in text.splitlines()]
    assert asked
    assert log_stores.TOKEN not in text
    assert {row["path"].partition("?")[0].rpartition("/")[2] for row in asked} <= {
        "query_range",
        "labels",
        "values",
        "_search",
    }
