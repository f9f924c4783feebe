import random
from decimal import Decimal


def _price(rng):
    if rng.random() < 0.5:
        return f"{rng.randint(0, 20)}.{rng.randint(0, 99):02}5"
    return str(Decimal(rng.randint(0, 5000)) / 100)


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    result = []
    for _ in range(60):
        result.append(("line_net", (rng.randint(0, 12), _price(rng))))
        net = Decimal(rng.randint(0, 3000)) / 100
        result.append(("line_tax", (net, rng.choice(["0", "5", "7", "19", "20"]))))
    for _ in range(80):
        lines = [
            (rng.randint(0, 9), _price(rng), rng.choice(["0", "5", "7.5", "20"]))
            for _ in range(rng.randint(0, 4))
        ]
        result.append(("invoice", (lines,)))
    return result
