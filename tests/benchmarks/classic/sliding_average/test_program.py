import pytest

from program import MovingAverage, averages, highest_window


def test_average_of_a_growing_window():
    assert averages([4, 6, 8], 5) == [4, 5, 6]


def test_average_forgets_old_numbers():
    assert averages([1, 2, 3, 4, 9], 2) == [1, 1.5, 2.5, 3.5, 6.5]


def test_window_of_one():
    assert averages([3, -3, 7], 1) == [3, -3, 7]


def test_no_numbers():
    assert averages([], 3) == []


def test_size_must_be_positive():
    with pytest.raises(ValueError):
        MovingAverage(0)


def test_highest_window_in_the_middle():
    assert highest_window([1, 5, 6, 2], 2) == (1, 11)


def test_highest_window_at_the_end():
    assert highest_window([1, 2, 3, 4], 3) == (1, 9)
    assert highest_window([0, 0, 7], 1) == (2, 7)


def test_highest_window_at_the_beginning():
    assert highest_window([9, 1, 2], 2) == (0, 10)
    assert highest_window([5, 5, 5], 3) == (0, 15)


def test_first_of_equal_windows():
    assert highest_window([-5, 1, 2, 1, 2, 0], 2) == (1, 3)


def test_negative_numbers():
    assert highest_window([-4, -2, -7, -1], 2) == (0, -6)
    assert highest_window([-4, -2, -1, -7], 2) == (1, -3)
    assert highest_window([-3], 1) == (0, -3)


def test_window_that_does_not_fit():
    for size in (0, 4):
        with pytest.raises(ValueError):
            highest_window([1, 2, 3], size)
