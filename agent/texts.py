"""Texts of a base tree, read so that no link leads out of it."""

from __future__ import annotations

from pathlib import Path

MAX_BYTES = 2_000_000


def read_text(base: Path, file: str) -> str | None:
    """The text of a regular file of the tree, newlines as they are; None when there is none or it is no text."""
    path = base / file
    try:
        if not path.resolve().is_relative_to(base.resolve()) or not path.is_file() or path.stat().st_size > MAX_BYTES:
            return None
        return path.read_bytes().decode("utf-8")
    except (OSError, ValueError):
        return None
