import random


def text(rng: random.Random, alphabet: str) -> str:
    """Return a short generated text."""
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(0, 5)))


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    """Return calls reading and writing generated queries."""
    result: list[tuple[str, tuple[object, ...]]] = []
    for _ in range(200):
        if rng.random() < 0.25:
            names = rng.sample("abcd", rng.randint(0, 3))
            parameters = {
                name: [text(rng, "xy &%+#=") for _ in range(rng.randint(1, 3))]
                for name in names
            }
            result.append(("build_query", (parameters,)))
            continue
        parts = []
        for _ in range(rng.randint(0, 4)):
            part = rng.choice(["a", "b", "long+name", "c%23"])
            if rng.random() < 0.8:
                part += "=" + text(rng, "xyz+=") + rng.choice(["", "", "%26", "%3D"])
            parts.append(part)
        result.append(("parse_query", (rng.choice(["", "?"]) + "&".join(parts),)))
    return result
