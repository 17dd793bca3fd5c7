"""How those who follow the log are woken: a LISTEN connection outside the pool, polling where that fails."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psycopg

from tastemaker.core.logging import get_logger

RECONNECT_SECONDS = 1.0
CONNECT_SECONDS = 10

log = get_logger(__name__)


@asynccontextmanager
async def woken(url: str, wake: asyncio.Event) -> AsyncIterator[None]:
    """For the time of the block `wake` is set whenever events were committed."""
    task = asyncio.create_task(_listen_forever(url, wake))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _listen_forever(url: str, wake: asyncio.Event) -> None:
    while True:
        try:
            await _listen(url, wake)
        except (psycopg.Error, OSError) as error:
            log.warning("no LISTEN connection, polling instead: %s", type(error).__name__)
        await asyncio.sleep(RECONNECT_SECONDS)


async def _listen(url: str, wake: asyncio.Event) -> None:
    connection = await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=CONNECT_SECONDS)
    async with connection:
        await connection.execute("LISTEN events")
        wake.set()
        async for _ in connection.notifies():
            wake.set()
