import random


def _text(rng, longest=8):
    lengths = [rng.randint(1, longest) for _ in range(rng.randint(0, 9))]
    words = ["".join(rng.choice("xyz") for _ in range(length)) for length in lengths]
    return rng.choice([" ", "\n"]).join(words)


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    result = []
    for _ in range(120):
        indent = " " * rng.randint(0, 3)
        result.append(("wrap", (_text(rng), rng.randint(4, 20), indent)))
    for _ in range(40):
        result.append(("wrap_item", (rng.choice(["-", "1."]), _text(rng), rng.randint(5, 20))))
        text = "\n\n".join(_text(rng) for _ in range(rng.randint(0, 3)))
        result.append(("wrap_paragraphs", (text, rng.randint(2, 20))))
    return result
