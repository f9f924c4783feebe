import random

COINS = [200, 100, 50, 20, 10, 5]


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    result = []
    for _ in range(200):
        drawer = {coin: rng.randint(0, 3) for coin in COINS if rng.random() < 0.8}
        sales = []
        for _ in range(rng.randint(0, 5)):
            coins = [rng.choice(COINS) for _ in range(rng.randint(1, 3))]
            sales.append((rng.randrange(5, 300, 5), coins))
        result.append(("replay", (drawer, sales)))
    return result
