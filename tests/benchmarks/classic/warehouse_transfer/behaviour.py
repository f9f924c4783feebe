import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    """Return calls replaying generated transfers."""
    result: list[tuple[str, tuple[object, ...]]] = []
    for _ in range(200):
        places = {}
        for name in "abc":
            space = rng.randint(2, 10)
            places[name] = (space, rng.randint(0, space))
        transfers = [
            (rng.choice("abc"), rng.choice("abc"), rng.randint(1, 6))
            for _ in range(rng.randint(1, 8))
        ]
        result.append(("replay", (places, transfers)))
    return result
