"""How fast an incident is played on this machine."""

from __future__ import annotations

import time

SPIN_S = 0.1  # of CPU time
ENOUGH = 0.5  # of a processor
SLOWEST = 4.0


def pace() -> float:
    """How many times as long as elsewhere everything has to take, 1 to SLOWEST, so that services get as much done
    between two events as on a machine with nothing else to do. By the share of a processor that this process gets now.
    """
    began, spent = time.monotonic(), time.thread_time()
    while time.thread_time() - spent < SPIN_S:
        pass
    share = SPIN_S / (time.monotonic() - began)
    return min(SLOWEST, max(1.0, ENOUGH / share))
