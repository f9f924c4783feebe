import random


def _field(rng):
    return "".join(rng.choice('abc ,;"') for _ in range(rng.randint(0, 6)))


def _line(rng, delimiter):
    parts = []
    for _ in range(rng.randint(1, 4)):
        field = _field(rng)
        if delimiter in field or '"' in field or rng.random() < 0.2:
            field = '"' + field.replace('"', '""') + '"'
        parts.append(field)
    return delimiter.join(parts)


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    result = []
    for _ in range(140):
        delimiter = rng.choice(",;")
        result.append(("split_line", (_line(rng, delimiter), delimiter)))
    for _ in range(60):
        fields = [_field(rng) for _ in range(rng.randint(1, 4))]
        result.append(("join_line", (fields, rng.choice(",;"))))
    return result
