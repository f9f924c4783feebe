import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    """Return calls asking for colours and waiting times."""
    result: list[tuple[str, tuple[object, ...]]] = []
    for _ in range(200):
        seconds = [rng.randint(0, 400) for _ in range(rng.randint(1, 5))]
        offset = rng.randint(0, 70)
        if rng.random() < 0.4:
            result.append(("colours", (offset, seconds)))
        else:
            colour = rng.choice(["green", "yellow", "red"])
            result.append(("waits", (offset, colour, seconds)))
    return result
