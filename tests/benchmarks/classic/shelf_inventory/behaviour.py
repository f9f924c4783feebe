import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    """Return calls replaying generated stock operations."""
    result: list[tuple[str, tuple[object, ...]]] = []
    for _ in range(200):
        operations = [("receive", "cup", rng.randint(3, 9))]
        for _ in range(rng.randint(2, 14)):
            name = rng.choice(["receive", "reserve", "reserve", "collect", "sell", "sell"])
            item = rng.choice(["cup", "cup", "lamp"])
            operations.append((name, item, rng.randint(1, 4)))
        result.append(("replay", (operations,)))
    return result
