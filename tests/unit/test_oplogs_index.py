"""An index of logs: everything is counted, found again, and what was odd is told."""

from __future__ import annotations

import datetime as dt
import gzip
import re
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tools.oplogs.asking import field, moment, offset
from tools.oplogs.index import Index
from tools.oplogs.opening import opened
from tools.oplogs.rates import Window, activity
from tools.oplogs.search import Query, search
from tools.oplogs.shapes import MAX_SHAPES
from tools.tool import ToolError

BEGAN = 1_767_323_040  # 2026-01-02T03:04:00Z


def stamp(second: int) -> str:
    return f"{dt.datetime.fromtimestamp(BEGAN + second, dt.UTC):%Y-%m-%d %H:%M:%S}"


def incident() -> list[str]:
    """An hour of requests: from minute 40 on errors with a trace, and no more cache hits; a burst in minute 20."""
    lines: list[str] = []
    for second in range(3600):
        lines.append(f"{stamp(second)} INFO [w-{second % 4}] web.Server: served /cart in {second % 90} ms")
        if second < 2400:
            lines.append(f"{stamp(second)} DEBUG [w-1] web.Cache: hit for key {second}")
        elif second % 10 == 0:
            lines += [
                f"{stamp(second)} ERROR [w-2] web.Cart: cannot add sku-{second}",
                "java.lang.IllegalStateException: closed", "\tat com.shop.Cart.add(Cart.java:41)",
                f"\tat com.shop.Main.run(Main.java:{second})",
            ]  # fmt: skip
        if 1200 <= second < 1260:
            lines += [f"{stamp(second)} WARN [w-3] db.Pool: waited {n} ms for a connection" for n in range(5)]
    return lines


def build(folder: Path, lines: list[str], name: str = "app.log") -> Index:
    path = folder / name
    text = "\n".join(lines).encode("utf-8", "surrogateescape") + b"\n"
    path.write_bytes(gzip.compress(text, 1) if name.endswith(".gz") else text)
    return opened([path], cache=folder / "cache")


@pytest.mark.parametrize("name", ["app.log", "app.log.gz"])
def test_an_onset_tells_what_changed(tmp_path: Path, name: str) -> None:
    """New, vanished and unchanged templates, the burst, the trace with its first place."""
    index = build(tmp_path, incident(), name)
    answer = activity(index, Window(onset=BEGAN + 2400))
    states = {rate.template.text: rate.state for rate in answer.rates}
    assert states["cannot add <*>"] == "new"
    assert states["hit for key <*>"] == "vanished"
    assert states["served <*> in <*> ms"] == "same"
    assert answer.rates[0].template.level == "error"
    assert answer.rates[0].first == BEGAN + 2400
    (burst,) = (burst for burst in answer.bursts if burst.lines == 300)
    assert (burst.start, burst.end) == (BEGAN + 1200, BEGAN + 1260)
    (trace,) = index.traces()
    assert (trace.count, trace.language, trace.first) == (120, "java", BEGAN + 2400)
    assert incident()[trace.line - 1].endswith(": cannot add sku-2400") or "IllegalState" in incident()[trace.line - 1]
    assert sum(template.lines for template in index.templates()) == index.lines == len(incident())


def test_lines_are_found_by_everything_at_once(tmp_path: Path) -> None:
    """Expression, template, level and time narrow each other; lines around are shown; the count is whole."""
    lines = incident()
    index = build(tmp_path, lines)
    (template,) = (t for t in index.templates() if t.text == "cannot add <*>")
    found = search(
        index, Query(grep=r"sku-2[45]\d\d$", templates=(template.id[:6],), since=BEGAN + 2450, context=1, limit=3)
    )
    assert [hit.text for hit in found.hits] == [line for line in lines if re.search(r"sku-2[45]\d\d$", line)][5:8]
    assert not found.complete
    assert lines[found.hits[0].line - 1] == found.hits[0].text
    assert found.hits[0].after == ("java.lang.IllegalStateException: closed",)
    whole = search(index, Query(grep="sku-", count=True, limit=2))
    assert (whole.count, whole.complete, len(whole.hits)) == (120, True, 2)
    assert search(index, Query(fields=(("level", "error"),), count=True)).count == 120


def test_lines_around_come_from_the_next_block_too(tmp_path: Path) -> None:
    """Blocks are ours; whoever asks for lines around a line gets them."""
    lines = [f"line {number} {'x' * 400}" for number in range(21_000)]
    index = build(tmp_path, lines)
    first = index.blocks()[1].first_line
    for number in (first, first - 1):
        (hit,) = search(index, Query(grep=f"^line {number - 1} ", context=2)).hits
        assert (*hit.before, hit.text, *hit.after) == tuple(lines[number - 3 : number + 2])
    (hit,) = search(index, Query(grep="^line 0 ", context=2)).hits
    assert (hit.before, hit.after) == ((), tuple(lines[1:3]))


def test_fields_of_json_and_logfmt_lines_are_asked_for(tmp_path: Path) -> None:
    """Nested names have dots."""
    index = build(
        tmp_path,
        ['{"time":"2026-01-02T03:04:05Z","msg":"a","user":{"id":7}}', '{"time":"2026-01-02T03:04:06Z","msg":"b"}',
         'level=info msg="c d" user.id=7'],
    )  # fmt: skip
    assert [hit.line for hit in search(index, Query(fields=(("user.id", "7"),))).hits] == [1, 3]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    lines=st.lists(st.text("ab \té0:", max_size=12), min_size=1, max_size=12),
    pattern=st.sampled_from(["a", "a+b", "^b", "b$", "é", "^$", "a|0"]),
)
def test_searching_is_what_a_plain_expression_says(tmp_path: Path, lines: list[str], pattern: str) -> None:
    """Line by line, with the standard library's engine."""
    index = build(tmp_path, lines)
    expected = [number for number, line in enumerate(lines, 1) if re.search(pattern, line)]
    assert [hit.line for hit in search(index, Query(grep=pattern)).hits] == expected
    index.close()


def test_hostile_expressions_take_linear_time_or_are_refused(tmp_path: Path) -> None:
    """RE2 knows no backtracking; what it cannot do is said."""
    index = build(tmp_path, ["a" * 50_000 + "b"])
    began = time.process_time()
    assert search(index, Query(grep="(a+)+$")).count == 0
    assert time.process_time() - began < 2
    for wrong in ("(", r"(a)\1", "a{99999}"):
        with pytest.raises(ToolError, match="cannot be used"):
            search(index, Query(grep=wrong))
    with pytest.raises(ToolError, match="no template"):
        search(index, Query(templates=("zz",)))


def test_the_second_question_reads_no_log(tmp_path: Path) -> None:
    """The index is used again while the files are the same, and made anew when they are not."""
    lines = incident()
    build(tmp_path, lines).close()
    (place,) = (tmp_path / "cache").glob("*.db")
    before = place.stat()
    opened([tmp_path / "app.log"], cache=tmp_path / "cache").close()
    assert place.stat().st_ino == before.st_ino
    assert place.stat().st_mode & 0o077 == 0
    assert build(tmp_path, [*lines, "one more"]).lines == len(lines) + 1
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [place.name]


def test_odd_clocks_are_told(tmp_path: Path) -> None:
    """Steps back, silence, several zones, no times at all."""
    lines = [f"{stamp(0)}Z INFO a", f"{stamp(-7200)}Z INFO b", f"{stamp(90_000)}+02:00 INFO c", "  continued"]
    told = " ".join(build(tmp_path, lines).about["notes"])
    assert "goes back by more than 60 s at 1 lines" in told
    assert "more than 6 hours before 1 lines" in told
    assert "several zones" in told
    index = build(tmp_path, ["nothing", "here"], "plain.log")
    assert "no line has a time" in " ".join(index.about["notes"])
    assert {rate.state for rate in activity(index, Window(onset=BEGAN)).rates} == {"unknown"}
    assert search(index, Query(since=BEGAN)).count == 0


def test_two_processes_give_the_same_index(tmp_path: Path) -> None:
    """Templates, times and places do not depend on who read what."""
    lines = incident() * 60
    (tmp_path / "app.log").write_text("\n".join(lines) + "\n")
    one = opened([tmp_path / "app.log"], cache=tmp_path, place=tmp_path / "1.db", workers=1)
    two = opened([tmp_path / "app.log"], cache=tmp_path, place=tmp_path / "2.db", workers=2)
    assert one.templates() == two.templates()
    assert [one.times(a).tolist() == two.times(b).tolist() for a, b in zip(one.blocks(), two.blocks(), strict=True)]
    assert one.lines == two.lines == len(lines)


def test_more_kinds_of_lines_than_are_told_apart(tmp_path: Path) -> None:
    """Endless free text is grouped by its beginning, said so, and still found."""
    letters = str.maketrans("0123456789", "abcdefghij")
    words = [f"zz{number:06d}".translate(letters) for number in range(MAX_SHAPES + 500)]
    index = build(tmp_path, [f"INFO one two {word} {word}" for word in words])
    assert any("different kinds" in note for note in index.about["notes"])
    assert sum(template.lines for template in index.templates()) == len(words)
    assert [hit.line for hit in search(index, Query(grep=words[-1])).hits] == [len(words)]
    assert any(template.text.endswith("… (others)") for template in index.templates())


def test_a_file_that_is_no_index_is_not_overwritten(tmp_path: Path) -> None:
    """--index names another file by mistake."""
    (tmp_path / "app.log").write_text("a\n")
    (tmp_path / "precious").write_text("text")
    with pytest.raises(ToolError, match="no index of logs"):
        opened([tmp_path / "app.log"], cache=tmp_path, place=tmp_path / "precious")
    assert (tmp_path / "precious").read_text() == "text"


def test_questions_as_people_write_them() -> None:
    """Times, zones and fields; what cannot be read is said."""
    assert moment("2026-01-02T03:04", zone=0, latest=-1) == BEGAN
    assert moment("2026-01-02T05:04+02:00", zone=0, latest=-1) == BEGAN
    assert moment("15m", zone=0, latest=BEGAN) == BEGAN - 900
    assert moment(str(BEGAN), zone=0, latest=-1) == BEGAN
    assert offset("-05:30") == -330
    assert field("a=b=c") == ("a", "b=c")
    for wrong in (lambda: moment("soon", zone=0, latest=0), lambda: offset("Mars"), lambda: field("=x"),
                  lambda: moment("5m", zone=0, latest=-1)):  # fmt: skip
        with pytest.raises(ToolError):
            wrong()
