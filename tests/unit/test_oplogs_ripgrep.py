"""Large files are searched by ripgrep: what comes out is what RE2 says, line for line."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import pytest
import re2
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tools.oplogs.index import Index
from tools.oplogs.opening import opened
from tools.oplogs.reading import Notes, Source, sources
from tools.oplogs.ripgrep import Ripgrep, said_to_ripgrep
from tools.oplogs.search import LARGE, Query, search
from tools.tool import ToolError

ATOMS = (
    *"abKé.^$- ]{}&~#", r"\w", r"\d", r"\s", r"\S", r"\W", r"\D", r"\b", r"\.", r"\<", r"\-", r"\]", "[ab]", "[^a]",
    "[^é]", r"[\w.-]", r"[^\s\d]", "[a-k]", r"[\^a-]", "(?:ab)", "(a|b)",
)  # fmt: skip
ASKED = ("needle", r"needle\r$", r"^$", "last needle$", "no such text", r"\bserved\b.*[05]7 in", "x{500}", "(?i)NEEDLE")
AFTER = ("", "", "", "*", "+", "?", "{1,2}", "{2}", ".*", ".+?", "|")
SIGNS = (*"abKké1. \r\x0b\xa0ſ\u212a-<\t\0", "ab", "\udcff")
PATTERNS = st.lists(st.tuples(st.sampled_from(ATOMS), st.sampled_from(AFTER)), min_size=1, max_size=5)
LINES = st.lists(st.lists(st.sampled_from(SIGNS), max_size=8), min_size=1, max_size=6)


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    assert shutil.which("rg"), "the tests need ripgrep: apt-get install ripgrep"


def of_re2(pattern: str, lines: list[bytes], *, ignore_case: bool) -> list[int] | None:
    """Numbers of the lines that match, one at a time; None where that is no expression."""
    options = re2.Options()
    options.log_errors, options.never_nl, options.case_sensitive = False, True, not ignore_case
    try:
        compiled = re2.compile(f"(?m){pattern}", options)
    except re2.error:
        return None
    return [number for number, line in enumerate(lines) if compiled.search(line)]


def source_of(path: Path) -> Source:
    info = path.stat()
    return Source(path=str(path), form="plain", flavour="text", size=info.st_size, mtime_ns=info.st_mtime_ns)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PATTERNS, LINES, st.booleans(), st.booleans())
@example([("K", "")], [["k"], ["\u212a"], ["K"]], True, True)
@example([(r"\w", "")], [["é"], ["\u212a"], ["ſ"]], True, True)
@example([("a", ".*"), ("b", "")], [["a", "\udcff", "b"], ["a", "é", "b"]], False, False)
@example([("[^a]", "")], [["a"], [], ["\0"]], False, True)
@example([("$", "")], [["a"], [], ["b"]], False, False)
def test_lines_are_those_of_re2(
    tmp_path: Path, parts: list[tuple[str, str]], lines: list[list[str]], ignore_case: bool, ended: bool
) -> None:
    pattern = "".join(atom + after for atom, after in parts)
    text = "\n".join(map("".join, lines)).encode("utf-8", "surrogateescape") + b"\n" * ended
    told = text.split(b"\n")[: -1 if text.endswith(b"\n") or not text else None]
    expected = of_re2(pattern, told, ignore_case=ignore_case)
    if expected is None:
        return
    path = tmp_path / "some.log"
    path.write_bytes(text)
    ripgrep = Ripgrep(pattern, ignore_case=ignore_case)
    for limit in (0, 2, 100):
        seen = ripgrep.find(source_of(path), limit, everything=True)
        if seen is None:  # ripgrep refuses it: the other engines are asked
            assert parts != [("a", "")]
            return
        assert (seen.count, seen.whole) == (len(expected), True)
        assert [text.count(b"\n", 0, at) for at in seen.at] == expected[:limit]


@pytest.mark.parametrize("pattern", [r"\pL", r"a\nb", "[[:alpha:]]", r"\Aa", r"\x41", "(?i)a", "a\tb"])
def test_what_is_not_known_to_mean_the_same_is_not_asked(pattern: str) -> None:
    assert said_to_ripgrep(pattern) is None
    with pytest.raises(ValueError, match=r"^$"):
        Ripgrep(pattern)


def test_a_file_that_is_another_one_is_not_answered_for(tmp_path: Path) -> None:
    path = tmp_path / "some.log"
    path.write_bytes(b"one two\n" * 9)
    source = source_of(path)
    with path.open("ab") as file:
        file.write(b"two\n")
    assert Ripgrep("two").find(source, 1, everything=True) is None


def hostile() -> bytes:
    """More than LARGE bytes of lines in several blocks: broken UTF-8, nulls, CRLF, long and empty ones, no last end."""
    odd = (b"", b"\xff\xfe broken needle\x80", b"carriage needle\r", b"nul \0 needle", b"long needle " + b"x" * 200_000)
    lines: list[bytes] = []
    for number in range(LARGE // 75):
        lines.append(b"2026-01-02 03:%02d:%02d INFO web.Server: served /cart/%08d in 12 ms to a client of ours"
                     % (number // 3600 % 60, number // 60 % 60, number))  # fmt: skip
        if number % 30_011 == 7:
            lines += odd
    return b"\n".join([*lines, b"the last needle"])


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Index, Index]:
    """The same lines in a file that ripgrep reads, and packed, where it does not."""
    folder = tmp_path_factory.mktemp("logs")
    text = hostile()
    assert len(text) > LARGE
    (folder / "a.log").write_bytes(text)
    (folder / "a.log.gz").write_bytes(gzip.compress(text, 1))
    return (opened([folder / "a.log"], cache=folder / "one"), opened([folder / "a.log.gz"], cache=folder / "two"))


@pytest.mark.parametrize("count", [True, False])
@pytest.mark.parametrize("context", [0, 3])
@pytest.mark.parametrize("pattern", ASKED)
def test_a_large_file_answers_as_a_packed_one(
    both: tuple[Index, Index], pattern: str, context: int, count: bool
) -> None:
    """Lines, numbers, times, templates, what stands around them and how many there are: through either engine."""
    plain, packed = (search(index, Query(grep=pattern, context=context, limit=40, count=count)) for index in both)
    assert [hit.model_copy(update={"file": ""}) for hit in plain.hits] == [
        hit.model_copy(update={"file": ""}) for hit in packed.hits
    ]
    assert (plain.complete, bool(plain.hits)) == (packed.complete, pattern != "no such text")
    if count or plain.complete:
        assert plain.count == packed.count


def test_a_log_that_goes_on_is_searched_as_far_as_it_is_indexed(tmp_path: Path) -> None:
    """One that was cut short is told."""
    path = tmp_path / "a.log"
    path.write_bytes(b"2026-01-02 03:04:05 INFO a needle\n" * (LARGE // 30))
    index = opened([path], cache=tmp_path / "cache")
    asked = Query(grep="a needle$", count=True, limit=1)
    assert search(index, asked).count == LARGE // 30
    with path.open("ab") as file:
        file.write(b"2026-01-02 03:04:05 INFO a needle\n")
    assert search(index, asked).count == LARGE // 30
    path.write_bytes(b"short\n")
    with pytest.raises(ToolError, match="shorter"):
        search(index, asked)


def test_only_files_that_are_kept_as_they_are_count_as_whole(tmp_path: Path) -> None:
    (tmp_path / "long.log").write_bytes(b"2026-01-02 03:04:05 INFO " + b"x" * 6_000_000 + b"\nnext\n")
    (tmp_path / "short.log").write_bytes(b"2026-01-02 03:04:05 INFO a\nnext")
    paths = [tmp_path / "long.log", tmp_path / "short.log"]
    assert [source.sliced for source in sources(paths, Notes())] == [True, True]
    assert opened(paths, cache=tmp_path / "cache").whole() == {1}
