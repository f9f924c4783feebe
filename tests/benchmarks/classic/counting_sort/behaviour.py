import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    result = []
    for _ in range(40):
        values = [rng.randint(-6, 6) for _ in range(rng.randint(1, 10))]
        result.append(("count_keys", (values,)))
        result.append(("sort_integers", (values[1:],)))
    for _ in range(120):
        records = [
            (rng.randint(-4, 4), rng.choice("abcd"), rng.randint(0, 30))
            for _ in range(rng.randint(0, 9))
        ]
        result.append(("sort_records", (records, rng.choice([0, 2]))))
    return result
