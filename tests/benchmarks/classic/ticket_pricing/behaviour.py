import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    """Return calls asking for generated prices."""
    result: list[tuple[str, tuple[object, ...]]] = []
    for _ in range(200):
        name = rng.choice(["group_percent", "ticket_price", "group_price"])
        size = rng.choice([rng.randint(1, 60), 10, 20, 50])
        if name == "group_percent":
            result.append((name, (size,)))
        elif name == "ticket_price":
            result.append((name, (rng.randint(0, 90), rng.random() < 0.2)))
        else:
            ages = [rng.randint(0, 90) for _ in range(size)]
            result.append((name, (ages, rng.randint(0, size // 3))))
    return result
