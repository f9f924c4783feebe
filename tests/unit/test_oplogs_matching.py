"""Both engines find the same lines, whatever is asked of whatever text."""

from __future__ import annotations

import re2
from hypothesis import example, given
from hypothesis import strategies as st

from tools.oplogs.matching import Matcher

ATOMS = (*"abKé. ^$", "\\w", "\\d", "\\b", "\\.", "[ab]", "[^a]", "\\s", "\\S", "\\W", "(?:ab)")
AFTER = ("", "", "", "*", "+", "?", "{1,2}", ".*", ".+", "|")
LINES = st.lists(st.sampled_from(("a", "b", "ab", "K", "k", "é", "1", ".", " ", "\r", "\x0b", "\xa0", "ſ")), max_size=8)
PATTERNS = st.lists(st.tuples(st.sampled_from(ATOMS), st.sampled_from(AFTER)), min_size=1, max_size=5)


def lines_of(text: bytes | bytearray, places: list[int]) -> list[int]:
    return sorted({text.count(b"\n", 0, place) for place in places})


def slowly(pattern: str, text: bytes, *, ignore_case: bool) -> list[int]:
    """By RE2 alone, going on after the line of each match."""
    options = re2.Options()
    options.never_nl = True
    options.case_sensitive = not ignore_case
    compiled, at, found = re2.compile(f"(?m){pattern}", options), 0, []
    while (match := compiled.search(text, at)) and match.start() < len(text):
        found.append(match.start())
        at = text.find(b"\n", max(match.start(), match.end() - 1)) + 1
        if not at:
            break
    return lines_of(text, found)


def _written(parts: list[tuple[str, str]]) -> str | None:
    pattern = "".join(atom + after for atom, after in parts)
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(f"(?m){pattern}", options)
    except re2.error:
        return None
    return pattern


@given(PATTERNS, st.lists(LINES, min_size=1, max_size=6), st.booleans())
@example([(".", ""), ("b", "")], [["é", "b"], ["a", "b"]], False)
@example([("K", "")], [["k"], ["K"]], True)
@example([("a", ".*"), ("b", "")], [["a", "é", "b"], ["a"], ["b"]], False)
def test_lines_are_those_of_re2(parts: list[tuple[str, str]], lines: list[list[str]], ignore_case: bool) -> None:
    pattern = _written(parts)
    if pattern is None:
        return
    text = "".join("".join(line) + "\n" for line in lines).encode()
    found = Matcher(pattern, ignore_case=ignore_case).places(text, len(text))
    assert lines_of(text, found.at) == slowly(pattern, text, ignore_case=ignore_case)
    assert not found.single or len(found.at) == len(lines_of(text, found.at))


def test_an_expression_that_ends_everywhere_still_ends() -> None:
    """The fast engine reports every end of a match: one that is flooded with them is given up."""
    text = (b"x" * 200_000 + b"\n") * 5
    matcher = Matcher("x+")
    for _ in range(2):
        assert lines_of(text, matcher.places(text, len(text)).at) == [0, 1, 2, 3, 4]


def test_a_last_line_without_an_end_is_one_line() -> None:
    text = b"one\ntwo two two"
    found = Matcher("two").places(text, len(text))
    assert (lines_of(text, found.at), len(found.at)) == ([1], 1)


def test_only_what_is_asked_for_is_looked_at() -> None:
    text = bytearray(b"one\ntwo\nleft over two\n")
    assert lines_of(text, Matcher("two").places(text, 8).at) == [1]
