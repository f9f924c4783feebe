"""A channel over a container's attached stdin and stdout: the engine's framing taken off, stderr kept."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from typing import Any

from sandbox.channel import Channel

_HEADER = 8  # which stream, three zeros, length in four bytes
_STDOUT, _STDERR = 1, 2
_COMPLAINT = 4000
_PUMP = 1 << 16


class AttachedChannel(Channel):
    """Both outputs of the container arrive in one stream, each piece behind a header of eight bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.complaint = bytearray()
        self._stream = 0
        self._left = 0
        self._raw = bytearray()
        self._ended = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        """Take off the engine's framing."""
        self._raw += data
        while True:
            if self._left == 0:
                if len(self._raw) < _HEADER:
                    return
                self._stream, self._left = self._raw[0], int.from_bytes(self._raw[4:_HEADER], "big")
                del self._raw[:_HEADER]
                continue
            if not self._raw:
                return
            piece = bytes(self._raw[: self._left])
            del self._raw[: len(piece)]
            self._left -= len(piece)
            if self._stream == _STDOUT:
                super().data_received(piece)
            elif self._stream == _STDERR and len(self.complaint) < _COMPLAINT:
                self.complaint += piece[:_COMPLAINT]

    def connection_lost(self, exc: Exception | None) -> None:
        """The container has ended, or the engine."""
        super().connection_lost(exc)
        self._ended.set()

    def close(self, reason: str) -> None:
        """Close the container's stdin, at which the runner ends itself and all it runs."""
        self._lost(reason)
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write_eof()

    async def hang_up(self, seconds: float) -> None:
        """Close, and wait until the container has ended; after so many seconds leave it to whoever removes it."""
        self.close("the sandbox is closed")
        if self._transport is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), seconds)
            self._transport.abort()

    def boot(self, data: bytes) -> None:
        """Send what comes before the first frame."""
        self.check()
        if self._transport is not None:
            self._transport.write(data)


def plain(attached: Any) -> socket.socket:
    """A plain socket of our own for what the SDK calls the socket of an attached container.

    A unix or TCP connection is duplicated; TLS and ssh ones are pumped by two threads, which end with the connection.
    """
    inner = getattr(attached, "_sock", attached)
    if type(inner) is socket.socket:
        ours = socket.socket(fileno=os.dup(inner.fileno()))
        ours.setblocking(False)
        hang_up(attached)
        return ours
    ours, theirs = socket.socketpair()
    theirs.settimeout(None)
    inner.settimeout(None)
    # The response closes the connection when nobody holds it; in a circle with its socket it would hold the pool too.
    response, inner._response = getattr(inner, "_response", None), None  # noqa: SLF001
    threading.Thread(target=_bridge, args=(inner, theirs, response), daemon=True).start()
    ours.setblocking(False)
    return ours


def hang_up(attached: Any) -> None:
    """Close the SDK's own end."""
    getattr(attached, "_response", attached).close()


def _bridge(remote: Any, local: socket.socket, response: Any) -> None:
    """Copy both ways until either side ends, then close both."""
    back = threading.Thread(target=_pump, args=(remote, local), daemon=True)
    back.start()
    _pump(local, remote)
    back.join()
    local.close()
    (response or remote).close()


def _pump(source: Any, target: Any) -> None:
    """Copy bytes until either side ends, then end both."""
    try:
        while data := source.recv(_PUMP):
            target.sendall(data)
    except (OSError, EOFError):
        data = b""
    finally:
        for side in (source, target):
            _shut(side)


def _shut(side: Any) -> None:
    try:
        side.shutdown(socket.SHUT_RDWR)
    except (OSError, EOFError):
        return


async def channel_over(attached: Any) -> AttachedChannel:
    """The channel over an attached container."""
    _, channel = await asyncio.get_running_loop().create_connection(AttachedChannel, sock=plain(attached))
    return channel
