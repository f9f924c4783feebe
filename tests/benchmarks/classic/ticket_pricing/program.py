"""Prices of museum tickets, in cents."""

import bisect

GROUP_SIZES = [10, 20, 50]
GROUP_PERCENT = [0, 5, 10, 20]
BASE_PRICE = 1200


def group_percent(visitors: int) -> int:
    """Return the discount of a group; from 10, 20 and 50 visitors on it is greater."""
    return GROUP_PERCENT[bisect.bisect_left(GROUP_SIZES, visitors)]


def ticket_price(age: int, member: bool = False) -> int:
    """Return the price of one ticket.

    Children under 6 and members enter free; visitors under 18 pay half and
    visitors from 65 on pay three quarters.
    """
    if age < 0:
        raise ValueError("negative age")
    if age < 6 or member:
        return 0
    if age < 18:
        return BASE_PRICE // 2
    if age >= 65:
        return BASE_PRICE * 3 // 4
    return BASE_PRICE


def group_price(ages: list[int], members: int = 0) -> int:
    """Return the price for visitors of the given ages, of whom the first are members.

    The group discount counts every visitor and is rounded down to whole cents.
    """
    if members > len(ages):
        raise ValueError("more members than visitors")
    total = sum(
        ticket_price(age, position < members) for position, age in enumerate(ages)
    )
    return total - total * group_percent(len(ages)) // 100
