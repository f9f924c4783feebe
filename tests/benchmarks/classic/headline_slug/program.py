"""Turn headlines into URL slugs."""

import unicodedata


def fold(text):
    """Return the text in lower case and without accents."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(c for c in decomposed if not unicodedata.combining(c)).lower()


def slugify(headline):
    """Return the words of a headline joined by hyphens."""
    marks = [c if c.isascii() and c.isalnum() else " " for c in fold(headline) if c != "'"]
    return "-".join("".join(marks).split())


def shorten(slug, limit):
    """Return at most limit characters of a slug, ending with a whole word.

    A first word that is too long is cut. Raise ValueError if limit is less
    than one.
    """
    if limit < 1:
        raise ValueError("limit must be positive")
    if len(slug) <= limit:
        return slug
    end = slug.rfind("-", 0, limit)
    if end == -1:
        return slug[:limit]
    return slug[:end]


def unique_slugs(headlines, limit=40):
    """Return distinct slugs; repeated ones are numbered from 2, empty ones are ``untitled``."""
    taken = set()
    slugs = []
    for headline in headlines:
        base = shorten(slugify(headline), limit) or "untitled"
        candidate = base
        number = 2
        while candidate in taken:
            candidate = f"{base}-{number}"
            number += 1
        taken.add(candidate)
        slugs.append(candidate)
    return slugs
