"""Serves an ASGI application with uvicorn inside a running event loop, and shuts it down gracefully.

Clients that keep the server waiting are bounded by `web.bounded`, which plain `uvicorn` does not know.

On shutdown it accepts no more connections, lets running requests finish, and ends those that take longer.
Those are rolled back, and a client may repeat them with their Idempotency-Key.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from starlette.types import ASGIApp

from tastemaker.core.errors import InvalidInput
from tastemaker.core.http_server import running
from tastemaker.web.bounded import IDLE_SECONDS, BoundedProtocol

STOP_WITHIN_SECONDS: Final = 8


@asynccontextmanager
async def serving(
    app: ASGIApp, *, host: str, port: int, stopping: asyncio.Event, proxies: str | None = None
) -> AsyncIterator[str]:
    """Serve while the block lasts; yields the base URL. Port 0 is a free one.

    `proxies`: the addresses of those whose X-Forwarded-For and -Proto are believed.
    Raises InvalidInput where the address cannot be had, ServerStopped.
    """
    with listening(host, port) as listener:
        async with running(
            app,
            listener,
            stopping=stopping,
            http=BoundedProtocol,
            server_header=False,
            lifespan="auto",
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=STOP_WITHIN_SECONDS,
            h11_max_incomplete_event_size=64 * 1024,
            proxy_headers=proxies is not None,
            forwarded_allow_ips=proxies,
        ):
            yield _url(listener)


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        raise InvalidInput(f"{host} port {port} cannot be listened to: {error.strerror}.") from None
    with listener:
        listener.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
        )  # asyncio only does it where `proto` is set
        yield listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
