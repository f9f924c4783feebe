import random
from math import factorial


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    """Return calls ranking and unranking generated arrangements."""
    result: list[tuple[str, tuple[object, ...]]] = []
    for _ in range(200):
        items = rng.sample("abcdefg", rng.randint(0, 6))
        name = rng.choice(["rank", "rank", "unrank", "following"])
        if name == "unrank":
            result.append((name, (items, rng.randrange(factorial(len(items))))))
        else:
            result.append((name, (items,)))
    return result
