"""Directories that no run needs any more: uploads of runs that have ended and of requests that never became one, and
what killed attempts at runs left where files are kept elsewhere.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection
from pathlib import Path

from sandbox.environment_cache import remove_tree

OF_SERVICE = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{32}")  # the command line's runs have shorter names
YOUNG_S = 3600.0  # what is younger may belong to a request that is not answered yet


def sweep(top: Path, needed: Collection[str], *, young_s: float = YOUNG_S, only: re.Pattern[str] | None = None) -> int:
    """Remove all directories of `top` but the needed ones and those made within `young_s` seconds; how many went.

    only: what names must look like. Raises OSError.
    """
    if not top.is_dir():
        return 0
    gone = 0
    for path in top.iterdir():
        if only and not only.fullmatch(path.name):
            continue
        if path.name not in needed and time.time() - path.lstat().st_mtime > young_s:
            remove_tree(path)
            gone += 1
    return gone
