"""Archives that tests and benchmarks trust, unpacked by tar: tarfile's filters are not in every Python 3.11."""

from __future__ import annotations

import subprocess
from pathlib import Path


def extract(archive: Path | bytes, into: Path) -> None:
    """Unpack a tar, compressed or not (only as a file), into a directory, which is made."""
    into.mkdir(parents=True, exist_ok=True)
    name, data = ("-", archive) if isinstance(archive, bytes) else (str(archive), None)
    subprocess.run(["tar", "--no-same-owner", "-xf", name, "-C", str(into)], input=data, check=True)
