"""Texts of a base tree, read so that no link leads out of it."""

from __future__ import annotations

from pathlib import Path

from tools.texts import Text, decode

MAX_BYTES = 2_000_000


def read_text(base: Path, file: str) -> Text | None:
    """The text of a regular file of the tree by its declared encoding; None when there is none or it is no text."""
    path = base / file
    try:
        if not path.resolve().is_relative_to(base.resolve()) or not path.is_file() or path.stat().st_size > MAX_BYTES:
            return None
        return decode(path.read_bytes())
    except (OSError, ValueError):
        return None
