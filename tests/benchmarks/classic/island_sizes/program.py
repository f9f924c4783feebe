"""Islands on a rectangular map of '#' (land) and '.' (water)."""

from collections import deque


def neighbours(grid, row, column):
    """Yield the cells above, below, left and right that lie on the map."""
    for down, right in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        next_row, next_column = row + down, column + right
        if 0 <= next_row < len(grid) and 0 <= next_column < len(grid):
            yield next_row, next_column


def explore(grid, row, column, seen):
    """Return the size of the island around a land cell, adding it to seen."""
    seen.add((row, column))
    queue = deque([(row, column)])
    size = 0
    while queue:
        current = queue.popleft()
        size += 1
        for cell in neighbours(grid, *current):
            if grid[cell[0]][cell[1]] == "#" and cell not in seen:
                seen.add(cell)
                queue.append(cell)
    return size


def island_sizes(grid):
    """Return the sizes of all islands, largest first."""
    seen = set()
    sizes = []
    for row, line in enumerate(grid):
        for column, mark in enumerate(line):
            if mark == "#" and (row, column) not in seen:
                sizes.append(explore(grid, row, column, seen))
    return sorted(sizes, reverse=True)


def largest_island(grid):
    """Return the size of the largest island, 0 if there is none."""
    return max(island_sizes(grid), default=0)
