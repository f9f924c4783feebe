"""Binary searches over sorted lists."""


def lower_bound(items, target):
    """Return the first index whose item is not less than target."""
    low, high = 0, len(items)
    while low < high:
        middle = (low + high) // 2
        if items[middle] < target:
            low = middle + 1
        else:
            high = middle
    return low


def upper_bound(items, target):
    """Return the first index whose item is greater than target."""
    low, high = 0, len(items)
    while low < high:
        middle = (low + high) // 2
        if items[middle] <= target:
            low = middle
        else:
            high = middle
    return low


def find_range(items, target):
    """Return the (first, last) indices of target, or None if it is absent."""
    first = lower_bound(items, target)
    if first == len(items) or items[first] != target:
        return None
    return first, upper_bound(items, target) - 1


def closest(items, target):
    """Return the item nearest to target, the smaller one on a tie.

    Raise ValueError if there are no items.
    """
    if not items:
        raise ValueError("no items to choose from")
    index = lower_bound(items, target)
    if index == 0:
        return items[0]
    if index == len(items):
        return items[-1]
    before, after = items[index - 1], items[index]
    return before if target - before <= after - target else after
