import random

WORDS = ["Big", "city", "élan", "2024", "it's", "--", "News!", "ß", "a", "wonderful"]


def _headline(rng):
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(0, 5)))


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    result = []
    for _ in range(90):
        lengths = [rng.randint(1, 5) for _ in range(rng.randint(1, 4))]
        words = ["".join(rng.choice("abc") for _ in range(length)) for length in lengths]
        result.append(("shorten", ("-".join(words), rng.randint(1, 16))))
    for _ in range(50):
        result.append(("slugify", (_headline(rng),)))
    for _ in range(60):
        headlines = [_headline(rng) for _ in range(rng.randint(0, 4))]
        result.append(("unique_slugs", (headlines, rng.randint(3, 20))))
    return result
