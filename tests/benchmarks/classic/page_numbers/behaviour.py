import random


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    """Return calls about generated pages."""
    result: list[tuple[str, tuple[object, ...]]] = []
    for _ in range(200):
        name = rng.choice(["page_count", "page_items", "page_links", "page_links", "navigation"])
        if name == "page_count":
            result.append((name, (rng.randint(0, 60), rng.randint(1, 12))))
        elif name == "page_items":
            items = list(range(rng.randint(1, 30)))
            per_page = rng.randint(1, 8)
            last = (len(items) + per_page - 1) // per_page
            result.append((name, (items, rng.randint(1, last), per_page)))
        else:
            total = rng.randint(1, 15)
            result.append((name, (rng.randint(1, total), total, rng.randint(1, 7))))
    return result
