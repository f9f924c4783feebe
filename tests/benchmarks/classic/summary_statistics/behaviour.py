import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    """Return calls summarising generated samples."""
    result: list[tuple[str, tuple[object, ...]]] = []
    for _ in range(200):
        values = [rng.randint(-20, 20) for _ in range(rng.randint(2, 9))]
        name = rng.choice(["mean", "variance", "quantile", "quantile", "summary"])
        if name == "quantile":
            fraction = rng.choice([0, 0.125, 0.25, 0.5, 0.75, 1])
            result.append((name, (values, fraction)))
        else:
            result.append((name, (values,)))
    return result
