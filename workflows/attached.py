"""`patchwright` as a process that ends with the one that started it, also where that one is killed."""

from __future__ import annotations

import sys

# The kernel asks it to end with its parent (1 is PR_SET_PDEATHSIG, 15 is SIGTERM; prctl(2)). -P: a module of the
# working directory is never imported in the place of ours.
_START = """\
import ctypes, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 15)
from workflows.cli import main
main()
"""
ATTACHED = (sys.executable, "-P", "-c", _START)
