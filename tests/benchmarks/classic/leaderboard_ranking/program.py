"""Competition rankings: equal scores share a rank and the next rank is skipped."""


def standings(scores):
    """Return (rank, name, score) rows, best score first, equal scores by name."""
    ordered = sorted(scores.items(), key=lambda entry: (-entry[1], entry[0]))
    rows = []
    rank = 0
    previous = 0
    for position, (name, score) in enumerate(ordered, start=1):
        if score != previous:
            rank = position
            previous = score
        rows.append((rank, name, score))
    return rows


def rank_of(scores, name):
    """Return the rank of one player; raise KeyError if the name is unknown."""
    if name not in scores:
        raise KeyError(name)
    return next(rank for rank, other, _ in standings(scores) if other == name)


def podium(scores, places=3):
    """Return the names of everyone ranked within the given places."""
    return [name for rank, name, _ in standings(scores) if rank <= places]


def format_table(scores):
    """Return the standings as text lines such as ``1. ann 30``."""
    return [f"{rank}. {name} {score}" for rank, name, score in standings(scores)]
