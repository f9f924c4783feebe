"""Small trees of files for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def grow(top: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write `files` (relative path: content) below `top`, which is made when it is missing; returns `top`."""
    top.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return top
