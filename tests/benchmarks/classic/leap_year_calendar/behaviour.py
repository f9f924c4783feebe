import random

YEARS = [1, 4, 1900, 1999, 2000, 2023, 2024, 2100]


def _date(rng):
    month = rng.choice([1, 2, 2, 3, 12, rng.randint(1, 12)])
    return rng.choice(YEARS), month, rng.randint(1, 28)


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    result = []
    for _ in range(60):
        result.append(("day_of_year", _date(rng)))
        result.append(("day_number", _date(rng)))
        result.append(("days_between", (_date(rng), _date(rng))))
    for _ in range(20):
        result.append(("month_length", _date(rng)[:2]))
    return result
