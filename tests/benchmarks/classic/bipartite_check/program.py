"""Seat quarrelling guests at two tables so that no two enemies share one."""

from collections import deque


def build_enemies(guests, quarrels):
    """Return {guest: set of enemies}; raise KeyError for an unknown guest."""
    enemies = {guest: set() for guest in guests}
    for first, second in quarrels:
        enemies[first].add(second)
        enemies[second].add(first)
    return enemies


def assign_tables(guests, quarrels):
    """Return {guest: 0 or 1} or None if two tables are not enough.

    The first guest of every group of connected enemies sits at table 0.
    Raise KeyError if a quarrel names an unknown guest.
    """
    enemies = build_enemies(guests, quarrels)
    tables = {}
    for guest in guests:
        if guest in tables:
            continue
        tables[guest] = 0
        queue = deque([guest])
        while queue:
            current = queue.popleft()
            for enemy in sorted(enemies[current]):
                if enemy not in tables:
                    tables[enemy] = 1 - tables[current]
                    queue.append(enemy)
                elif tables[enemy] == tables[current]:
                    return None
        return tables


def seating(guests, quarrels):
    """Return the two sorted table lists, or None if there is no seating."""
    tables = assign_tables(guests, quarrels)
    if tables is None:
        return None
    return [sorted(guest for guest in tables if tables[guest] == side) for side in (0, 1)]
