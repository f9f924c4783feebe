import random


def _operations(rng):
    operations = []
    for number in range(rng.randint(0, 16)):
        if rng.random() < 0.7:
            operations.append(("push", rng.randint(0, 9), f"t{number}"))
        else:
            operations.append(("pop",))
    return operations


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    return [("replay", (_operations(rng),)) for _ in range(200)]
