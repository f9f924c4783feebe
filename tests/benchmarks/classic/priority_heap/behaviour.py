import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    """Return calls ordering generated jobs."""
    result: list[tuple[str, tuple[object, ...]]] = []
    for _ in range(200):
        count = rng.randint(0, 12)
        jobs = [(rng.randint(0, 9), f"job{index}") for index in range(count)]
        result.append(("run_order", (jobs,)))
    return result
