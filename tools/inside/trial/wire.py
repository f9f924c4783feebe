"""JSON lines with the host, on descriptors that the code under test does not meet as 0, 1 or 2."""

import fcntl
import json
import os
import tempfile
from typing import Any, Dict, Optional, Sequence, Tuple

Message = Dict[str, Any]
FIRST_DESCRIPTOR = 200
MAX_LINE = 64 << 20


def out_of_reach(descriptor: int) -> int:
    """A close-on-exec duplicate of `descriptor` at a high number (at any number where few are allowed)."""
    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, FIRST_DESCRIPTOR)
    except OSError:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)


class Channel:
    """The host's end of the conversation. Making one points 0, 1 and 2 at nothing, 1 and 2 at a file until `mute`."""

    def __init__(self) -> None:
        self._source = out_of_reach(0)
        self._sink = out_of_reach(1)
        self._pending = b""
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 lives as long as the server
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(self._said.fileno(), 1)
        os.dup2(self._said.fileno(), 2)
        os.close(null)

    @property
    def descriptors(self) -> Tuple[int, int]:
        """What no child may have."""
        return self._source, self._sink

    def mute(self) -> str:
        """Point 1 and 2 at nothing; returns the last 4 kB that were written to them."""
        size = os.fstat(self._said.fileno()).st_size
        self._said.seek(max(0, size - 4096))
        text = self._said.read(4096).decode("utf-8", "replace")
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 1)
        os.dup2(null, 2)
        os.close(null)
        return text

    def read(self) -> Optional[Message]:
        """The next message; None when the host has gone."""
        while b"\n" not in self._pending:
            piece = os.read(self._source, 1 << 16)
            if not piece or len(self._pending) > MAX_LINE:
                return None
            self._pending += piece
        line, _, self._pending = self._pending.partition(b"\n")
        message = json.loads(line.decode("utf-8"))
        return message if isinstance(message, dict) else None

    def write(self, message: Message) -> None:
        """Send one message."""
        write_lines(self._sink, (message,))


def write_lines(descriptor: int, messages: Sequence[Message]) -> None:
    """Write messages, a line each, all of them."""
    data = b"".join(json.dumps(message, separators=(",", ":")).encode("utf-8") + b"\n" for message in messages)
    while data:
        data = data[os.write(descriptor, data) :]
