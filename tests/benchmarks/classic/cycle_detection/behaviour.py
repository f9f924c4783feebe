import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    result = []
    for number in range(200):
        modules = list("abcdef")
        rng.shuffle(modules)
        imports = {}
        for index, module in enumerate(modules):
            if number % 2:
                choices = modules[index + 1:]
            else:
                choices = modules
            count = min(len(choices), rng.randint(0, 2))
            imports[module] = rng.sample(choices, count)
        result.append((rng.choice(["find_cycle", "explain"]), (imports,)))
    return result
