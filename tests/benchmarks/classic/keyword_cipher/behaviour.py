import random


def _text(rng):
    return "".join(rng.choice("abcxyzXYZ ,1") for _ in range(rng.randint(0, 10)))


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    result = []
    for _ in range(140):
        keyword = "".join(rng.choice("abcdXyz") for _ in range(rng.randint(1, 5)))
        texts = [_text(rng) for _ in range(rng.randint(0, 4))]
        result.append(("encrypt_all", (keyword, texts)))
    for _ in range(60):
        result.append(("caesar", (_text(rng), rng.randint(-40, 40))))
    return result
