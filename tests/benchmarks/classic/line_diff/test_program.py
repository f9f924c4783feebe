from program import common_lengths, diff, similarity


def test_nothing():
    assert diff([], []) == []
    assert similarity([], []) == 100


def test_equal_texts():
    assert diff(["a", "b"], ["a", "b"]) == [" a", " b"]
    assert similarity(["a", "b"], ["a", "b"]) == 100


def test_everything_is_new():
    assert diff([], ["a", "b"]) == ["+a", "+b"]


def test_everything_is_removed():
    assert diff(["a", "b"], []) == ["-a", "-b"]


def test_changed_line():
    assert diff(["a", "x", "c"], ["a", "y", "c"]) == [" a", "-x", "+y", " c"]


def test_removed_line():
    assert diff(["a", "b", "c"], ["a", "c"]) == [" a", "-b", " c"]


def test_added_lines():
    assert diff(["c"], ["a", "b", "c"]) == ["+a", "+b", " c"]


def test_moved_line():
    assert diff(["x", "a", "b"], ["a", "b", "x"]) == ["-x", " a", " b", "+x"]


def test_common_length_of_added_lines():
    assert common_lengths(["c"], ["a", "b", "c"])[0] == [1, 1, 1, 0]


def test_similarity():
    assert similarity(["a"], ["b"]) == 0
    assert similarity(["a", "b"], ["b"]) == 66
    assert similarity(list("abcd"), list("xayc")) == 50
