"""One socket to a resident runner: frames out, frames in to whoever waits for their id, and the news of its death."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Callable

from sandbox import frames
from sandbox.frames import HEADER, MAX_PAYLOAD, Garbage, Kind
from sandbox.protocol import SandboxGone

OnFrame = Callable[[Kind, bytes], None]


class Channel(asyncio.Protocol):
    """The host's end. `gone` completes with the reason when the runner can no longer be reached."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.gone: asyncio.Future[str] = loop.create_future()
        self.ready: asyncio.Future[None] = loop.create_future()
        self._receivers: dict[int, tuple[OnFrame, Callable[[SandboxGone], None]]] = {}
        self._numbers = itertools.count(1)
        self._incoming = bytearray()
        self._transport: asyncio.Transport | None = None
        self._room = asyncio.Event()
        self._room.set()
        self.last_words: Callable[[], str] = str
        """What the runner's side said on its end, for the message about its death."""

    @classmethod
    async def over(cls, sock: socket.socket) -> Channel:
        """A channel over a connected stream socket, which it owns from now on."""
        _, channel = await asyncio.get_running_loop().create_connection(cls, sock=sock)
        return channel

    def number(self) -> int:
        """A fresh id."""
        return next(self._numbers)

    def register(self, number: int, on_frame: OnFrame, on_gone: Callable[[SandboxGone], None]) -> None:
        """Deliver frames of this id until `forget`."""
        self.check()
        self._receivers[number] = (on_frame, on_gone)

    def forget(self, number: int) -> None:
        """Deliver no more frames of this id; what still comes is dropped."""
        self._receivers.pop(number, None)

    def check(self) -> None:
        """Raise SandboxGone when the runner cannot be reached."""
        if self.gone.done():
            raise SandboxGone(self.gone.result())

    def send(self, kind: Kind, number: int, payload: bytes = b"") -> None:
        """Queue one frame; raises SandboxGone."""
        self.check()
        if self._transport is not None:
            self._transport.write(frames.frame(kind, number, payload))

    async def send_all(self, kind: Kind, number: int, data: bytes) -> None:
        """Send data of any size in frames of bounded size, waiting whenever the socket is full."""
        for at in range(0, len(data), MAX_PAYLOAD // 4):
            self.send(kind, number, data[at : at + MAX_PAYLOAD // 4])
            await self._room.wait()

    def close(self, reason: str) -> None:
        """Hang up: the runner ends itself and all it runs when it sees this."""
        self._lost(reason)
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell everybody."""
        why = ": ".join(filter(None, (str(exc or ""), self.last_words()[-300:])))
        self._lost(f"the sandbox died: {why}" if why else "the sandbox died")

    def pause_writing(self) -> None:
        """The socket is full."""
        self._room.clear()

    def resume_writing(self) -> None:
        """The socket has room again."""
        self._room.set()

    def data_received(self, data: bytes) -> None:
        """Cut the stream into frames."""
        self._incoming += data
        try:
            while len(self._incoming) >= HEADER.size and self._deliver():
                pass
        except (Garbage, ValueError) as error:
            self.close(f"the sandbox's runner sent garbage: {error}")

    def _deliver(self) -> bool:
        length, kind, number = HEADER.unpack_from(self._incoming)
        if length > MAX_PAYLOAD:
            raise Garbage(f"a frame of {length} bytes")
        end = HEADER.size + length
        if len(self._incoming) < end:
            return False
        payload = bytes(self._incoming[HEADER.size : end])
        del self._incoming[:end]
        self._route(Kind(kind), number, payload)
        return True

    def _route(self, kind: Kind, number: int, payload: bytes) -> None:
        if kind is Kind.READY:
            if not self.ready.done():
                self.ready.set_result(None)
        elif kind is Kind.FATAL:
            self.close(f"the sandbox gave up: {payload[:200].decode(errors='replace')}")
        elif number in self._receivers:
            self._receivers[number][0](kind, payload)

    def _lost(self, reason: str) -> None:
        if self.gone.done():
            return
        self.gone.set_result(reason)
        if not self.ready.done():
            self.ready.cancel()
        self._room.set()
        receivers, self._receivers = self._receivers, {}
        for _, on_gone in receivers.values():
            on_gone(SandboxGone(reason))
