import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    """Return calls on generated series."""
    result: list[tuple[str, tuple[object, ...]]] = []
    for _ in range(200):
        low, high = rng.choice([(0, 20), (-10, 10), (-20, 0)])
        numbers = [rng.randint(low, high) for _ in range(rng.randint(1, 10))]
        if rng.random() < 0.3:
            result.append(("averages", (numbers, rng.randint(1, 5))))
        else:
            result.append(("highest_window", (numbers, rng.randint(1, len(numbers)))))
    return result
