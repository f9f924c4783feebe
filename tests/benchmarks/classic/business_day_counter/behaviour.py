import random
from datetime import date, timedelta

BASE = date(2024, 1, 1)


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    result = []
    for _ in range(40):
        start = BASE + timedelta(days=rng.randint(0, 300))
        holidays = [start + timedelta(days=rng.randint(0, 12)) for _ in range(rng.randint(0, 3))]
        end = start + timedelta(days=rng.randint(-2, 20))
        result.append(("is_business_day", (start, holidays)))
        result.append(("add_business_days", (start, rng.randint(0, 15), holidays)))
        result.append(("count_business_days", (start, end, holidays)))
        result.append(("delivery_date", (start, holidays)))
        result.append(("month_workload", (rng.randint(2000, 2030), rng.randint(1, 12), holidays)))
    return result
