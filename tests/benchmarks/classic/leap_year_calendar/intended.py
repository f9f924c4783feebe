"""Day numbers in the Gregorian calendar, without the datetime module."""

MONTH_LENGTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]


def is_leap(year):
    """Tell whether a year has 366 days."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def month_length(year, month):
    """Return the number of days of a month; raise ValueError for a bad month."""
    if not 1 <= month <= 12:
        raise ValueError(f"no such month: {month}")
    if month == 2 and is_leap(year):
        return 29
    return MONTH_LENGTHS[month - 1]


def day_of_year(year, month, day):
    """Return 1 for the first of January; raise ValueError for a bad date."""
    if not 1 <= day <= month_length(year, month):
        raise ValueError(f"no such day: {year}-{month}-{day}")
    result = sum(MONTH_LENGTHS[:month - 1]) + day
    if month > 2 and is_leap(year):
        result += 1
    return result


def day_number(year, month, day):
    """Return the days since the first of January of year 1, which is day 1."""
    years = year - 1
    return years * 365 + years // 4 - years // 100 + years // 400 + day_of_year(year, month, day)


def days_between(first, second):
    """Return the days from one (year, month, day) date to another."""
    return day_number(*second) - day_number(*first)
