import pytest

from program import chunks, join_chunks, locate, numbered


def test_pieces_without_overlap():
    assert chunks("abcdefgh", 3) == ["abc", "def", "gh"]
    assert chunks("abcdef", 3) == ["abc", "def"]


def test_empty_text():
    assert chunks("", 3) == []
    assert chunks("", 3, 1) == []


def test_short_text():
    assert chunks("ab", 5) == ["ab"]
    assert chunks("ab", 5, 2) == ["ab"]


def test_overlapping_pieces():
    assert chunks("abcdefgh", 4, 1) == ["abcd", "defg", "gh"]
    assert chunks("abcdefgh", 5, 3) == ["abcde", "cdefg", "efgh"]


def test_last_piece_has_something_new():
    assert chunks("abcdefg", 4, 1) == ["abcd", "defg"]
    assert chunks("abcd", 4, 3) == ["abcd"]
    assert chunks("abcde", 4, 3) == ["abcd", "bcde"]


def test_sizes_that_make_no_sense():
    for size, overlap in [(0, 0), (3, 3), (3, -1)]:
        with pytest.raises(ValueError):
            chunks("abc", size, overlap)


def test_join():
    assert join_chunks([]) == ""
    assert join_chunks(["abcd", "defg", "gh"], 1) == "abcdefgh"


def test_join_undoes_the_cutting():
    text = "the quick brown fox"
    for size in range(1, 8):
        for overlap in range(size):
            assert join_chunks(chunks(text, size, overlap), overlap) == text


def test_locate():
    assert locate(3, 4, 1) == (0, 3)
    assert locate(4, 4, 1) == (1, 1)
    assert locate(7, 4, 1) == (2, 1)
    with pytest.raises(IndexError):
        locate(-1, 4)


def test_last_character_is_in_the_last_piece():
    text = "abcdefghijklm"
    for size in range(1, 6):
        for overlap in range(size):
            pieces = chunks(text, size, overlap)
            number, place = locate(len(text) - 1, size, overlap)
            assert number == len(pieces) - 1
            assert pieces[number][place] == "m"


def test_numbered():
    assert numbered("abcde", 2) == ["1/3 ab", "2/3 cd", "3/3 e"]
    assert numbered("abcde", 3, 1) == ["1/2 abc", "2/2 cde"]
