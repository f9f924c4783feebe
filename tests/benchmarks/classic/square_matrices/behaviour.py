import random


def matrix(rng: random.Random, size: int) -> list[list[int]]:
    """Return a generated matrix."""
    return [[rng.randint(-5, 5) for _ in range(size)] for _ in range(size)]


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    """Return calls on generated matrices."""
    result: list[tuple[str, tuple[object, ...]]] = []
    for _ in range(200):
        size = rng.randint(1, 4)
        name = rng.choice(["identity", "add", "multiply", "multiply", "power", "trace"])
        if name == "identity":
            result.append((name, (size,)))
        elif name in ("add", "multiply"):
            result.append((name, (matrix(rng, size), matrix(rng, size))))
        elif name == "power":
            result.append((name, (matrix(rng, size), rng.randint(0, 6))))
        else:
            result.append((name, (matrix(rng, size),)))
    return result
