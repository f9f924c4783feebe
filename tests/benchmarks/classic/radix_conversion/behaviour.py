import random

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    """Return calls converting generated numbers."""
    result: list[tuple[str, tuple[object, ...]]] = []
    for _ in range(200):
        base = rng.randint(2, 36)
        text = "".join(rng.choice(DIGITS[:base]) for _ in range(rng.randint(1, 5)))
        if rng.random() < 0.15:
            text = "0" * len(text)
        if rng.random() < 0.3:
            text = "-" + text
        name = rng.choice(["to_text", "to_number", "convert"])
        if name == "to_text":
            result.append((name, (rng.choice([0, 1, -1, rng.randint(-999, 9999)]), base)))
        elif name == "to_number":
            result.append((name, (text, base)))
        else:
            result.append((name, (text, base, rng.randint(2, 36))))
    return result
