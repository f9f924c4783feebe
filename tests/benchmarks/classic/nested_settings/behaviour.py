import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    """Return calls replaying generated changes."""
    result: list[tuple[str, tuple[object, ...]]] = []
    paths = ["a", "b", "a.x", "a.y.z", "b.x", "c.x"]
    for _ in range(200):
        defaults: dict[str, object] = {
            "a": {"x": rng.randint(0, 9), "y": {"z": rng.randint(0, 9)}},
            "b": rng.choice([{"x": 1}, 5]),
        }
        operations: list[tuple[object, ...]] = []
        for _ in range(rng.randint(1, 8)):
            name = rng.choice(["set", "set", "update", "reset"])
            if name == "set":
                operations.append((name, rng.choice(paths), rng.randint(10, 99)))
            elif name == "update":
                change = {"a": {"y": {"z": rng.randint(10, 99)}}, "c": rng.randint(10, 99)}
                operations.append((name, change))
            else:
                operations.append((name,))
        result.append(("replay", (defaults, operations)))
    return result
