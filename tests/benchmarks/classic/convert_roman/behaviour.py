import random

WORDS = ["King", "MIX", "XIV,", "of", "iv", "VIII.", "France", "mdc", "IIII", "Civil"]


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    result = []
    for _ in range(60):
        result.append(("to_roman", (rng.randint(1, 3999),)))
    for _ in range(60):
        numeral = "".join(rng.choice("IVXLCDM") for _ in range(rng.randint(0, 5)))
        result.append(("from_roman", (numeral,)))
    for _ in range(20):
        letters = "".join(rng.choice("IVXabZ1") for _ in range(3))
        result.append(("from_roman", (letters,)))
    for _ in range(60):
        words = [rng.choice(WORDS) for _ in range(rng.randint(0, 4))]
        result.append(("find_numerals", (" ".join(words),)))
    return result
