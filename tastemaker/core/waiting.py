"""What a loop does between two looks: wait for the first of several events, and end the tasks it began."""

import asyncio
from contextlib import suppress


async def wait_for(event: asyncio.Event, *, within: float) -> None:
    """Until the event is set, or so many seconds have passed."""
    with suppress(TimeoutError):
        async with asyncio.timeout(within):
            await event.wait()


async def first_of(*events: asyncio.Event, within: float) -> None:
    """Until one of them is set, or so many seconds have passed."""
    waiters = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiters, timeout=within, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await call_off(*waiters)


async def call_off(*tasks: asyncio.Task[object], within: float | None = None) -> None:
    """Cancel them and wait until they have ended, however they do, at most `within` seconds."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=within)
        for task in tasks:
            if task.done() and not task.cancelled():
                task.exception()  # retrieved, so that nobody warns of it
