"""Full justification of paragraphs."""


def break_lines(words, width):
    """Distribute words over lines of at most width characters, greedily.

    A word longer than the width gets a line of its own.
    """
    lines = []
    length = 0
    for word in words:
        if lines and length + 1 + len(word) <= width:
            lines[-1].append(word)
            length += 1 + len(word)
        else:
            lines.append([word])
            length = len(word)
    return lines


def stretch(words, width):
    """Return one line of exactly width characters, if the words fit.

    Spaces are spread evenly, with odd ones on the left; a single word is
    padded on the right.
    """
    gaps = len(words) - 1
    if gaps == 0:
        return words[0].ljust(width)
    spaces = width - sum(len(word) for word in words)
    base, odd = divmod(spaces, gaps)
    parts = []
    for index, word in enumerate(words[:-1]):
        parts.append(word + " " * (base + (1 if index < odd else 0)))
    parts.append(words[-1])
    return "".join(parts)


def justify(text, width):
    """Return the justified lines of a paragraph; the last one stays ragged.

    Raise ValueError if the width is less than one.
    """
    if width < 1:
        raise ValueError("width must be positive")
    lines = break_lines(text.split(), width)
    if not lines:
        return []
    return [stretch(words, width) for words in lines[:-1]] + [" ".join(lines[-1])]
