"""Python sources as text and back as the very same bytes, by the encoding that each declares (PEP 263)."""

from __future__ import annotations

import io
import tokenize
from dataclasses import dataclass

_ASCII = bytes(range(128))


@dataclass(frozen=True, slots=True)
class Text:
    """A file's text, newlines and a byte order mark kept as characters, and the encoding that gives its bytes back."""

    text: str
    encoding: str = "utf-8"

    def holds(self, text: str) -> bool:
        """Whether the encoding has all the characters of `text`."""
        try:
            text.encode(self.encoding)
        except UnicodeError:
            return False
        return True

    def on_disk(self, text: str) -> str:
        """`text` as changes and diffs have it: its bytes in this encoding, read as UTF-8 with surrogate escapes.

        Raises UnicodeEncodeError for text that the encoding does not hold.
        """
        return text.encode(self.encoding).decode("utf-8", "surrogateescape")


def decode(data: bytes) -> Text | None:
    """The text of a Python source; None when it is not what it declares, or would not be written back as it was."""
    try:
        encoding = tokenize.detect_encoding(io.BytesIO(data).readline)[0]
        encoding = "utf-8" if encoding == "utf-8-sig" else encoding
        if not _extends_ascii(encoding):
            return None
        found = Text(data.decode(encoding), encoding)
        return found if found.text.encode(encoding) == data else None
    except (SyntaxError, ValueError, LookupError):
        return None


def _extends_ascii(encoding: str) -> bool:
    """Whether ASCII bytes mean themselves. Others (UTF-7, punycode) are no one's sources, and some are slow."""
    return _ASCII.decode(encoding) == _ASCII.decode("ascii")
