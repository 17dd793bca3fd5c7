"""What a loop does between two looks: wait for whichever event comes first, and end the tasks it began."""

import asyncio


async def first_of(*events: asyncio.Event, within: float) -> None:
    """Until one of them is set, or so many seconds have passed."""
    waiters = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiters, timeout=within, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await call_off(*waiters)


async def call_off(*tasks: asyncio.Task[object]) -> None:
    """Cancel them and wait until they have ended, however they do."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
