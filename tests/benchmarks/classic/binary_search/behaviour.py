import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    result = []
    for _ in range(50):
        items = sorted(rng.randint(-10, 20) for _ in range(rng.randint(0, 12)))
        for function in ("lower_bound", "upper_bound", "find_range"):
            result.append((function, (list(items), rng.randint(-12, 22))))
        if items:
            result.append(("closest", (list(items), rng.randint(-12, 22))))
            result.append(("find_range", (list(items), rng.choice(items))))
    return result
