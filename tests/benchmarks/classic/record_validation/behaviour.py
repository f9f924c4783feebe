import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    """Return calls validating generated records."""
    values: list[object] = ["12", "1.5", "no", "On", " x ", "", 0, 3, 2.5, None, [1], True]
    result: list[tuple[str, tuple[object, ...]]] = []
    for _ in range(200):
        record: dict[str, object] = {}
        if rng.random() < 0.9:
            record["name"] = rng.choice(["Ann", " Bo ", "", "Cy", None])
        if rng.random() < 0.9:
            record["age"] = rng.choice(["5", 7, "40", rng.choice(values)])
        for name in ("height", "newsletter", "other"):
            if rng.random() < 0.4:
                record[name] = rng.choice(values)
        result.append(("validate", (record,)))
    return result
