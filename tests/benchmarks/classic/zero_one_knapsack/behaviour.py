import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    """Return calls packing generated items."""
    result: list[tuple[str, tuple[object, ...]]] = []
    for _ in range(200):
        count = rng.randint(0, 6)
        capacity = rng.randint(0, 25)
        items = [(rng.randint(1, 10), rng.randint(1, 20)) for _ in range(count)]
        name = rng.choice(["best_value", "best_choice", "fits_exactly"])
        if name == "fits_exactly":
            result.append((name, ([weight for weight, _ in items], capacity)))
        else:
            result.append((name, (items, capacity)))
    return result
