from __future__ import annotations

import pytest

from workflows.text import brief, clean, line


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\", "click"),
        ("\x9b2Jgone", "gone"),
        ("a\x08b\x00", "a\\x08b\\x00"),
        ("one\r\ntwo\tthree\n", "one\ntwo\tthree\n"),
        ("over\rwritten", "over\\x0dwritten"),
        ("abc\u202edcba", "abc\\u202edcba"),
        ("caf\udce9", "caf\\xe9"),
        ("naïve 漢字", "naïve 漢字"),
    ],
)
def test_clean_leaves_nothing_that_acts_on_a_terminal(raw: str, shown: str) -> None:
    assert clean(raw) == shown


def test_an_unfinished_sequence_cannot_smuggle_an_escape() -> None:
    assert "\x1b" not in clean("\x1b[31\x1b]unfinished" + "x" * 5000)


def test_brief_says_how_much_is_left_out() -> None:
    assert brief("abcdef", 4) == "abcd… (2 more characters)"
    assert brief("abcd", 4) == "abcd"


def test_line_is_one_line() -> None:
    assert line(" a\n\tb  c ") == "a b c"
