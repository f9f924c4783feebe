import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    """Return calls replaying generated operations."""
    result: list[tuple[str, tuple[object, ...]]] = []
    for _ in range(200):
        operations = [
            (rng.choice(["append", "append", "prepend", "reverse"]), rng.randint(0, 50))
            for _ in range(rng.randint(0, 12))
        ]
        result.append(("replay", (operations,)))
    return result
