import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    result = []
    for _ in range(70):
        values = [rng.randint(-20, 20) for _ in range(rng.randint(1, 10))]
        result.append(("kth_smallest", (list(values), rng.randint(1, len(values)))))
        result.append(("median", (list(values),)))
        result.append(("deviations", (list(values),)))
    return result
