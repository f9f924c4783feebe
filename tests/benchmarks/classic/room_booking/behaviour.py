import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    """Return calls with generated booking requests."""
    result: list[tuple[str, tuple[object, ...]]] = []
    for _ in range(200):
        requests = []
        for _ in range(rng.randint(1, 8)):
            start = rng.randrange(480, 900, 30)
            end = start + rng.choice([0, 30, 30, 60, 60, 120, 180])
            requests.append((rng.choice(["a", "a", "b", "c"]), start, end))
        result.append(("accepted", (["a", "b"], requests)))
    return result
