import asyncio

import pytest

from tastemaker.core.waiting import call_off, first_of


async def test_the_first_event_ends_the_wait_and_none_does_after_its_time() -> None:
    early, late = asyncio.Event(), asyncio.Event()
    asyncio.get_running_loop().call_later(0.02, early.set)
    async with asyncio.timeout(2):
        await first_of(early, late, within=10)
        await first_of(late, within=0.02)
    assert not late.is_set()
    assert len(asyncio.all_tasks()) == 1, "nobody is left waiting"


async def test_tasks_that_are_called_off_have_ended_however_they_do() -> None:
    ended: list[str] = []

    async def work(name: str, *, breaks: bool = False) -> None:
        try:
            await asyncio.sleep(10)
        finally:
            await asyncio.sleep(0.01)
            ended.append(name)
            if breaks:
                raise ValueError(name)

    tasks = [asyncio.create_task(work("a")), asyncio.create_task(work("b", breaks=True))]
    await asyncio.sleep(0)
    await call_off(*tasks)
    assert sorted(ended) == ["a", "b"]


async def test_whoever_calls_off_can_be_cancelled_meanwhile() -> None:
    async def stubborn() -> None:
        try:
            await asyncio.sleep(10)
        finally:
            await asyncio.sleep(0.2)

    inner = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    outer = asyncio.create_task(call_off(inner))
    await asyncio.sleep(0.01)
    outer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await outer
    with pytest.raises(asyncio.CancelledError):
        await inner
