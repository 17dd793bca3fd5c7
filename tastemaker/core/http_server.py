"""Runs uvicorn inside an event loop that belongs to somebody else: it catches no signal, and ends at once."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Final

import uvicorn

from tastemaker.core.errors import AppError

STARTING_SECONDS: Final = 20.0
TICK_SECONDS: Final = 1.0
"""How often the clock of its answers is set."""


class ServerStopped(AppError):
    """It ended before it was ready, or of itself."""

    status = 503


@asynccontextmanager
async def running(
    app: Any,  # noqa: ANN401 - an ASGI application, which uvicorn and starlette type differently
    listener: socket.socket,
    *,
    stopping: asyncio.Event,
    **config: Any,  # noqa: ANN401 - the settings of uvicorn.Config
) -> AsyncIterator[None]:
    """Serve on `listener` while the block lasts or until `stopping` is set, as a server that ends does.

    Running requests may finish. Raises ServerStopped.
    """
    server = _Server(
        uvicorn.Config(app, log_config=None, log_level="critical", access_log=False, ws="none", **config),
        stopping,
    )
    task = asyncio.create_task(server.serve(sockets=[listener]))
    task.add_done_callback(lambda _: stopping.set())
    try:
        await _started(server, task)
        yield
    finally:
        stopping.set()
        await asyncio.gather(task, return_exceptions=True)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, stopping: asyncio.Event) -> None:
        super().__init__(config)
        self._stopping = stopping

    async def main_loop(self) -> None:
        while not self._stopping.is_set() and not await self.on_tick(counter=0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), TICK_SECONDS)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _started(server: uvicorn.Server, task: asyncio.Task[None]) -> None:
    async with asyncio.timeout(STARTING_SECONDS):
        while not server.started:
            if task.done():
                task.result()
                raise ServerStopped("The server stopped while it was starting.")
            await asyncio.sleep(0.002)
