"""Shortest routes over two-way roads with positive lengths."""

import heapq


def build_map(roads):
    """Return {town: [(neighbour, length), ...]} for (town, town, length) roads."""
    towns = {}
    for first, second, length in roads:
        if length <= 0:
            raise ValueError("road lengths must be positive")
        towns.setdefault(first, []).append((second, length))
        towns.setdefault(second, []).append((second, length))
    return towns


def shortest_route(roads, start, goal):
    """Return (length, towns on the way) or None if there is no route.

    Raise ValueError for a road whose length is not positive.
    """
    towns = build_map(roads)
    best = {start: 0}
    previous = {}
    queue = [(0, start)]
    while queue:
        distance, town = heapq.heappop(queue)
        if town == goal:
            return distance, _trace(previous, goal)
        if distance > best[town]:
            continue
        for neighbour, length in towns.get(town, []):
            candidate = distance + length
            if neighbour not in best or candidate < best[neighbour]:
                best[neighbour] = candidate
                previous[neighbour] = town
                heapq.heappush(queue, (candidate, neighbour))
    return None


def _trace(previous, goal):
    route = [goal]
    while route[-1] in previous:
        route.append(previous[route[-1]])
    route.reverse()
    return route
