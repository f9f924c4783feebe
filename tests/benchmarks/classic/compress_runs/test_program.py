import pytest

from program import compress, expand, runs, saving


def test_empty_text():
    assert runs("") == []
    assert compress("") == ""
    assert expand("") == ""


def test_runs():
    assert runs("aab") == [("a", 2), ("b", 1)]


def test_compress():
    assert compress("abc") == "abc"
    assert compress("aaabcc") == "a3bc2"


def test_compress_long_run():
    assert compress("a" * 12) == "a12"


def test_digits_cannot_be_encoded():
    with pytest.raises(ValueError):
        compress("ab1")


def test_expand():
    assert expand("a3bc2") == "aaabcc"
    assert expand("xyz") == "xyz"


def test_expand_long_runs():
    assert expand("a12b") == "a" * 12 + "b"
    assert expand("x105") == "x" * 105


def test_expand_count_without_character():
    with pytest.raises(ValueError):
        expand("3a")


@pytest.mark.parametrize("text", ["  --", "abba", "zz" * 10, "#" * 30 + "."])
def test_round_trip(text):
    assert expand(compress(text)) == text


def test_saving():
    assert saving("aaaa") == 2
    assert saving("aab") == 0
