import pytest

from program import break_lines, justify, stretch


def test_empty_paragraph():
    assert justify("", 10) == []
    assert justify("  \n ", 10) == []


def test_bad_width():
    with pytest.raises(ValueError):
        justify("a", 0)


def test_lines_are_filled_to_the_width():
    assert break_lines(["ab", "cd", "ef"], 5) == [["ab", "cd"], ["ef"]]


def test_long_word_stands_alone():
    assert break_lines(["a", "verylong", "b"], 4) == [["a"], ["verylong"], ["b"]]


def test_even_spaces():
    assert stretch(["a", "b", "c"], 7) == "a  b  c"


def test_odd_spaces_on_the_left():
    assert stretch(["a", "b", "c"], 6) == "a  b c"


def test_single_word_is_padded():
    assert stretch(["word"], 6) == "word  "


def test_last_line_stays_ragged():
    assert justify("one two", 20) == ["one two"]
    assert justify("one", 20) == ["one"]


def test_paragraph():
    text = "the quick brown fox jumps over"
    assert justify(text, 12) == ["the    quick", "brown    fox", "jumps over"]


def test_paragraph_with_a_lonely_word():
    assert justify("tiny extraordinary word", 14) == ["tiny          ", "extraordinary ", "word"]
