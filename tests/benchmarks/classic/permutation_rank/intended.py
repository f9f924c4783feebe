"""Number the arrangements of distinct items in lexicographic order."""

from math import factorial


def rank(arrangement: list[str]) -> int:
    """Return how many arrangements of the same items come before this one."""
    ordered = sorted(arrangement)
    if len(set(ordered)) != len(ordered):
        raise ValueError("items must be distinct")
    remaining = list(ordered)
    total = 0
    for item in arrangement:
        position = remaining.index(item)
        remaining.remove(item)
        total += position * factorial(len(remaining))
    return total


def unrank(items: list[str], number: int) -> list[str]:
    """Return the arrangement of the items that has the given rank."""
    if not 0 <= number < factorial(len(items)):
        raise ValueError(f"no arrangement has number {number}")
    remaining = sorted(items)
    arrangement = []
    while remaining:
        position, number = divmod(number, factorial(len(remaining) - 1))
        arrangement.append(remaining.pop(position))
    return arrangement


def following(arrangement: list[str]) -> list[str] | None:
    """Return the next arrangement, None after the last one."""
    number = rank(arrangement) + 1
    if number == factorial(len(arrangement)):
        return None
    return unrank(arrangement, number)
