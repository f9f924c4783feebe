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
    """Whether somebody else is above a process, or above the sandbox that it is in; orphans count as ours, and so does
    what an engine started.
    """
    above = list(_above(pid))
    parts = [_part(one) for one in above]
    if os.getpid() in above or "engine" in parts:
        return False
    outermost = max((at for at, part in enumerate(parts) if part == "sandbox"), default=-1)
    return len(above) > outermost + 1


def _above(pid: int) -> Iterator[int]:
    """The processes that a process came from, the nearest first, without the machine's first one."""
    while (pid := _parent(pid)) > 1:
        yield pid


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _part(pid: int) -> str:
    """What a process is: sandbox, engine, or "" for anything else."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return ""
    if b"bwrap" in words[0] or any(word.startswith(b"sock=") for word in words):
        return "sandbox"
    return "engine" if any(name in words[0] for name in _ENGINE) else ""
