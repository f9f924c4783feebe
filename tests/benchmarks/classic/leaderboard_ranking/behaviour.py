import random

NAMES = ["ann", "bob", "cat", "dan", "eve", "fay", "gus"]


def _scores(rng):
    names = rng.sample(NAMES, rng.randint(0, len(NAMES)))
    top = rng.choice([0, 2, 5])
    return {name: rng.randint(-5, top) for name in names}


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    result = []
    for _ in range(50):
        result.append(("standings", (_scores(rng),)))
        result.append(("rank_of", (_scores(rng), rng.choice(NAMES))))
        result.append(("podium", (_scores(rng), rng.randint(1, 4))))
        result.append(("format_table", (_scores(rng),)))
    return result
