"""Fill a knapsack of limited capacity; every item can be taken once."""


def best_value(items: list[tuple[int, int]], capacity: int) -> int:
    """Return the greatest total value of ``(weight, value)`` items that fit."""
    best = [0] * (capacity + 1)
    for weight, value in items:
        for room in range(capacity, weight - 1, -1):
            best[room] = max(best[room], best[room - weight] + value)
    return best[capacity]


def best_choice(items: list[tuple[int, int]], capacity: int) -> list[int]:
    """Return the positions of a most valuable selection, in ascending order.

    An item is left out if the same value is reached without it.
    """
    chosen = []
    room = capacity
    for position in range(len(items) - 1, -1, -1):
        weight, value = items[position]
        without = best_value(items[:position], room)
        if weight <= room and best_value(items[: position + 1], room) > without:
            chosen.append(position)
            room -= weight
    return sorted(chosen)


def fits_exactly(weights: list[int], capacity: int) -> bool:
    """Tell whether some of the weights add up to the capacity."""
    items = [(weight, weight) for weight in weights]
    return best_value(items, capacity) == capacity
