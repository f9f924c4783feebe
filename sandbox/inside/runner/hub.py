"""Descriptors and frames: one epoll, and the way to the host with what waits to be sent and what has come in part.

The way is one socket, or a pair of pipes where an engine attaches to a container's stdin and stdout.
"""

import os
import select

from sandbox.inside.runner.wire import HEADER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONGESTED = 4 << 20  # bytes waiting for the host above which live output is left in its pipe


class HostGone(Exception):
    """The other end is closed."""


class Hub:
    """The runner's view of the world outside it."""

    def __init__(self, sock: int, out: int = -1) -> None:
        self.sock = sock
        self.out = sock if out < 0 else out
        self.held = False  # whether frames wait for room in `out`
        self.epoll = select.epoll()
        self.handlers: dict[int, Callable[[], object]] = {}
        self.incoming, self.outgoing = bytearray(), bytearray()
        for fd in (self.sock, self.out):
            os.set_blocking(fd, False)
        self.epoll.register(sock, select.EPOLLIN)

    @property
    def congested(self) -> bool:
        return len(self.outgoing) > CONGESTED

    def wait(self, seconds: float) -> bool:
        """Wait for something to happen and call its handlers; True when the host has sent something."""
        spoken = False
        for fd, events in self.epoll.poll(seconds):
            if fd == self.sock:
                spoken = events != select.EPOLLOUT
            elif fd in self.handlers:
                self.handlers[fd]()
        return spoken

    def listen(self, fd: int, handler: "Callable[[], object]", *, for_writing: bool = False) -> None:
        self.handlers[fd] = handler
        self.epoll.register(fd, select.EPOLLOUT if for_writing else select.EPOLLIN)

    def listens(self, fd: int) -> bool:
        return fd in self.handlers

    def ignore(self, fd: int) -> None:
        if self.handlers.pop(fd, None) is not None:
            self.epoll.unregister(fd)

    def drop(self, fd: int) -> None:
        """Close a descriptor, if it is one."""
        if fd >= 0:
            self.ignore(fd)
            os.close(fd)

    def send(self, kind: int, number: int, payload: bytes = b"") -> None:
        """Queue a frame for `flush`."""
        self.outgoing += HEADER.pack(len(payload), kind, number)
        self.outgoing += payload

    def flush(self) -> None:
        """Send what the socket takes; raises HostGone."""
        while self.outgoing:
            try:
                sent = os.write(self.out, memoryview(self.outgoing)[: 1 << 20])
            except BlockingIOError:
                break
            except OSError as error:
                raise HostGone from error
            del self.outgoing[:sent]
        if self.held != bool(self.outgoing):
            self.held = bool(self.outgoing)
            self.await_room()

    def await_room(self) -> None:
        if self.out == self.sock:
            self.epoll.modify(self.sock, select.EPOLLIN | (select.EPOLLOUT if self.held else 0))
        elif self.held:
            self.epoll.register(self.out, select.EPOLLOUT)
        else:
            self.epoll.unregister(self.out)

    def receive(self) -> "Iterator[tuple[int, int, bytes]]":
        """The frames (kind, id, payload) that have arrived; raises HostGone."""
        try:
            data = os.read(self.sock, 1 << 18)
        except BlockingIOError:
            return
        except OSError as error:
            raise HostGone from error
        if not data:
            raise HostGone
        self.incoming += data
        while len(self.incoming) >= HEADER.size:
            length, kind, number = HEADER.unpack_from(self.incoming)
            end = HEADER.size + length
            if len(self.incoming) < end:
                return
            payload = bytes(self.incoming[HEADER.size : end])
            del self.incoming[:end]
            yield kind, number, payload
