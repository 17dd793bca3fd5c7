"""How a worker is woken and how others see that it is alive: one connection outside the pool.

The connection LISTENs and holds an advisory lock on the worker's name. When the process dies, the kernel
closes the connection, the lock is gone, and the others need not wait for the lease. Where a direct
connection is impossible nothing breaks: polling and leases remain, and the worker claims without its name,
so that nobody takes its silence for its death.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psycopg

from tastemaker.core.logging import get_logger
from tastemaker.jobs.claim_queries import PRESENCE_CLASS

RECONNECT_SECONDS = 1.0
CONNECT_SECONDS = 10

log = get_logger(__name__)


@asynccontextmanager
async def presence(
    url: str, worker: str, *, wake: asyncio.Event, shown: asyncio.Event
) -> AsyncIterator[None]:
    """Sets `wake` whenever jobs were inserted; `shown` is set while the others can see the worker.

    The block begins once that was tried.
    """
    ready = asyncio.Event()
    task = asyncio.create_task(_listen_forever(url, worker, wake, shown, ready))
    try:
        await ready.wait()
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _listen_forever(
    url: str, worker: str, wake: asyncio.Event, shown: asyncio.Event, ready: asyncio.Event
) -> None:
    while True:
        try:
            await _listen(url, worker, wake, shown, ready)
        except (psycopg.Error, OSError) as error:
            log.warning("no LISTEN connection, polling instead: %s", type(error).__name__)
        shown.clear()
        ready.set()
        await asyncio.sleep(RECONNECT_SECONDS)


async def _listen(
    url: str, worker: str, wake: asyncio.Event, shown: asyncio.Event, ready: asyncio.Event
) -> None:
    connection = await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=CONNECT_SECONDS)
    async with connection:
        await connection.execute(
            "SELECT pg_advisory_lock_shared(%s::int, hashtext(%s))", (PRESENCE_CLASS, worker)
        )
        await connection.execute("LISTEN background_jobs")
        shown.set()
        ready.set()
        wake.set()
        async for _ in connection.notifies():
            wake.set()
