import random


def _meetings(rng):
    meetings = []
    for _ in range(rng.randint(0, 5)):
        start = rng.randrange(420, 1100, 10)
        meetings.append((start, start + rng.randrange(10, 200, 10)))
    return meetings


def _clock(minutes):
    return f"{minutes // 60}:{minutes % 60:02}"


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    result = []
    for _ in range(140):
        opening = rng.randrange(480, 600, 10)
        result.append(("free_slots", (_meetings(rng), opening, 1020, rng.choice([1, 20, 60]))))
    for _ in range(60):
        texts = [f"{_clock(start)}-{_clock(end)}" for start, end in _meetings(rng)]
        result.append(("describe", (texts, "8:30", "17:00", rng.choice([1, 30]))))
    return result
