import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    """Return calls asking for permissions under generated definitions."""
    result: list[tuple[str, tuple[object, ...]]] = []
    for _ in range(200):
        roles = list("abcde")[: rng.randint(1, 5)]
        definitions: list[tuple[str, list[str], str | None]] = []
        for index, role in enumerate(roles):
            permissions = rng.sample(["read", "write", "list", "send"], rng.randint(0, 3))
            base = rng.choice(roles[:index]) if index and rng.random() < 0.7 else None
            definitions.append((role, permissions, base))
        if rng.random() < 0.1:
            first = definitions[0]
            definitions[0] = (first[0], first[1], rng.choice(roles))
        rng.shuffle(definitions)
        result.append(("granted", (definitions, rng.choice(roles))))
    return result
