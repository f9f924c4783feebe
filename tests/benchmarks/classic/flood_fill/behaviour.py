import random


def _picture(rng):
    height, width = rng.randint(1, 6), rng.randint(1, 6)
    return ["".join(rng.choice("..#o") for _ in range(width)) for _ in range(height)]


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    result = []
    for _ in range(100):
        rows = _picture(rng)
        row, column = rng.randrange(len(rows)), rng.randrange(len(rows[0]))
        canvas = [list(line) for line in rows]
        result.append(("fill", (canvas, row, column, rng.choice(".#ox"))))
        rows = _picture(rng)
        clicks = [
            (rng.randrange(len(rows)), rng.randrange(len(rows[0])), rng.choice(".#ox"))
            for _ in range(rng.randint(0, 3))
        ]
        result.append(("bucket", (rows, clicks)))
    return result
