import random


def _expression(rng, depth):
    kind = rng.random()
    if depth == 0 or kind < 0.2:
        return str(rng.randint(0, 30))
    if kind < 0.3:
        return "-" + _factor(rng, depth - 1)
    left, right = _factor(rng, depth - 1), _factor(rng, depth - 1)
    third = _factor(rng, depth - 1)
    return f"{left} {rng.choice('+-*')} {right}{rng.choice('+-*')}{third}"


def _factor(rng, depth):
    inner = _expression(rng, depth)
    return inner if inner.isdigit() else f"({inner})"


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    result = []
    for _ in range(160):
        result.append(("evaluate", (_expression(rng, rng.randint(0, 3)),)))
    for _ in range(40):
        result.append(("tokenize", (_expression(rng, 2),)))
    return result
