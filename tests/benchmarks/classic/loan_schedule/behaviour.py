import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    result = []
    for _ in range(60):
        for function in ("schedule", "total_interest", "last_payment"):
            principal = rng.randint(0, 500_000)
            rate = rng.choice([0, 250, 600, 1199])
            payment = principal // rng.randint(3, 20) + rng.randint(500, 6000)
            result.append((function, (principal, rate, payment)))
    for _ in range(20):
        result.append(("monthly_interest", (rng.randint(0, 90_000), rng.randint(0, 1500))))
    return result
