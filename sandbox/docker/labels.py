"""Labels and names of everything made on an engine: whose it is, of which run, and since when.

A container ends by itself when the process that attached to it dies, and takes its volumes with it; what stays all the
same is told by these labels, so that the reaper removes what is ours and dead, and nothing else.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from pathlib import Path

from sandbox.owners import abandoned, owner

OWNER, RUN, EPOCH, HOST, NAME = (f"patchwright.{name}" for name in ("owner", "run", "epoch", "host", "name"))
FOREIGN_S = 3600.0  # how long something of another machine, which does not run, is left alone
_numbers = itertools.count()


def host() -> str:
    """What tells this boot of this machine from all others."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"


def labels(run: str, name: str) -> dict[str, str]:
    """Labels of something this process makes now. run: the run it is for, "" for none; name: of what it belongs to."""
    return {OWNER: owner(), RUN: run, EPOCH: str(int(time.time())), HOST: host(), NAME: name}


def fresh_name() -> str:
    """A name for a container of this process."""
    return f"{owner()}-{next(_numbers)}"


def dead(found: Mapping[str, str], *, running: bool) -> bool:
    """Whether what bears these labels belongs to a process that is gone.

    Of other machines and earlier boots nothing is known; theirs is left alone while it runs and for an hour after it
    was made.
    """
    name = found.get(OWNER, "")
    if not name.startswith("patchwright-"):
        return False
    if found.get(HOST) == host():
        return abandoned(name)
    made = found.get(EPOCH, "")
    return not running and made.isdigit() and time.time() - int(made) > FOREIGN_S
