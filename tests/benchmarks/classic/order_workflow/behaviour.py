import random

ACTIONS = ["pay", "cancel", "ship", "deliver", "return", "refund", "undo"]


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    """Return calls replaying generated action lists."""
    result: list[tuple[str, tuple[object, ...]]] = []
    for _ in range(200):
        actions = ["pay", "ship"][: rng.randint(0, 2)]
        actions += [rng.choice(ACTIONS) for _ in range(rng.randint(1, 10))]
        result.append(("replay", (actions,)))
    return result
