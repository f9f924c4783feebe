import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    """Return calls splitting and joining generated lines."""
    result: list[tuple[str, tuple[object, ...]]] = []
    for _ in range(200):
        fields = []
        for _ in range(rng.randint(1, 4)):
            fields.append("".join(rng.choice('abc ,"') for _ in range(rng.randint(0, 5))))
        if rng.random() < 0.2:
            result.append(("join_fields", (fields,)))
            continue
        cells = []
        for field in fields:
            if rng.random() < 0.3 or "," in field or '"' in field:
                field = '"' + field.replace('"', '""') + '"'
            cells.append(field)
        result.append(("split_fields", (",".join(cells),)))
    return result
