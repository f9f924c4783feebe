import random


def version(rng: random.Random) -> str:
    """Return a generated version."""
    release = ".".join(str(rng.choice([0, 1, 2, 9, 10])) for _ in range(rng.randint(1, 3)))
    if rng.random() < 0.5:
        return release
    return release + rng.choice(["a", "b", "rc"]) + str(rng.randint(1, 25))


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    """Return calls comparing generated versions."""
    result: list[tuple[str, tuple[object, ...]]] = []
    for _ in range(200):
        if rng.random() < 0.6:
            first = version(rng)
            second = version(rng)
            if rng.random() < 0.5:
                second = first.rstrip("0123456789") + str(rng.randint(1, 25))
            result.append(("compare", (first, second)))
        else:
            versions = [version(rng) for _ in range(rng.randint(0, 6))]
            result.append(("newest", (versions, rng.random() < 0.6)))
    return result
