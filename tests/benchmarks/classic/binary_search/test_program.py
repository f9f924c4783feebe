import pytest

from program import closest, find_range, lower_bound, upper_bound


def test_lower_bound_of_empty_list():
    assert lower_bound([], 5) == 0


def test_lower_bound_finds_first_of_equal_items():
    assert lower_bound([1, 3, 3, 3, 8], 3) == 1


def test_lower_bound_beyond_the_end():
    assert lower_bound([1, 3, 8], 9) == 3


def test_closest_prefers_smaller_on_tie():
    assert closest([2, 6, 10], 4) == 2


def test_closest_at_both_ends():
    assert closest([2, 6, 10], -7) == 2
    assert closest([2, 6, 10], 50) == 10


def test_closest_without_items():
    with pytest.raises(ValueError):
        closest([], 1)


def test_find_range_absent():
    assert find_range([1, 3, 8], 4) is None
    assert find_range([], 4) is None
    assert find_range([1, 3, 8], 9) is None


def test_upper_bound_before_everything():
    assert upper_bound([4, 5, 6], 1) == 0


def test_upper_bound_after_equal_items():
    assert upper_bound([1, 3, 3, 3, 8], 3) == 4


def test_find_range_of_repeated_item():
    assert find_range([1, 3, 3, 3, 8], 3) == (1, 3)


def test_find_range_of_last_item():
    assert find_range([1, 3, 8], 8) == (2, 2)
