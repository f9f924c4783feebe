"""Conway's Game of Life on a bounded board of '#' (alive) and '.' (dead)."""


def parse(text):
    """Turn lines of '#' and '.' into a board of booleans."""
    return [[mark == "#" for mark in line] for line in text.split("\n")]


def render(board):
    """Turn a board back into text."""
    return "\n".join("".join("#" if cell else "." for cell in row) for row in board)


def living_neighbours(board, row, column):
    """Count the living cells among the up to eight neighbours."""
    count = 0
    for i in range(max(0, row - 1), min(len(board), row + 2)):
        for j in range(max(0, column - 1), min(len(board[i]), column + 2)):
            if (i, j) != (row, column) and board[i][j]:
                count += 1
    return count


def step(board):
    """Return the next generation as a new board."""
    following = board[:]
    for row, cells in enumerate(board):
        for column, alive in enumerate(cells):
            count = living_neighbours(board, row, column)
            following[row][column] = count == 3 or (alive and count == 2)
    return following


def evolve(text, generations):
    """Return the text of the board after some generations."""
    board = parse(text)
    for _ in range(generations):
        board = step(board)
    return render(board)
