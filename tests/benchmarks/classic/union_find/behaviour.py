import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    """Return calls partitioning generated items."""
    result: list[tuple[str, tuple[object, ...]]] = []
    for _ in range(200):
        items = list("abcdefgh")[: rng.randint(1, 8)]
        pairs = [
            (rng.choice(items), rng.choice(items)) for _ in range(rng.randint(0, 8))
        ]
        result.append(("partition", (items, pairs)))
    return result
