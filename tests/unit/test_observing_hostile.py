"""Sources that answer as no honest one does, and those that fail half-way: what they said before is kept, and told."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tools.tool import ToolError
from workflows.observing.gather import Asked, Gathered, Source, gather
from workflows.observing.wire import Wire

SINCE, UNTIL = 1_772_445_600, 1_772_449_200
Answer = Callable[[Mapping[str, Any]], object]  # what is asked -> JSON, or an int for an error's status


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """The address of a server on loopback that answers so."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Standard error stays quiet."""

        def do_GET(self) -> None:
            self._say({name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()})

        def do_POST(self) -> None:
            self._say(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _say(self, asked: Mapping[str, Any]) -> None:
            said = answer(asked)
            data = (said if isinstance(said, str) else json.dumps(said)).encode()
            self.send_response(said if isinstance(said, int) else 200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def loki(rows: list[list[object]]) -> object:
    """A page of lines of one service."""
    result = [{"stream": {"service_name": "shop"}, "values": rows}]
    return {"status": "success", "data": {"resultType": "streams", "result": result}}


def hits(rows: Sequence[tuple[object, str]]) -> object:
    """A page of documents: what each is sorted by, and its message."""
    found = [{"_index": "a", "_id": text, "sort": [key], "_source": {"message": text}} for key, text in rows]
    return {"hits": {"hits": found}}


def matrix(rows: list[list[object]]) -> object:
    """Points of one series."""
    return {"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}, "values": rows}]}}


def asked_of(source: Source, answer: Answer, folder: Path, *queries: str, whole_s: float = 60) -> Gathered:
    """What comes of asking."""
    with answering(answer) as address:
        return gather(Asked({source: address}, {source: queries}), SINCE, UNTIL, folder, whole_s=whole_s)


def texts(found: Gathered) -> str:
    """All lines that came."""
    return "".join(path.read_text() for paths in found.files.values() for path in paths)


@pytest.mark.parametrize("odd", ["9" * 30, "-5", "inf", str((UNTIL + 1) * 10**9), "9" * 5000, 1e300])
def test_lines_of_times_that_nobody_asked_for_are_left_out(odd: object, tmp_path: Path) -> None:
    said = loki([[odd, "from nowhere"], [str(SINCE * 10**9), "fine"]])
    found = asked_of("loki", lambda _: said, tmp_path / "a", '{a="b"}')
    assert texts(found) == "2026-03-02T10:00:00.000Z fine\n"
    assert found.notes == ["loki: 1 lines bear times that were not asked for; they are left out"]


@pytest.mark.parametrize("odd", [10**18, "9" * 30, -1, "inf", 1e300])
def test_documents_of_times_that_nobody_asked_for_are_left_out(odd: object, tmp_path: Path) -> None:
    said = hits([(SINCE * 1000, "fine"), (odd, "from nowhere")])
    found = asked_of("elasticsearch", lambda _: said, tmp_path / "a")
    assert texts(found) == "2026-03-02T10:00:00.000Z fine\n"
    assert found.notes == ["elasticsearch: 1 lines bear times that were not asked for; they are left out"]


def test_a_page_without_any_time_that_was_asked_for_is_the_last(tmp_path: Path) -> None:
    """The next page cannot be asked for by a time that is none."""
    found = asked_of("loki", lambda _: loki([["9" * 30, str(n)] for n in range(2000)]), tmp_path / "a", '{a="b"}')
    assert found.notes == ["loki: 2000 lines bear times that were not asked for; they are left out"]
    documents = hits([(10**30, str(n)) for n in range(1000)])
    found = asked_of("elasticsearch", lambda _: documents, tmp_path / "b")
    assert found.notes == ["elasticsearch: 1000 lines bear times that were not asked for; they are left out"]


@pytest.mark.parametrize("odd", ["inf", "nan", 1e300, 10**18, SINCE - 3600, "9" * 30])
def test_points_of_times_that_nobody_asked_for_are_left_out(odd: object, tmp_path: Path) -> None:
    said = matrix([[SINCE, "1"], [odd, "7"], [UNTIL, "inf"]])
    found = asked_of("prometheus", lambda _: said, tmp_path, "up")
    assert [series.times for series in found.series] == [(SINCE, UNTIL)]
    assert found.notes == ["prometheus: 1 points of up bear times that were not asked for; they are left out"]


def test_an_answer_that_is_nested_deeply_is_told(tmp_path: Path) -> None:
    deep = '{"a":' * 1010 + "1" + "}" * 1010
    answer = f'{{"hits":{{"hits":[{{"_index":"a","_id":"1","sort":[{SINCE * 1000}],"_source":{deep}}}]}}}}'
    found = asked_of("elasticsearch", lambda _: answer, tmp_path)
    assert [note.partition(": ")[2] for note in found.notes] == ["an answer that is nested too deep"]


@pytest.mark.parametrize(
    ("count", "most", "kept", "told"),
    [
        (2500, 5000, 2501, []),
        (6000, 5000, 5001, ["at 2026-03-02T10:00:00Z only 5000 are here, as many as it gives at once"]),
        (2500, 2000, 2001, ["at 2026-03-02T10:00:00Z only 2000 are here", "400 "]),
    ],
)
def test_lines_of_one_time_that_fill_a_page_are_asked_for_at_once(
    count: int, most: int, kept: int, told: list[str], tmp_path: Path
) -> None:
    """What is still not given is told, with its time; later lines are not lost."""
    rows = [*([SINCE * 10**9, f"line {n}"] for n in range(count)), [UNTIL * 10**9, "the last"]]

    def answer(asked: Mapping[str, Any]) -> object:
        limit = int(asked["limit"])
        found = [row for row in rows if int(asked["start"]) <= int(str(row[0])) < int(asked["end"])][:limit]
        return loki([[str(stamp), text] for stamp, text in found]) if limit <= most else 400

    found = asked_of("loki", answer, tmp_path / "a", '{a="b"}')
    lines = texts(found).splitlines()
    assert (len(set(lines)), lines[-1]) == (kept, "2026-03-02T11:00:00.000Z the last")
    assert len(found.notes) == min(1, len(told))
    assert all(part in found.notes[0] for part in told)


@pytest.mark.parametrize("fault", ["refused", "one number"])
def test_documents_of_one_time_that_cannot_be_had_are_told(fault: str, tmp_path: Path) -> None:
    def answer(asked: Mapping[str, Any]) -> object:
        by_number = "_seq_no" in asked["sort"][0]
        if by_number and fault == "refused":
            return 400
        if asked.get("search_after", [-1])[0] >= (0 if by_number else SINCE * 1000):
            return hits([(UNTIL * 1000, "the last")][: not by_number])
        return hits([(0 if by_number else SINCE * 1000, f"line {n}") for n in range(1000)])

    found = asked_of("elasticsearch", answer, tmp_path / "a")
    assert len(texts(found).splitlines()) == 1001
    assert ["of the lines at 2026-03-02T10:00:00Z not all are here" in note for note in found.notes] == [True]


@pytest.mark.parametrize("source", ["loki", "elasticsearch"])
def test_what_came_before_an_error_is_kept(source: Source, tmp_path: Path) -> None:
    """Two pages, then a server that is broken: the note says up to when the lines are here."""
    pages = 0

    def answer(asked: Mapping[str, Any]) -> object:
        nonlocal pages
        pages += 1
        if pages > 2:
            return 500
        first = 1000 * pages
        if source == "loki":
            return loki([[str((SINCE + first + n // 2) * 10**9), f"line {first + n}"] for n in range(2000)])
        return hits([((SINCE + first + n // 2) * 1000, f"line {first + n}") for n in range(1000)])

    found = asked_of(source, answer, tmp_path / "a", *['{a="b"}'][: source == "loki"])
    assert len(texts(found).splitlines()) == (4000 if source == "loki" else 2000)
    (note,) = found.notes
    assert "500 " in note
    assert note.endswith(f"the lines after 2026-03-02T10:{'49:59' if source == 'loki' else '41:39'}Z are missing")


def test_figures_before_and_after_a_wrong_question_are_kept(tmp_path: Path) -> None:
    def answer(asked: Mapping[str, Any]) -> object:
        return 400 if asked["query"] == "rate(" else matrix([[SINCE, "1"]])

    found = asked_of("prometheus", answer, tmp_path, "up", "rate(", "down")
    assert [series.name for series in found.series] == ["up", "down"]
    assert ["400 " in note for note in found.notes] == [True]


def test_figures_before_a_server_went_away_are_kept(tmp_path: Path) -> None:
    def answer(asked: Mapping[str, Any]) -> object:
        return matrix([[SINCE, "1"]]) if asked["query"] == "up" else 503

    found = asked_of("prometheus", answer, tmp_path, "up", "gone", "never asked")
    assert [series.name for series in found.series] == ["up"]
    (note,) = found.notes
    assert note.endswith("gone is missing, and what was to be asked after it")


@pytest.mark.parametrize("source", ["loki", "elasticsearch"])
def test_a_source_has_its_time_for_all_pages_together(source: Source, tmp_path: Path) -> None:
    """A page at once, then one that takes for ever: the first is kept, and nobody waits for the twenty seconds."""
    over = threading.Event()
    pages = 0

    def answer(asked: Mapping[str, Any]) -> object:
        nonlocal pages
        pages += 1
        if pages > 1:
            over.wait(10)
        if source == "loki":
            return loki([[str((SINCE + n) * 10**9), f"line {n}"] for n in range(2000)])
        return hits([((SINCE + n) * 1000, f"line {n}") for n in range(1000)])

    found = asked_of(source, answer, tmp_path / "a", *['{a="b"}'][: source == "loki"], whole_s=2)
    over.set()
    assert (len(texts(found).splitlines()), pages) == (2000 if source == "loki" else 1000, 2)
    (note,) = found.notes
    assert "no answer (within " in note
    assert note.endswith("are missing")


def test_after_its_time_a_source_is_asked_nothing(tmp_path: Path) -> None:
    found = asked_of("prometheus", lambda _: matrix([]), tmp_path, "up", whole_s=0)
    assert [note.partition(": ")[2] for note in found.notes] == ["its time is over: ask for less (--since, --until)"]


def test_a_head_that_trickles_in_is_bounded_too(tmp_path: Path) -> None:
    """Each byte comes soon enough; the answer would take for ever."""
    over = threading.Event()

    def trickle(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while not over.wait(0.05):
                connection.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=trickle, args=(server,))
        thread.start()
        try:
            with pytest.raises(ToolError, match=r"no answer \(within 0.3 s\)"):
                Wire("loki", f"http://127.0.0.1:{server.getsockname()[1]}", limit_s=0.3, tries=1).get("/x", {})
        finally:
            over.set()
            thread.join()
