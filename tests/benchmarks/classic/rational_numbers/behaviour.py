import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    """Return calls calculating with generated fractions."""
    result: list[tuple[str, tuple[object, ...]]] = []
    for _ in range(200):
        first = (rng.randint(-12, 12), rng.choice([-4, -3, 1, 2, 3, 5, 8]))
        second = (rng.choice([-7, -3, -1, 1, 2, 5, 9]), rng.choice([-6, -2, 1, 2, 3, 7]))
        sign = rng.choice("+*/<<<")
        if sign == "<":
            first = (rng.randint(1, 9), rng.randint(1, 9))
            second = (rng.randint(1, 9), rng.randint(1, 9))
        result.append(("calculate", (first, sign, second)))
    return result
