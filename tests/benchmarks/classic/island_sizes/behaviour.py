import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    result = []
    for number in range(200):
        height, width = rng.randint(1, 6), rng.randint(1, 6)
        grid = ["".join(rng.choice("#.") for _ in range(width)) for _ in range(height)]
        function = "largest_island" if number % 4 == 0 else "island_sizes"
        result.append((function, (grid,)))
    return result
