"""The paint bucket of a tiny picture editor; pictures are lists of strings."""


def parse(rows):
    """Turn a list of strings into a mutable canvas."""
    return [list(row) for row in rows]


def render(canvas):
    """Turn a canvas back into a list of strings."""
    return ["".join(row) for row in canvas]


def _spread(canvas, row, column, old, new):
    if not 0 <= row < len(canvas) or not 0 <= column < len(canvas[row]):
        return 0
    if canvas[row][column] != old:
        return 0
    canvas[row][column] = new
    painted = 1
    for down, right in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        painted += _spread(canvas, row + down, column + right, old, new)
    return painted


def fill(canvas, row, column, colour):
    """Repaint the area around a cell in place; return how many cells changed."""
    old = canvas[row][column]
    return _spread(canvas, row, column, old, colour)


def bucket(rows, clicks):
    """Apply (row, column, colour) clicks to a picture and return the new one."""
    canvas = parse(rows)
    for row, column, colour in clicks:
        fill(canvas, row, column, colour)
    return render(canvas)
