"""The HTTP protocol of `tastemaker serve`: uvicorn's, which closes connections that keep the server waiting.

uvicorn bounds only the time between two requests. Here a client has a bounded time to send its headers, to
send its next request and to read what it was sent. A request that is being answered is never cut short, so an
event stream may be silent for as long as it likes. Bodies are bounded by `web.middleware`.

Of uvicorn this uses what `uvicorn.Config(http=…)` takes, a class of asyncio protocols, and the attributes
`app` (the ASGI application), `connections` (the open protocols), `transport` and `loop` of `H11Protocol`. A
test compares them with the installed version.
"""

import asyncio
import resource
from typing import Any, Final

from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from tastemaker.core.clock import monotonic

HEADER_SECONDS: Final = 10.0
"""From the connection, or the first byte of a later request, to the end of its headers."""

IDLE_SECONDS: Final = 30
"""Between two requests of a connection."""

UNREAD_SECONDS: Final = 60.0
"""For a client that does not read what it was sent."""

MOST_CONNECTIONS: Final = 1000
SPARE_FILES: Final = 100
"""Descriptors that a process needs beside those of its clients."""

_TIMED_OUT: Final = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_FULL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 2\r\nconnection: close\r\n\r\n"
)


class BoundedProtocol(H11Protocol):
    """One connection. `waits_since`: when it began to wait for its client; None while it answers."""

    header_seconds: float = HEADER_SECONDS
    idle_seconds: float = IDLE_SECONDS
    unread_seconds: float = UNREAD_SECONDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(*args, **kwargs)
        self.waits_since: float | None = None
        self._most = most_connections()
        self._answering = 0
        self._is_in_headers = False
        self._timer: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._answer, self.app = self.app, self._count_request

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """The longest waiting connection makes room for a new one."""
        super().connection_made(transport)
        if len(self.connections) > self._most and not self._make_room():
            self._end(_FULL)
            return
        self._wait(self.header_seconds)

    def data_received(self, data: bytes) -> None:
        """Headers that come byte by byte gain no time."""
        if not self._answering and not self._is_in_headers:
            self._wait(self.header_seconds)
        self._is_in_headers = True
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._stop_unread_timer()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(self.unread_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        self._stop_unread_timer()
        super().resume_writing()

    async def _count_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._stop_waiting()
        self._answering += 1
        try:
            await self._answer(scope, self._waiting_for_body(receive), send)
        finally:
            self._answering -= 1
            if not self._answering and not self.transport.is_closing():
                self._wait(self.idle_seconds)

    def _waiting_for_body(self, receive: Receive) -> Receive:
        """A connection whose body is still to come may have to make room too."""
        began, is_complete = monotonic(), False

        async def receive_body() -> Message:
            nonlocal is_complete
            if is_complete:
                return await receive()
            self.waits_since = began
            try:
                message = await receive()
            finally:
                self.waits_since = None
            is_complete = not message.get("more_body", False)
            return message

        return receive_body

    def _wait(self, seconds: float) -> None:
        self._stop_waiting()
        self.waits_since = monotonic()
        self._timer = self.loop.call_later(seconds, self._time_out)

    def _stop_waiting(self) -> None:
        self.waits_since, self._is_in_headers = None, False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _stop_unread_timer(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _time_out(self) -> None:
        self._end(_TIMED_OUT if self._is_in_headers else b"")

    def _make_room(self) -> bool:
        waiting = [
            one
            for one in self.connections
            if isinstance(one, BoundedProtocol)
            and one is not self
            and one.waits_since is not None
            and not one.transport.is_closing()
        ]
        if not waiting:
            return False
        min(waiting, key=lambda one: one.waits_since or 0.0).transport.abort()
        return True

    def _end(self, answer: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(answer)
            self.transport.close()


def most_connections() -> int:
    """Fewer where the process may open few files."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if files < 0 else max(1, min(MOST_CONNECTIONS, files - SPARE_FILES))
