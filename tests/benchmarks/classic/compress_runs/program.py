"""Run-length encoding of texts without digits, such as ``a3b`` for ``aaab``."""


def runs(text):
    """Return the (character, length) runs of a text."""
    result = []
    for character in text:
        if result and result[-1][0] == character:
            result[-1] = (character, result[-1][1] + 1)
        else:
            result.append((character, 1))
    return result


def compress(text):
    """Return the encoded text; raise ValueError if it contains digits."""
    if any(character in "0123456789" for character in text):
        raise ValueError("digits cannot be encoded")
    return "".join(
        character if length == 1 else f"{character}{length}"
        for character, length in runs(text)
    )


def expand(code):
    """Return the decoded text; raise ValueError for a count without character."""
    parts = []
    current = ""
    count = 0
    for character in code:
        if character in "0123456789":
            if not current:
                raise ValueError("count without character")
            count = int(character)
        else:
            parts.append(current * (count or 1))
            current = character
            count = 0
    parts.append(current * (count or 1))
    return "".join(parts)


def saving(text):
    """Return how many characters the encoding saves; raise ValueError for digits."""
    return len(text) - len(compress(text))
