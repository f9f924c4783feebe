"""Cut long text into pieces that overlap, and put them together again."""


def chunks(text: str, size: int, overlap: int = 0) -> list[str]:
    """Return pieces of at most ``size`` characters.

    Each piece begins with the last ``overlap`` characters of the one before.
    The pieces end as soon as the whole text is covered; an empty text has none.
    """
    if size < 1 or not 0 <= overlap < size:
        raise ValueError("the overlap must be smaller than the size")
    pieces = []
    step = size - overlap
    for start in range(0, len(text), step):
        pieces.append(text[start : start + size])
        if start + step >= len(text):
            break
    return pieces


def join_chunks(pieces: list[str], overlap: int = 0) -> str:
    """Return the text the pieces were cut from."""
    if not pieces:
        return ""
    return pieces[0] + "".join(piece[overlap:] for piece in pieces[1:])


def locate(position: int, size: int, overlap: int = 0) -> tuple[int, int]:
    """Return the first piece with a character of the text and its place in there."""
    if position < 0:
        raise IndexError(position)
    if position < size:
        return 0, position
    step = size - overlap
    piece = (position - size) // step + 1
    return piece, position - piece * step


def numbered(text: str, size: int, overlap: int = 0) -> list[str]:
    """Return the pieces with their number and their count in front."""
    pieces = chunks(text, size, overlap)
    return [f"{number}/{len(pieces)} {piece}" for number, piece in enumerate(pieces, 1)]
