import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    """Return calls wrapping generated text."""
    result: list[tuple[str, tuple[object, ...]]] = []
    for _ in range(200):
        words = ["x" * rng.randint(1, 8) for _ in range(rng.randint(0, 12))]
        width = rng.randint(3, 18)
        name = rng.choice(["wrap", "wrap", "wrap", "quote", "centre"])
        if name == "wrap":
            result.append((name, (" ".join(words), width)))
        elif name == "quote":
            separators = [rng.choice([" ", " ", " ", "\n", "\n\n"]) for _ in words]
            text = "".join(word + space for word, space in zip(words, separators))
            result.append((name, (text, width + 2)))
        else:
            result.append((name, (words, width)))
    return result
