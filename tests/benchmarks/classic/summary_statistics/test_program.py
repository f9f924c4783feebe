import pytest

from program import mean, quantile, summary, variance


def test_mean():
    assert mean([1, 2, 6]) == 3
    assert mean([5]) == 5


def test_mean_of_nothing():
    with pytest.raises(ValueError):
        mean([])


def test_variance():
    assert variance([2, 4, 4, 4, 5, 5, 7, 9]) == pytest.approx(32 / 7)
    assert variance([3, 3]) == 0


def test_variance_of_one_value():
    with pytest.raises(ValueError):
        variance([3])


def test_least_value():
    assert quantile([7, 3, 5], 0) == 3


def test_greatest_value():
    assert quantile([7, 3, 5], 1) == 7
    assert quantile([4], 1) == 4


def test_median_of_an_odd_sample():
    assert quantile([9, 1, 5], 0.5) == 5
    assert quantile([2, 4, 6, 8, 10], 0.5) == 6


def test_median_of_an_even_sample():
    assert quantile([4, 1, 3, 2], 0.5) == 2.5


def test_quartiles():
    assert quantile([10, 20, 30, 40, 50], 0.25) == 20
    assert quantile([10, 20, 30, 40], 0.75) == 32.5


def test_quantile_arguments():
    with pytest.raises(ValueError):
        quantile([], 0.5)
    with pytest.raises(ValueError):
        quantile([1, 2], 1.5)
    with pytest.raises(ValueError):
        quantile([1, 2], -0.1)


def test_values_are_left_alone():
    values = [3, 1, 2]
    quantile(values, 0.25)
    assert values == [3, 1, 2]


def test_summary():
    assert summary([1, 2, 3, 4, 10]) == {
        "mean": 4, "least": 1, "lower": 2, "median": 3, "upper": 4, "greatest": 10,
    }
