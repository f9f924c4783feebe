import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    """Return calls planning generated retries."""
    result: list[tuple[str, tuple[object, ...]]] = []
    for _ in range(200):
        if rng.random() < 0.1:
            text = rng.choice(["0", "5", " 17", "61", "900", "later", ""])
            result.append(("parse_retry_after", (text,)))
            continue
        first = rng.randint(1, 6)
        budget = rng.choice([rng.randint(0, 40), first, 3 * first, 7 * first])
        arguments = (first, rng.randint(1, 3), rng.randint(8, 40), rng.randint(0, 6), budget)
        result.append(("plan", (*arguments, rng.choice([0, 0, 1, 4]))))
    return result
