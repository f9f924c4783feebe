import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    result = []
    for number in range(200):
        roads = []
        for _ in range(rng.randint(0, 10)):
            first, second = rng.sample("ABCDEFG", 2)
            roads.append((first, second, rng.randint(1, 9)))
        if number % 5 == 0:
            result.append(("build_map", (roads,)))
        else:
            start, goal = rng.choice("ABCDEFG"), rng.choice("ABCDEFG")
            result.append(("shortest_route", (roads, start, goal)))
    return result
