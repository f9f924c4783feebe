"""What on this machine is of others, who diagnose something beside the tests: a checkout of one's own, another user's.

Only what certainly is theirs is left out: something whose owner lives and was not started by this process.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from sandbox.owners import abandoned

_OWNER = re.compile(r"patchwright-\d+-(\d+)-\d+")
_ENGINE = (b"containerd", b"dockerd")  # whose children's owner is found by the labels of their containers


def named_by_others(name: str) -> bool:
    """Whether a name or label (see sandbox.owners) is of a living process that has not come from this one."""
    found = _OWNER.match(name)
    return found is not None and not abandoned(name) and os.getpid() not in {int(found[1]), *_above(int(found[1]))}


def started_by_others(pid: int) -> bool:
    """Whether a process of a sandbox has somebody else above it; orphans count as ours."""
    above = list(_above(pid))
    return os.getpid() not in above and any(not _serves(one) for one in above)


def _above(pid: int) -> Iterator[int]:
    """The processes that a process came from, the nearest first, without the machine's first one."""
    while (pid := _parent(pid)) > 1:
        yield pid


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _serves(pid: int) -> bool:
    """Whether it is no diagnosis, but a part of a sandbox or of an engine; what is gone meanwhile is either."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return True
    sandbox = b"bwrap" in words[0] or any(word.startswith(b"sock=") for word in words)
    return sandbox or any(name in words[0] for name in _ENGINE)
