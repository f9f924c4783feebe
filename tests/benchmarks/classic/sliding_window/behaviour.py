import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    """Return calls that replay generated operations on a sender."""
    result: list[tuple[str, tuple[object, ...]]] = []
    for _ in range(200):
        operations = []
        for _ in range(rng.randint(1, 15)):
            name = rng.choice(["send", "send", "acknowledge", "timeout"])
            operations.append((name, rng.randint(0, 8)))
        result.append(("replay", (rng.randint(1, 4), operations)))
    return result
