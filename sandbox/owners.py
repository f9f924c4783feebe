"""Names for what a process leaves behind if it is killed: control groups and temporary directories.

Every such name starts with patchwright-NAMESPACE-PID-START: the pid namespace, pid and start time (clock ticks since
boot) of the process that made it, so that any later run can tell whether the owner still lives, even when the pid has
been used again, and leaves alone what belongs to another container.
"""

from __future__ import annotations

import functools
import os
import re
from pathlib import Path

_OWNED = re.compile(r"patchwright-(\d+)-(\d+)-(\d+)(?:-|$)")


def _started(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None when there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in ("Z", "X") else int(fields[19])


def _namespace() -> int:
    try:
        return Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return 0


def owner() -> str:
    """The name prefix of this process."""
    return _owner(os.getpid())


@functools.lru_cache(maxsize=4)
def _owner(pid: int) -> str:
    return f"patchwright-{_namespace()}-{pid}-{_started(pid) or 0}"


def abandoned(name: str) -> bool:
    """Whether a name was made by a process of this machine's view that is dead now."""
    match = _OWNED.match(name)
    return match is not None and int(match[1]) == _namespace() and _started(int(match[2])) != int(match[3])
