import random


def _numbers(rng, longest):
    return [rng.randint(-9, 9) for _ in range(rng.randint(0, longest))]


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    result = []
    for _ in range(100):
        result.append(("merge_sort", (_numbers(rng, 14),)))
    for _ in range(30):
        result.append(("find_runs", (_numbers(rng, 10),)))
        result.append(("merge", (sorted(_numbers(rng, 6)), sorted(_numbers(rng, 6)))))
    for _ in range(40):
        runs = [sorted(_numbers(rng, 4) + [0]) for _ in range(rng.randint(0, 7))]
        result.append(("merge_pass", (runs,)))
    return result
