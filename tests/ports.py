"""Ports for servers that other processes start. The kernel's own choice (port 0) may be an outgoing connection's by the
time the server listens; these are outside of the range from which such connections get theirs, and no other test has
them meanwhile.
"""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack
from pathlib import Path

FIRST, END = 10_000, 65_536
_TAKEN: list[ExitStack] = []


def free_ports(count: int = 1) -> int:
    """The first of `count` ports in a row on which nobody listens; they are this process's until it ends."""
    low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    choices = [port for port in range(FIRST, END - count) if port + count <= low or port > high]
    assert choices, f"no ports are outside of the range for outgoing connections, {low} to {high}"
    while True:
        first = random.choice(choices)  # noqa: S311
        if _taken(range(first, first + count)):
            return first


def _taken(ports: range) -> bool:
    """Take them: the same ports of UDP are kept as a mark that all processes see."""
    with ExitStack() as tried, ExitStack() as marks:
        try:
            for port in ports:
                tried.enter_context(socket.create_server(("127.0.0.1", port)))
                mark = marks.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                mark.bind(("127.0.0.1", port))
        except OSError:
            return False
        _TAKEN.append(marks.pop_all())
    return True
