import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    """Return calls cutting generated text."""
    result: list[tuple[str, tuple[object, ...]]] = []
    for _ in range(200):
        text = "abcdefghijklmnopqrst"[: rng.randint(0, 20)]
        size = rng.randint(1, 7)
        overlap = rng.randint(0, size - 1)
        name = rng.choice(["chunks", "chunks", "numbered", "locate", "join_chunks"])
        if name == "locate":
            result.append((name, (rng.randint(0, 30), size, overlap)))
        elif name == "join_chunks":
            pieces = [text[start : start + size] for start in range(0, len(text), size)]
            result.append((name, (pieces, 0)))
        else:
            result.append((name, (text, size, overlap)))
    return result
