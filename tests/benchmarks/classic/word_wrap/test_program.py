import pytest

from program import centre, quote, wrap


def test_short_text_is_one_line():
    assert wrap("a few words", 20) == ["a few words"]


def test_empty_text():
    assert wrap("", 10) == []
    assert wrap("  \n ", 10) == []


def test_spaces_are_joined():
    assert wrap("  one \n  two   three", 30) == ["one two three"]


def test_line_of_exactly_the_width():
    assert wrap("abc def", 7) == ["abc def"]


def test_line_one_character_too_long():
    assert wrap("abc def", 6) == ["abc", "def"]


def test_several_lines():
    text = "the quick brown fox jumps over the lazy dog"
    assert wrap(text, 10) == ["the quick", "brown fox", "jumps over", "the lazy", "dog"]


def test_no_line_exceeds_the_width():
    text = "it is a long way to tip a rary as we go"
    for width in range(4, 15):
        assert all(len(line) <= width for line in wrap(text, width))


def test_long_word_stands_alone():
    assert wrap("an extraordinary day", 5) == ["an", "extraordinary", "day"]


def test_width_must_be_positive():
    with pytest.raises(ValueError):
        wrap("a", 0)


def test_centre():
    assert centre(["ab", "abcd"], 6) == ["  ab", " abcd"]


def test_quote():
    assert quote("one two\n\nthree", 40) == "> one two\n>\n> three"


def test_quote_counts_the_mark():
    assert quote("abc de", 7) == "> abc\n> de"
    assert quote("abc de", 8) == "> abc de"
