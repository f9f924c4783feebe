import pytest

from program import wrap, wrap_item, wrap_paragraphs


def test_nothing_to_wrap():
    assert wrap("", 10) == []
    assert wrap(" \n ", 10) == []


def test_short_text_stays_on_one_line():
    assert wrap("a few  words", 40) == ["a few words"]


def test_wraps_between_words():
    assert wrap("alpha beta gamma", 8) == ["alpha", "beta", "gamma"]


def test_line_may_be_exactly_full():
    assert wrap("alpha beta gamma", 10) == ["alpha beta", "gamma"]


def test_line_is_never_wider_than_allowed():
    assert wrap("alpha beta gamma", 9) == ["alpha", "beta", "gamma"]
    assert max(len(line) for line in wrap("ab cd ef gh ij", 7)) <= 7


def test_later_lines_are_indented():
    assert wrap("one two three", 7, "  ") == ["one two", "  three"]


def test_long_words_are_broken():
    assert wrap("abcdefgh", 3) == ["abc", "def", "gh"]
    assert wrap("x abcdefgh", 4, " ") == ["x", " abc", " def", " gh"]


def test_no_room_beside_indent():
    with pytest.raises(ValueError):
        wrap("a", 2, "  ")
    with pytest.raises(ValueError):
        wrap("a", 0)


def test_list_item():
    assert wrap_item("-", "buy some milk", 10) == ["- buy some", "  milk"]


def test_paragraphs():
    assert wrap_paragraphs("a b\n\n\n\nc\nd\n", 20) == "a b\n\nc d"
