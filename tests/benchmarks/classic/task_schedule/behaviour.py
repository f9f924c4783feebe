import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    """Return calls with generated tasks free of cycles."""
    result: list[tuple[str, tuple[object, ...]]] = []
    for _ in range(200):
        names = rng.sample("abcdefgh", rng.randint(1, 7))
        needs: dict[str, list[str]] = {}
        for index, name in enumerate(names):
            if index and rng.random() < 0.75:
                needs[name] = [rng.choice(names[:index]) for _ in range(rng.randint(0, 3))]
            elif rng.random() < 0.7:
                needs[name] = []
        if rng.random() < 0.6:
            result.append(("schedule", (needs,)))
        else:
            duration = {name: rng.randint(1, 9) for name in names}
            result.append(("finish_times", (needs, duration)))
    return result
