"""The loop of leased work, which jobs, event deliveries and outgoing messages share.

A ledger claims what is due and starts it here. The loop wakes the ledger, holds what runs, and stops in good
order. What a claim, a lost lease and an end mean is the ledger's own: jobs are fenced and retried, deliveries
take effect exactly once, messages leave at most once or at least once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

from tastemaker.core.logging import get_logger
from tastemaker.core.waiting import call_off, wait_for
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.transaction import DATABASE_TROUBLE, in_transaction

log = get_logger(__name__)

Work = TypeVar("Work")


@dataclass(slots=True, kw_only=True)
class WorkLoop(Generic[Work]):
    """What one process works on. `wake` starts the next look at the ledger; `running` is what it holds."""

    stopping: asyncio.Event
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    running: dict[asyncio.Task[None], Work] = field(default_factory=dict)

    async def run(self, look: Callable[[], Awaitable[None]], *, poll: float) -> None:
        """Look for work whenever woken, at least every `poll` seconds, until `stopping` is set.

        A lost database is waited for.
        """
        waking = asyncio.create_task(self._wake_at_the_end())
        try:
            while not self.stopping.is_set():
                self.wake.clear()
                try:
                    await look()
                except DATABASE_TROUBLE as error:
                    log.warning("the database is out of reach, trying again: %s", type(error).__name__)
                await wait_for(self.wake, within=poll)
        finally:
            await call_off(waking)

    def start(self, work: Work, run: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Run it as a task that is held until it ends; its end wakes the loop. `name` is for the log."""
        task = asyncio.create_task(run, name=name)
        self.running[task] = work
        task.add_done_callback(self._forget)
        return task

    async def stop(
        self,
        hand_back: Callable[[Work], Awaitable[None]],
        *,
        within: float,
        cancel_within: float | None = None,
    ) -> None:
        """Let what runs end, at most `within` seconds; cancel the rest and hand it back."""
        if self.running:
            await asyncio.wait(list(self.running), timeout=within)
        left = dict(self.running)
        await call_off(*left, within=cancel_within)
        await asyncio.gather(*(self._hand_back(task, hand_back(work)) for task, work in left.items()))

    async def _hand_back(self, task: asyncio.Task[None], handing_back: Awaitable[None]) -> None:
        """Without the database the lease runs out."""
        try:
            await handing_back
        except (*DATABASE_TROUBLE, TimeoutError) as error:
            log.warning("%s could not be handed back: %s", task.get_name(), type(error).__name__)

    async def _wake_at_the_end(self) -> None:
        await self.stopping.wait()
        self.wake.set()

    def _forget(self, task: asyncio.Task[None]) -> None:
        self.running.pop(task, None)
        self.wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error(
                "%s could not be settled, its lease will run out: %s", task.get_name(), type(error).__name__
            )


async def prune_in_batches(
    database: Database, prune: Callable[..., Awaitable[int]], *, batch: int, stopping: asyncio.Event
) -> int:
    """Call `prune(transaction, batch=…)`, each in a transaction, until fewer rows go; how many went."""
    total = 0
    while not stopping.is_set():
        gone = await in_transaction(database, SYSTEM, partial(prune, batch=batch))
        total += gone
        if gone < batch:
            break
    return total
