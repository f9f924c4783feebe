import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    """Return calls replaying generated cache use."""
    result: list[tuple[str, tuple[object, ...]]] = []
    for _ in range(200):
        operations: list[tuple[object, ...]] = []
        for _ in range(rng.randint(1, 14)):
            key = rng.choice("abcdef")
            if rng.random() < 0.5:
                operations.append(("get", key))
            else:
                operations.append(("put", key, rng.randint(0, 99)))
        result.append(("replay", (rng.randint(1, 4), operations)))
    return result
