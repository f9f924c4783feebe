import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    result = []
    for _ in range(200):
        operations = []
        for _ in range(rng.randint(0, 8)):
            kind = rng.choice(["deposit", "withdraw", "transfer", "transfer"])
            names = [rng.choice("aabbccx")]
            if kind == "transfer":
                names.append(rng.choice("aabbccx"))
            operations.append((kind, *names, rng.randint(0, 60)))
        result.append(("replay", (["a", "b", "c"], operations)))
    return result
