"""How a worker is woken and how others see that it is alive: one connection outside the pool.

The connection LISTENs and holds an advisory lock on the worker's name. When the process dies, the kernel
closes the connection, the lock is gone, and the others need not wait for the lease. Where a direct
connection is impossible nothing breaks: polling and leases remain.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psycopg

from tastemaker.core.logging import get_logger
from tastemaker.jobs.queries import PRESENCE_CLASS

RECONNECT_SECONDS = 1.0

log = get_logger(__name__)


@asynccontextmanager
async def presence(url: str, worker: str, wake: asyncio.Event) -> AsyncIterator[None]:
    """Sets `wake` whenever jobs were inserted. Shown as alive before the block begins."""
    ready = asyncio.Event()
    task = asyncio.create_task(_listen_forever(url, worker, wake, ready))
    try:
        await ready.wait()
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _listen_forever(url: str, worker: str, wake: asyncio.Event, ready: asyncio.Event) -> None:
    while True:
        try:
            await _listen(url, worker, wake, ready)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            log.warning("no LISTEN connection, polling instead: %s", type(error).__name__)
        ready.set()
        await asyncio.sleep(RECONNECT_SECONDS)


async def _listen(url: str, worker: str, wake: asyncio.Event, ready: asyncio.Event) -> None:
    connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
    async with connection:
        await connection.execute(
            "SELECT pg_advisory_lock_shared(%s::int, hashtext(%s))", (PRESENCE_CLASS, worker)
        )
        await connection.execute("LISTEN background_jobs")
        ready.set()
        wake.set()
        async for _ in connection.notifies():
            wake.set()
