"""The worker process: jobs, schedules, event deliveries and outgoing messages, on one database, in one loop.

Any number of workers may run, on any number of machines; each may be killed at any line.
"""

import asyncio

from tastemaker.config_store.hot_reload import live_configuration
from tastemaker.db.pool import Database
from tastemaker.jobs.registry import registered_handlers
from tastemaker.jobs.types import Resources
from tastemaker.jobs.worker import run_worker
from tastemaker.jobs.worker_state import WorkerSettings
from tastemaker.outbox.relay import Senders
from tastemaker.runtime import register_tasks, run_beside


async def run_worker_process(
    database: Database,
    resources: Resources,
    senders: Senders,
    *,
    stopping: asyncio.Event,
    settings: WorkerSettings | None = None,
) -> None:
    """Until `stopping` is set; then each part finishes what it holds, within ten seconds.

    `resources` are what handlers need; `senders` are the channels that this process can use.
    """
    register_tasks()
    async with live_configuration(database) as config:
        handlers = registered_handlers(resources)
        jobs = run_worker(database, handlers, stopping=stopping, config=config, settings=settings)
        await run_beside(jobs, database, senders, stopping=stopping)
