import random

PIECES = ["a", "b", "Ann", "+", "%20", "%2B", "%26", "%3d", "%", "%4", "1", "%zz"]


def _word(rng):
    return "".join(rng.choice(PIECES) for _ in range(rng.randint(0, 4)))


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    result = []
    for _ in range(80):
        pairs = [f"{_word(rng)}={_word(rng)}" for _ in range(rng.randint(0, 3))]
        result.append(("parse_query", ("&".join(pairs),)))
    for _ in range(40):
        result.append(("decode", (_word(rng),)))
        result.append(("encode", ("".join(rng.choice("ab +&=%/") for _ in range(6)),)))
        fields = {_word(rng): [_word(rng) for _ in range(rng.randint(1, 2))]}
        result.append(("build_query", (fields,)))
    return result
