import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    """Return calls replaying generated operations."""
    result: list[tuple[str, tuple[object, ...]]] = []
    for _ in range(200):
        operations = [
            None if rng.random() < 0.3 else rng.randint(0, 99)
            for _ in range(rng.randint(0, 14))
        ]
        result.append(("replay", (rng.randint(1, 5), operations)))
    return result
