import random
from datetime import date, timedelta

BASE = date(2019, 1, 1)
ENDS = [date(2020, 2, 29), date(2019, 12, 31), date(2023, 1, 30), date(2024, 8, 31)]


def _date(rng):
    if rng.random() < 0.5:
        return rng.choice(ENDS)
    return BASE + timedelta(days=rng.randint(0, 2500))


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    result = []
    for _ in range(120):
        result.append(("add_months", (_date(rng), rng.randint(-30, 50))))
    for _ in range(30):
        result.append(("billing_dates", (_date(rng), rng.randint(0, 6), rng.randint(1, 7))))
        start = _date(rng)
        later = start + timedelta(days=rng.randint(0, 1500))
        result.append(("months_between", (start, later)))
        result.append(("next_billing", (start, later)))
    return result
