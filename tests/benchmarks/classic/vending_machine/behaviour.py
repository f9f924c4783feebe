import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    """Return calls replaying generated purchases."""
    result: list[tuple[str, tuple[object, ...]]] = []
    for _ in range(200):
        prices = {slot: rng.randrange(20, 160, 5) for slot in "ABC"}
        stock = {slot: rng.randint(0, 3) for slot in "ABC"}
        operations: list[tuple[str, object]] = []
        for _ in range(rng.randint(2, 14)):
            name = rng.choice(["insert", "insert", "insert", "select", "select", "cancel"])
            if name == "insert":
                operations.append((name, rng.choice([5, 10, 20, 50, 100, 200, 3])))
            elif name == "select":
                operations.append((name, rng.choice("ABCD")))
            else:
                operations.append((name, None))
        result.append(("replay", (prices, stock, operations)))
    return result
