import pytest

from program import day_number, day_of_year, days_between, is_leap, month_length


def test_leap_years():
    assert [year for year in (1900, 2000, 2023, 2024, 2100) if is_leap(year)] == [2000, 2024]


def test_month_lengths():
    assert month_length(2024, 2) == 29
    assert month_length(2023, 2) == 28
    assert month_length(2023, 12) == 31


def test_bad_dates():
    with pytest.raises(ValueError):
        month_length(2023, 13)
    with pytest.raises(ValueError):
        day_of_year(2023, 2, 29)
    with pytest.raises(ValueError):
        day_of_year(2023, 4, 0)


def test_first_and_last_day_of_year():
    assert day_of_year(2024, 1, 1) == 1
    assert day_of_year(2023, 12, 31) == 365
    assert day_of_year(2024, 12, 31) == 366


def test_march_in_common_and_leap_years():
    assert day_of_year(2023, 3, 1) == 60
    assert day_of_year(2024, 3, 1) == 61


def test_february_in_a_common_year():
    assert day_of_year(2023, 2, 28) == 59


def test_february_in_a_leap_year():
    assert day_of_year(2024, 2, 1) == 32
    assert day_of_year(2024, 2, 29) == 60


def test_first_day_number():
    assert day_number(1, 1, 1) == 1


def test_known_day_number():
    assert day_number(2000, 3, 1) == 730180


def test_days_across_a_year_end():
    assert days_between((2023, 12, 31), (2024, 1, 1)) == 1


def test_days_across_a_leap_day():
    assert days_between((2024, 2, 28), (2024, 3, 1)) == 2
    assert days_between((2023, 2, 28), (2023, 3, 1)) == 1


def test_days_backwards():
    assert days_between((2024, 6, 10), (2024, 6, 1)) == -9
