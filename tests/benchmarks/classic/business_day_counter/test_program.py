from datetime import date

from program import (
    add_business_days,
    count_business_days,
    delivery_date,
    is_business_day,
    month_workload,
)

NEW_YEAR = date(2024, 1, 1)


def test_business_days():
    assert is_business_day(date(2024, 1, 5))
    assert not is_business_day(date(2024, 1, 6))
    assert not is_business_day(date(2024, 1, 7))


def test_holidays_are_no_business_days():
    assert not is_business_day(NEW_YEAR, [NEW_YEAR])


def test_adding_no_days():
    assert add_business_days(date(2024, 1, 6), 0) == date(2024, 1, 6)


def test_adding_days_over_a_weekend():
    assert add_business_days(date(2024, 1, 4), 2) == date(2024, 1, 8)


def test_adding_days_over_a_holiday():
    assert add_business_days(date(2023, 12, 29), 1, [NEW_YEAR]) == date(2024, 1, 2)


def test_delivery():
    assert delivery_date(date(2024, 1, 3)) == date(2024, 1, 5)
    assert delivery_date(date(2024, 1, 6)) == date(2024, 1, 10)


def test_counting_within_a_week():
    assert count_business_days(date(2024, 1, 2), date(2024, 1, 5)) == 3


def test_counting_an_empty_or_reversed_range():
    assert count_business_days(date(2024, 1, 2), date(2024, 1, 2)) == 0
    assert count_business_days(date(2024, 1, 5), date(2024, 1, 2)) == 0


def test_counting_a_whole_week():
    assert count_business_days(date(2024, 1, 1), date(2024, 1, 8)) == 5


def test_counting_around_a_holiday():
    assert count_business_days(date(2024, 1, 1), date(2024, 1, 4), [NEW_YEAR]) == 2


def test_workload_of_months():
    assert month_workload(2024, 1) == 23
    assert month_workload(2023, 12, [date(2023, 12, 25), date(2023, 12, 26)]) == 19
