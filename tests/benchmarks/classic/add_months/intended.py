"""Month arithmetic for subscriptions that are billed on a fixed day."""

import calendar
from datetime import date


def add_months(start, months):
    """Return the date some months later (or earlier, if negative).

    A day that the month does not have becomes the month's last day.
    """
    index = start.year * 12 + start.month - 1 + months
    year, month = index // 12, index % 12 + 1
    last_day = calendar.monthrange(year, month)[1]
    return date(year, month, min(start.day, last_day))


def billing_dates(start, count, every=1):
    """Return the first billing dates, every so many months from start.

    Raise ValueError if every is less than one.
    """
    if every < 1:
        raise ValueError("billing period must be at least a month")
    return [add_months(start, number * every) for number in range(count)]


def months_between(start, end):
    """Return the number of whole months from start to a later date."""
    months = (end.year - start.year) * 12 + end.month - start.month
    if add_months(start, months) > end:
        months -= 1
    return months


def next_billing(start, today):
    """Return the first monthly billing date that is not before today."""
    if today <= start:
        return start
    months = months_between(start, today)
    candidate = add_months(start, months)
    if candidate < today:
        candidate = add_months(start, months + 1)
    return candidate
