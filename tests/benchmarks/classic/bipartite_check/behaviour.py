import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    result = []
    for _ in range(200):
        guests = rng.sample("abcdefgh", rng.randint(0, 8))
        quarrels = []
        if len(guests) > 1:
            for _ in range(rng.randint(0, 6)):
                quarrels.append(tuple(rng.sample(guests, 2)))
        result.append((rng.choice(["assign_tables", "seating"]), (guests, quarrels)))
    return result
