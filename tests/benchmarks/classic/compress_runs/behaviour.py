import random


def _text(rng):
    lengths = [rng.choice([1, 1, 2, 3, 11, 24]) for _ in range(rng.randint(0, 5))]
    return "".join(rng.choice("ab -") * length for length in lengths)


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    result = []
    for _ in range(50):
        for function in ("runs", "compress", "saving"):
            result.append((function, (_text(rng),)))
    for _ in range(90):
        code = "".join(
            rng.choice("xyz") + rng.choice(["", "", "2", "7", "10", "13", "100"])
            for _ in range(rng.randint(0, 5))
        )
        result.append(("expand", (code,)))
    return result
