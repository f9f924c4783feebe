"""Wrap text into lines of limited width."""


def wrap(text: str, width: int) -> list[str]:
    """Break a paragraph between words into lines of at most ``width`` characters.

    A word longer than the width stands alone on its line.
    """
    if width < 1:
        raise ValueError("width must be positive")
    lines = []
    line = ""
    for word in text.split():
        if not line:
            line = word
        elif len(line) + 1 + len(word) <= width:
            line += " " + word
        else:
            lines.append(line)
            line = word
    if line:
        lines.append(line)
    return lines


def centre(lines: list[str], width: int) -> list[str]:
    """Return the lines centred, without spaces behind them."""
    return [line.center(width).rstrip() for line in lines]


def quote(text: str, width: int, mark: str = "> ") -> str:
    """Wrap paragraphs separated by empty lines, each line after a mark.

    The width includes the mark; paragraphs are separated by a line with the
    mark alone.
    """
    paragraphs = [part for part in text.split("\n\n") if part.strip()]
    blocks = []
    for paragraph in paragraphs:
        lines = wrap(paragraph, width - len(mark))
        blocks.append("\n".join(mark + line for line in lines))
    return f"\n{mark.rstrip()}\n".join(blocks)
