import random
from datetime import date, timedelta


def _date(rng):
    year = rng.randint(1995, 2035)
    if rng.random() < 0.5:
        return date(year, 1, 1) + timedelta(days=rng.randint(-8, 8))
    return date(year, 1, 1) + timedelta(days=rng.randint(0, 364))


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    result = []
    for _ in range(45):
        for function in ("week_start", "iso_week", "label"):
            result.append((function, (_date(rng),)))
        week = rng.randint(1, 52)
        result.append(("from_week", (rng.randint(1995, 2035), week, rng.randint(1, 7))))
    for _ in range(20):
        result.append(("weeks_in_year", (rng.randint(1990, 2040),)))
    return result
