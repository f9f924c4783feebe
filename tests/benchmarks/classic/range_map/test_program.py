import pytest

from program import RangeMap, classify

GRADES = [(50, 65, "pass"), (0, 50, "fail"), (65, 80, "good"), (80, 101, "excellent")]


def test_empty_map():
    empty = RangeMap([])
    assert len(empty) == 0
    assert empty.get(3) is None
    assert empty.get(3, "x") == "x"
    assert empty.span() is None


def test_number_in_the_first_range():
    assert classify(GRADES, 0) == "fail"
    assert classify(GRADES, 49) == "fail"


def test_number_below_every_range():
    assert classify(GRADES, -1) == "none"


def test_lower_half():
    assert classify(GRADES, 50) == "pass"
    assert classify(GRADES, 64) == "pass"


def test_span():
    assert RangeMap(GRADES).span() == (0, 101)


def test_overlapping_ranges():
    with pytest.raises(ValueError):
        RangeMap([(0, 10, "a"), (9, 20, "b")])


def test_empty_range():
    with pytest.raises(ValueError):
        RangeMap([(4, 4, "a")])


def test_upper_half():
    assert classify(GRADES, 65) == "good"
    assert classify(GRADES, 80) == "excellent"
    assert classify(GRADES, 100) == "excellent"


def test_number_above_every_range():
    assert classify(GRADES, 101) == "none"
    assert classify([(1, 3, "a")], 3) == "none"


def test_number_in_a_gap():
    table = [(0, 2, "a"), (5, 7, "b"), (10, 12, "c")]
    assert [classify(table, number) for number in (2, 4, 7, 9)] == ["none"] * 4
    assert [classify(table, number) for number in (1, 5, 11)] == ["a", "b", "c"]
