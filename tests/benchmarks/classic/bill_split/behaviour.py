import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    result = []
    for _ in range(70):
        result.append(("split_evenly", (rng.randint(0, 2000), rng.randint(1, 8))))
        weights = [rng.randint(0, 9) for _ in range(rng.randint(0, 5))] + [rng.randint(1, 5)]
        result.append(("split_by_weight", (rng.randint(0, 2000), weights)))
        names = rng.sample("abcdefgh", rng.randint(1, 6))
        result.append(("settle", ({name: rng.randint(0, 500) for name in names},)))
    return result
