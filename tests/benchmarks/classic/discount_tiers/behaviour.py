import random

EDGES = [0, 7_499, 7_500, 9_999, 10_000, 20_000, 49_999, 50_000]


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    result = []
    for _ in range(60):
        amount = rng.choice(EDGES) if rng.random() < 0.5 else rng.randint(0, 60_000)
        result.append(("tier_percent", (amount,)))
        coupon = rng.choice([f"-{rng.randint(0, 9000)}", f"{rng.randint(0, 100)}%"])
        result.append(("apply_coupon", (rng.randint(0, 20_000), coupon)))
    for _ in range(90):
        items = [(rng.randint(0, 4), 2_500 * rng.randint(1, 8)) for _ in range(rng.randint(0, 4))]
        coupons = [rng.choice(["-500", "10%", "5%"]) for _ in range(rng.randint(0, 2))]
        result.append(("order_total", (items, coupons)))
    return result
