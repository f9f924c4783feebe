import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    result = []
    for _ in range(50):
        longest = rng.choice([100, 5000, 90000, 1000000])
        for function in ("split_seconds", "format_duration", "clock"):
            result.append((function, (rng.randint(0, longest),)))
        parts = [f"{rng.randint(0, 99)}{rng.choice('dhms')}" for _ in range(rng.randint(1, 4))]
        result.append(("parse_duration", (rng.choice(["", " "]).join(parts),)))
    return result
