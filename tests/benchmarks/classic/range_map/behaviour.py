import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    """Return calls looking up numbers in generated tables."""
    result: list[tuple[str, tuple[object, ...]]] = []
    for _ in range(200):
        entries = []
        start = rng.randint(0, 5)
        for index in range(rng.randint(0, 6)):
            stop = start + rng.randint(1, 5)
            entries.append((start, stop, f"range{index}"))
            start = stop + rng.choice([0, 0, 1, 3])
        rng.shuffle(entries)
        result.append(("classify", (entries, rng.randint(-1, start + 2))))
    return result
