from datetime import date

import pytest

from program import from_week, iso_week, label, week_start, weeks_in_year


def test_week_start_of_a_monday():
    assert week_start(date(2024, 1, 8)) == date(2024, 1, 8)


def test_week_start_of_a_sunday():
    assert week_start(date(2024, 1, 14)) == date(2024, 1, 8)


def test_week_in_the_middle_of_the_year():
    assert iso_week(date(2024, 6, 19)) == (2024, 25)


def test_both_ends_of_a_week():
    assert iso_week(date(2024, 6, 17)) == (2024, 25)
    assert iso_week(date(2024, 6, 23)) == (2024, 25)


def test_january_days_of_the_old_year():
    assert iso_week(date(2023, 1, 1)) == (2022, 52)


def test_december_days_of_the_new_year():
    assert iso_week(date(2024, 12, 31)) == (2025, 1)


def test_long_and_short_years():
    assert weeks_in_year(2020) == 53
    assert weeks_in_year(2023) == 52


def test_from_week():
    assert from_week(2024, 1) == date(2024, 1, 1)
    assert from_week(2021, 1, 7) == date(2021, 1, 10)
    assert from_week(2020, 53, 5) == date(2021, 1, 1)


def test_from_week_that_does_not_exist():
    with pytest.raises(ValueError):
        from_week(2024, 0)
    with pytest.raises(ValueError):
        from_week(2023, 53)
    with pytest.raises(ValueError):
        from_week(2023, 5, 8)


def test_labels():
    assert label(date(2024, 1, 31)) == "2024-W05-3"
