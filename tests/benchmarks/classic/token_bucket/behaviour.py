import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    """Return calls admitting generated requests."""
    result: list[tuple[str, tuple[object, ...]]] = []
    for _ in range(200):
        capacity = rng.randint(1, 8)
        requests = []
        time = 0
        for _ in range(rng.randint(1, 12)):
            time += rng.choice([0, 0, 1, 1, 2, 4])
            requests.append((time, rng.randint(1, capacity)))
        result.append(("admit", (capacity, rng.randint(1, 3), requests)))
    return result
