"""Wrap paragraphs and list items to a given width."""


def wrap(text, width, indent=""):
    """Return lines of at most width characters, later ones indented.

    Words longer than a line are broken. Raise ValueError if the width leaves
    no room beside the indent.
    """
    if width <= len(indent):
        raise ValueError("width is too small")
    lines = []
    current = ""
    started = False
    for word in text.split():
        if started and len(current) + len(word) <= width:
            current += " " + word
            continue
        if started:
            lines.append(current)
            current = indent
        started = True
        while len(current) + len(word) > width:
            room = width - len(current)
            lines.append(current + word[:room])
            word = word[room:]
            current = indent
        current += word
    if started:
        lines.append(current)
    return lines


def wrap_item(marker, text, width):
    """Return a list item's lines, hanging below the text after its marker.

    Raise ValueError if the width is too small.
    """
    return wrap(f"{marker} {text}", width, " " * (len(marker) + 1))


def wrap_paragraphs(text, width):
    """Wrap paragraphs that are separated by blank lines.

    Raise ValueError if the width is less than one.
    """
    paragraphs = [block for block in text.split("\n\n") if block.strip()]
    return "\n\n".join("\n".join(wrap(block, width)) for block in paragraphs)
