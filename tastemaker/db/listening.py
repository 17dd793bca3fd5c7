"""Being woken by the database: one LISTEN connection outside the pool, and nothing where that is impossible.

Whoever is woken looks for himself: a notification carries nothing. Behind a pooler in transaction mode, or
while the server is away, none comes; then the caller's own poll is what remains.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import psycopg
from psycopg import sql

from tastemaker.core.logging import get_logger

RECONNECT_SECONDS: Final = 1.0
CONNECT_SECONDS: Final = 10

log = get_logger(__name__)


@asynccontextmanager
async def woken(url: str, channel: str, wake: asyncio.Event) -> AsyncIterator[asyncio.Event]:
    """For the time of the block `wake` is set whenever the channel is notified, and after each reconnect.

    Yields an event that is set while the connection stands.
    """
    listening = asyncio.Event()
    task = asyncio.create_task(_listen_forever(url, channel, wake, listening))
    try:
        yield listening
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _listen_forever(url: str, channel: str, wake: asyncio.Event, listening: asyncio.Event) -> None:
    while True:
        try:
            await _listen(url, channel, wake, listening)
        except (psycopg.Error, OSError) as error:
            log.warning("no LISTEN connection, polling instead: %s", type(error).__name__)
        listening.clear()
        await asyncio.sleep(RECONNECT_SECONDS)


async def _listen(url: str, channel: str, wake: asyncio.Event, listening: asyncio.Event) -> None:
    connection = await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=CONNECT_SECONDS)
    async with connection:
        await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
        listening.set()
        wake.set()
        async for _ in connection.notifies():
            wake.set()
