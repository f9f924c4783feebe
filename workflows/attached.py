"""`patchwright` as a process that ends with the one that started it, also where that one is killed."""

from __future__ import annotations

import os
import sys

# The kernel asks it to end with its parent (1 is PR_SET_PDEATHSIG, 15 is SIGTERM; prctl(2)), which may have ended
# before.
_START = """\
import ctypes, os, sys
parent = int(sys.argv.pop(1))
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 15)
    if os.getppid() != parent:
        sys.exit(143)
from workflows.cli import main
main()
"""


def attached() -> tuple[str, ...]:
    """The start of its command line, for a child of this process.

    -P: a module of the working directory is never imported in the place of ours.
    """
    return sys.executable, "-P", "-c", _START, str(os.getpid())
