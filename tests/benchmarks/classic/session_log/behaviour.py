import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    """Return calls reporting generated events."""
    result: list[tuple[str, tuple[object, ...]]] = []
    for _ in range(200):
        events = []
        time = 0
        for _ in range(rng.randint(0, 12)):
            time += rng.choice([0, 1, 2, 5, 9])
            events.append((time, rng.choice(["ann", "ann", "bob"])))
        name = rng.choice(["report", "report", "busiest"])
        result.append((name, (events, rng.randint(2, 12))))
    return result
