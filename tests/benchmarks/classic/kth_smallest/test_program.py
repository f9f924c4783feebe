import pytest

from program import deviations, kth_smallest, median


def test_smallest_and_largest():
    assert kth_smallest([5, 2, 9], 1) == 2
    assert kth_smallest([5, 2, 9], 3) == 9


def test_every_rank_with_duplicates():
    values = [4, 1, 4, 2]
    assert [kth_smallest(list(values), k) for k in range(1, 5)] == [1, 2, 4, 4]


def test_rank_out_of_range():
    with pytest.raises(ValueError):
        kth_smallest([1, 2], 0)
    with pytest.raises(ValueError):
        kth_smallest([1, 2], 3)


def test_accepts_a_tuple():
    assert kth_smallest((3, 1, 2), 2) == 2


def test_median_of_odd_and_even_counts():
    assert median([7, 1, 5]) == 5
    assert median([4, 3, 2, 1]) == 2


def test_median_of_nothing():
    with pytest.raises(ValueError):
        median([])


def test_values_stay_in_their_order():
    values = [9, 3, 7, 1]
    median(values)
    assert values == [9, 3, 7, 1]


def test_deviations_follow_the_readings():
    assert deviations([12, 10, 17]) == [0, -2, 5]
    assert deviations([30, 20, 10]) == [10, 0, -10]


def test_deviations_of_sorted_readings():
    assert deviations([1, 2, 6]) == [-1, 0, 4]
