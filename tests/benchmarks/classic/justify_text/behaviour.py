import random


def _words(rng, low, high):
    lengths = [rng.randint(1, 7) for _ in range(rng.randint(low, high))]
    return ["".join(rng.choice("abc") for _ in range(length)) for length in lengths]


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    result = []
    for _ in range(120):
        result.append(("justify", (" ".join(_words(rng, 0, 9)), rng.randint(1, 22))))
    for _ in range(40):
        words = _words(rng, 1, 4)
        result.append(("stretch", (words, len(" ".join(words)) + rng.randint(0, 8))))
        result.append(("break_lines", (_words(rng, 0, 8), rng.randint(1, 15))))
    return result
