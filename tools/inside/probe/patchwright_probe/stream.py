"""An append-only file of JSON lines that survives what tests do: closed descriptors, forks, patched modules, kills.

Everything it calls is bound when it is made, in instance attributes: tests patch modules, and libraries that freeze
the clock replace module attributes.
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
from typing import Any, Mapping


class Stream:
    """One file. Each `write` reaches the kernel at once, so that a killed run keeps what it had."""

    def __init__(self, path: str, limit: int) -> None:
        self.path = path
        self.left = limit
        self._encode = json.JSONEncoder(separators=(",", ":")).encode
        self._write, self._open, self._close, self._fstat = os.write, os.open, os.close, os.fstat
        self._getpid, self._fcntl, self._getrlimit = os.getpid, fcntl.fcntl, resource.getrlimit
        self._owner = os.getpid()
        self._descriptor = -1
        self._identity = (-1, -1)
        self._reopen()

    def write(self, event: Mapping[str, Any]) -> bool:
        """Append one event; False when it is not ours to write, there is no room, or the disk is full."""
        if self._getpid() != self._owner:
            return False
        data = self._encode(event).encode("ascii") + b"\n"
        if len(data) > self.left:
            return False
        self.left -= len(data)
        try:
            if not self._is_ours():
                self._reopen()
            while data:
                data = data[self._write(self._descriptor, data) :]
        except OSError:
            return False
        return True

    def _is_ours(self) -> bool:
        """Tests close descriptors that they do not own, and the number is given to the next file."""
        try:
            status = self._fstat(self._descriptor)
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == self._identity

    def _reopen(self) -> None:
        low = self._open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._descriptor = self._fcntl(low, fcntl.F_DUPFD_CLOEXEC, self._high())
        except (OSError, ValueError):
            self._descriptor = low
        else:
            self._close(low)
        status = self._fstat(self._descriptor)
        self._identity = (status.st_dev, status.st_ino)

    def _high(self) -> int:
        """A number that programs which count on small ones do not meet."""
        soft = self._getrlimit(resource.RLIMIT_NOFILE)[0]
        return max(10, min(soft if soft > 0 else 1000, 1000) - 20)
