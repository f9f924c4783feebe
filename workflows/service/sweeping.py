"""Uploads that no run needs any more: of runs that have ended, and of requests that never became one."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path

from sandbox.environment_cache import remove_tree

YOUNG_S = 3600.0  # what is younger may belong to a request that is not answered yet


def sweep(uploads: Path, needed: Collection[str], *, young_s: float = YOUNG_S) -> int:
    """Remove all but the needed ones and those made within `young_s` seconds; how many went. Raises OSError."""
    if not uploads.is_dir():
        return 0
    gone = 0
    for path in uploads.iterdir():
        if path.name not in needed and time.time() - path.lstat().st_mtime > young_s:
            remove_tree(path)
            gone += 1
    return gone
