"""Reading and writing single files for the host, where the repository may have put anything."""

import errno
import os
import stat

from sandbox.inside.runner.wire import CHUNK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def open_regular(path: bytes, flags: int) -> int:
    """Open a regular file; a device or a pipe that the repository put there must not block or feed the runner."""
    fd = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY, 0o644)
    mode = os.fstat(fd).st_mode
    if stat.S_ISREG(mode):
        return fd
    os.close(fd)
    raise OSError(errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL, "not a regular file")


def read(path: bytes, limit: int) -> "Iterator[bytes]":
    """Chunks of at most `limit` bytes of a file; raises OSError."""
    with os.fdopen(open_regular(path, os.O_RDONLY), "rb", buffering=0) as file:
        while limit > 0:
            data = file.read(min(limit, CHUNK))
            if not data:
                return
            limit -= len(data)
            yield data


class Writer:
    """A file whose data arrives in pieces; the first thing that goes wrong is kept as `error` (an errno)."""

    def __init__(self, path: bytes) -> None:
        self.error, self.fd = 0, -1
        try:
            os.makedirs(os.path.dirname(path) or b".", exist_ok=True)
            self.fd = open_regular(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        except OSError as error:
            self.error = error.errno or errno.EIO

    def add(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view and not self.error:
                view = view[os.write(self.fd, view) :]
        except OSError as error:
            self.error = error.errno or errno.EIO

    def close(self) -> int:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
        return self.error
