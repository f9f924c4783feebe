import random

NAMES = ["name", "city", "count", "title"]
VALUES = ["Ann", "", 0, 7, None, "Oslo", False, "x y"]
TEXTS = ["Dear ", ", ", "! ", "{}", " you have "]


def _template(rng):
    parts = []
    for _ in range(rng.randint(0, 4)):
        parts.append(rng.choice(TEXTS))
        name = rng.choice(NAMES)
        default = rng.choice(["|", "|none"]) if rng.random() < 0.7 else ""
        parts.append("{" + name + default + "}")
    return "".join(parts)


def _values(rng):
    return {name: rng.choice(VALUES) for name in NAMES if rng.random() < 0.8}


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    result = []
    for _ in range(120):
        result.append(("render", (_template(rng), _values(rng))))
    for _ in range(50):
        recipients = [_values(rng) for _ in range(rng.randint(0, 3))]
        result.append(("render_all", (_template(rng), recipients, _values(rng))))
    for _ in range(30):
        result.append(("placeholders", (_template(rng),)))
    return result
