import random


def _text(rng):
    width = rng.randint(1, 6)
    rows = rng.randint(1, 6)
    return "\n".join("".join(rng.choice("#.") for _ in range(width)) for _ in range(rows))


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    result = []
    for _ in range(140):
        result.append(("evolve", (_text(rng), rng.randint(0, 3))))
    for _ in range(60):
        board = [[mark == "#" for mark in line] for line in _text(rng).split("\n")]
        row = rng.randrange(len(board))
        column = rng.randrange(len(board[0]))
        result.append(("living_neighbours", (board, row, column)))
    return result
