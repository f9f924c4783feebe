"""Business days: Monday to Friday except for holidays."""

from datetime import date, timedelta

ONE_DAY = timedelta(days=1)


def is_business_day(day, holidays=()):
    """Tell whether people work on a day."""
    return day.weekday() < 5 and day not in holidays


def add_business_days(start, days, holidays=()):
    """Return the date some business days after start (days >= 0)."""
    current = start
    remaining = days
    while remaining > 0:
        current += ONE_DAY
        if is_business_day(current, holidays):
            remaining -= 1
    return current


def count_business_days(start, end, holidays=()):
    """Return the number of business days from start up to, not including, end."""
    count = 0
    day = start
    while day < end:
        if is_business_day(day, holidays):
            count += 1
        day += ONE_DAY
    return count


def delivery_date(ordered, holidays=()):
    """Return when an order arrives: after two business days from the day itself.

    Orders made on a weekend or holiday count as made on the next business day.
    """
    accepted = ordered
    while not is_business_day(accepted, holidays):
        accepted += ONE_DAY
    return add_business_days(accepted, 2, holidays)


def month_workload(year, month, holidays=()):
    """Return the number of business days in a month."""
    following = date(year + month // 12, month % 12 + 1, 1)
    return count_business_days(date(year, month, 1), following, holidays)
