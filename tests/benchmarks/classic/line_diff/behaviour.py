import random


def _lines(rng):
    return [rng.choice(["a", "b", "c", "d"]) for _ in range(rng.randint(0, 7))]


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    result = []
    for _ in range(120):
        result.append(("diff", (_lines(rng), _lines(rng))))
    for _ in range(60):
        result.append(("similarity", (_lines(rng), _lines(rng))))
    for _ in range(20):
        result.append(("common_lengths", (_lines(rng), _lines(rng))))
    return result
