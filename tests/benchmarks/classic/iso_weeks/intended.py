"""ISO 8601 weeks: they begin on Monday and belong to the year of their Thursday."""

from datetime import date, timedelta


def week_start(day):
    """Return the Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def iso_week(day):
    """Return the (year, week) that a day belongs to."""
    thursday = week_start(day) + timedelta(days=3)
    first = date(thursday.year, 1, 1)
    return thursday.year, (thursday - first).days // 7 + 1


def weeks_in_year(year):
    """Return 52 or 53."""
    return iso_week(date(year, 12, 28))[1]


def from_week(year, week, weekday=1):
    """Return the date of a weekday (1 is Monday) in a week.

    Raise ValueError if the year has no such week.
    """
    if not 1 <= week <= weeks_in_year(year) or not 1 <= weekday <= 7:
        raise ValueError(f"no such day: {year}-W{week}-{weekday}")
    monday = week_start(date(year, 1, 4))
    return monday + timedelta(weeks=week - 1, days=weekday - 1)


def label(day):
    """Return a label such as ``2024-W05-3``."""
    year, week = iso_week(day)
    return f"{year}-W{week:02}-{day.isoweekday()}"
