from datetime import date

import pytest

from program import add_months, billing_dates, months_between, next_billing


def test_within_a_year():
    assert add_months(date(2023, 3, 15), 2) == date(2023, 5, 15)


def test_across_a_year_end():
    assert add_months(date(2023, 11, 5), 1) == date(2023, 12, 5)
    assert add_months(date(2023, 11, 5), 2) == date(2024, 1, 5)


def test_backwards():
    assert add_months(date(2023, 1, 20), -1) == date(2022, 12, 20)
    assert add_months(date(2023, 1, 20), -13) == date(2021, 12, 20)


def test_day_is_clamped_to_a_short_month():
    assert add_months(date(2023, 1, 31), 1) == date(2023, 2, 28)
    assert add_months(date(2023, 3, 31), 1) == date(2023, 4, 30)


def test_clamped_to_the_leap_day():
    assert add_months(date(2024, 1, 31), 1) == date(2024, 2, 29)
    assert add_months(date(2023, 12, 31), 2) == date(2024, 2, 29)


def test_leap_day_in_the_following_year():
    assert add_months(date(2024, 2, 29), 12) == date(2025, 2, 28)
    assert add_months(date(2024, 2, 29), 48) == date(2028, 2, 29)


def test_billing_on_the_31st():
    assert billing_dates(date(2023, 8, 31), 3) == [
        date(2023, 8, 31),
        date(2023, 9, 30),
        date(2023, 10, 31),
    ]


def test_quarterly_billing():
    assert billing_dates(date(2023, 10, 1), 2, 3) == [date(2023, 10, 1), date(2024, 1, 1)]
    assert billing_dates(date(2023, 10, 1), 0) == []


def test_bad_billing_period():
    with pytest.raises(ValueError):
        billing_dates(date(2023, 10, 1), 2, 0)


def test_whole_months():
    assert months_between(date(2023, 1, 15), date(2023, 3, 14)) == 1
    assert months_between(date(2023, 1, 15), date(2023, 3, 15)) == 2
    assert months_between(date(2023, 1, 15), date(2023, 1, 15)) == 0


def test_next_billing():
    assert next_billing(date(2023, 1, 31), date(2023, 2, 1)) == date(2023, 2, 28)
    assert next_billing(date(2023, 1, 31), date(2023, 2, 28)) == date(2023, 2, 28)
    assert next_billing(date(2023, 5, 1), date(2023, 4, 1)) == date(2023, 5, 1)
