"""HTTP as it comes in, before there is a request to answer: its head has bounds of size and time, and what is no HTTP
gets a problem like every other error.

The parser keeps a header until its end, however long that is, and waits for it as long as the client likes. Neither
asks for a token, so both are bounded here.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from workflows.service.api.problems import answer


class Wire(HttpToolsProtocol):
    """One connection. head_bytes: of a request's line and headers, and one piece as it was read more; head_s: seconds
    from their beginning, or from the connection's, to their end.
    """

    head_bytes = 64 << 10
    head_s = 20.0

    _size = 0
    _waiting = True
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See the library."""
        super().connection_made(transport)
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """See the library."""
        self._end()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See the library."""
        if self.transport.is_closing():
            return
        self._size += len(data) if self._waiting else 0
        super().data_received(data)
        if self._waiting and self._size > self.head_bytes and not self.transport.is_closing():
            self._refuse(431, "head-too-large", f"the headers are larger than {self.head_bytes:,} bytes")

    def on_message_begin(self) -> None:
        """See the library."""
        super().on_message_begin()
        self._begin()

    def on_headers_complete(self) -> None:
        """See the library."""
        self._end()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """See the library."""
        del msg  # it says no more than this
        self._refuse(400, "not-http", "this is no HTTP/1.1 request that can be read")

    def _begin(self) -> None:
        self._waiting = True
        if self._timer is None:
            self._timer = self.loop.call_later(self.head_s, self._late)

    def _end(self) -> None:
        self._waiting, self._size = False, 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        if self._size:
            self._refuse(408, "too-slow", "the headers arrive too slowly")
        else:
            self.transport.close()  # it has asked nothing

    def _refuse(self, status: int, kind: str, detail: str) -> None:
        """Answer, unless that would go into the middle of another answer, and close."""
        if self.cycle is None or self.cycle.response_complete:
            told = answer(status, kind, detail, request="")
            lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode(), b"connection: close"]
            lines += [b"%s: %s" % header for header in told.raw_headers]
            self.transport.write(b"\r\n".join([*lines, b"", bytes(told.body)]))
        self.transport.close()
