"""The worker process: everything that works behind the pages, on one database, in one loop.

Here the slices' tasks are imported, so that handlers, schedules and subscribers are known. Any number of
workers may run, on any number of machines; each may be killed at any line.
"""

import asyncio

import tastemaker.accounts.tasks
import tastemaker.billing.reconciling
import tastemaker.billing.tasks
import tastemaker.jobs.upkeep
import tastemaker.journeys.tasks
import tastemaker.mail.tasks
import tastemaker.ops.tasks
import tastemaker.providers.tasks
import tastemaker.searches.tasks  # noqa: F401 - their handlers and schedules register themselves
from tastemaker.config_store.live import live_configuration
from tastemaker.db.engine import Database
from tastemaker.events.dispatcher import run_dispatcher
from tastemaker.jobs.registry import registered_handlers
from tastemaker.jobs.schedules import run_schedules
from tastemaker.jobs.transports.qstash_callbacks import Deliveries
from tastemaker.jobs.transports.qstash_dispatch import run_line
from tastemaker.jobs.types import Resources
from tastemaker.jobs.worker import run_worker
from tastemaker.jobs.worker_state import WorkerSettings
from tastemaker.outbox.relay import Senders, run_relay


async def run_worker_process(
    database: Database,
    resources: Resources,
    senders: Senders,
    *,
    stopping: asyncio.Event,
    settings: WorkerSettings | None = None,
) -> None:
    """Until `stopping` is set; then each part brings what it holds to a good place, within ten seconds.

    `resources` are what handlers need; `senders` the ways out that this process can use.
    """
    async with live_configuration(database) as config, asyncio.TaskGroup() as parts:
        handlers = registered_handlers(resources)
        parts.create_task(run_worker(database, handlers, stopping=stopping, config=config, settings=settings))
        parts.create_task(run_schedules(database, stopping=stopping))
        parts.create_task(run_dispatcher(database, stopping=stopping))
        parts.create_task(run_relay(database, senders, stopping=stopping))


async def run_behind_callbacks(deliveries: Deliveries, senders: Senders, *, stopping: asyncio.Event) -> None:
    """The same beside a server that is called with its jobs: it announces them, and asks for none."""
    database = deliveries.database
    async with asyncio.TaskGroup() as parts:
        parts.create_task(run_line(deliveries, stopping=stopping))
        parts.create_task(run_schedules(database, stopping=stopping))
        parts.create_task(run_dispatcher(database, stopping=stopping))
        parts.create_task(run_relay(database, senders, stopping=stopping))
