"""The heartbeat of a worker: others see that it is alive, and its leases are renewed.

The process's LISTEN connection holds an advisory lock on the worker's name. When the process dies, the kernel
closes the connection and the lock is gone: the others need not wait for the lease. Where a direct connection
is impossible, polling and leases remain; the worker then claims without its name, so that a missing lock is
not taken for its death.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tastemaker.core.logging import get_logger
from tastemaker.core.waiting import call_off
from tastemaker.db.claims import SYSTEM
from tastemaker.db.listening import SessionLock
from tastemaker.db.pool import Database
from tastemaker.db.transaction import DATABASE_TROUBLE, transaction
from tastemaker.jobs import queries
from tastemaker.jobs.claim_queries import HEARTBEAT_CLASS
from tastemaker.jobs.worker_state import HAND_BACK_SECONDS, WorkerState

CHANNEL = "background_jobs"

log = get_logger(__name__)


@asynccontextmanager
async def heartbeat(database: Database, state: WorkerState) -> AsyncIterator[None]:
    """Show that the worker is alive, wake it when jobs are inserted and renew leases, during the block.

    The block begins once listening was tried.
    """
    lock = SessionLock(HEARTBEAT_CLASS, state.name)
    async with database.listener.subscribe(CHANNEL, state.wake.set, lock=lock) as subscription:
        state.visible = subscription.active
        await subscription.tried.wait()
        renewal = asyncio.create_task(renew_leases(database, state))
        try:
            yield
        finally:
            await call_off(renewal, within=HAND_BACK_SECONDS)


async def renew_leases(database: Database, state: WorkerState) -> None:
    """Renew the leases of the running jobs, for ever; stop a job here that is another worker's by now."""
    while True:
        await asyncio.sleep(state.settings.heartbeat)
        held = list(state.running.values())
        if not held:
            continue
        try:
            async with transaction(database, SYSTEM) as tx:
                ours = await queries.renew(tx, held, lease=state.settings.lease)
        except DATABASE_TROUBLE as error:
            log.warning("leases could not be renewed: %s", type(error).__name__)
            continue
        for task, job in list(state.running.items()):
            if job in held and job.id not in ours:
                log.warning("job %s was taken over or cancelled, stopping it here", job.id)
                task.cancel()
