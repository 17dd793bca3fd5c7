"""The composition root: what the processes are made of, for `asgi`, `worker` and `cli` alike.

The database, the providers (live, and the sandbox over its corpus), the transports of jobs and of outgoing
messages. A function imports what it composes: a command that reads a table needs no provider and no handler.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tastemaker.core.platforms import Platform
from tastemaker.core.settings import Settings
from tastemaker.db.access import DatabaseUrls
from tastemaker.db.pool import Database, open_database
from tastemaker.db.profiles import pool_profile

if TYPE_CHECKING:
    from tastemaker.billing.stripe_client import Payments
    from tastemaker.config_store.hot_reload import Configuration
    from tastemaker.jobs.transports.qstash import QStash
    from tastemaker.jobs.transports.qstash_callbacks import Deliveries
    from tastemaker.jobs.types import Resources
    from tastemaker.mail.mailer import Mailer
    from tastemaker.outbox.relay import Senders
    from tastemaker.providers.registry import Registry
    from tastemaker.searches.exports.service import ExportFolder
    from tastemaker.searches.installation import Installation
    from tastemaker.searches.tasks import Sources

QSTASH_SECONDS: Final = 12.0


@dataclass(frozen=True, slots=True)
class Equipment:
    """What a process that runs jobs needs: what its handlers use, and the senders of its relay."""

    sources: "Sources"
    mailer: "Mailer"
    senders: "Senders"
    exports: "ExportFolder"
    payments: "Payments | None" = None

    @property
    def resources(self) -> "Resources":
        known = (self.sources, self.mailer, self.exports, self.payments)
        return {type(one): one for one in known if one is not None}

    @property
    def served(self) -> dict[str, list[Platform]]:
        """The platforms that this process can search, by source."""
        return {source: sorted(providers) for source, providers in self.sources.providers.items()}


@asynccontextmanager
async def connected(
    settings: Settings, access: DatabaseUrls, *, wait: float | None = None
) -> AsyncIterator[Database]:
    """The database, as the application's role. `wait`: seconds until a caller gives up on a connection."""
    profile = pool_profile(settings) if wait is None else pool_profile(settings, wait=wait)
    async with open_database(access.app_url, profile, direct_url=access.direct_url) as database:
        yield database


def live_platforms(settings: Settings) -> frozenset[Platform]:
    """Those that some provider can search, with what is set. Raises InvalidInput for an unknown provider."""
    from tastemaker.providers.registry import load_registry

    return frozenset(load_registry(settings).searches)


def register_tasks() -> None:
    """Import the slices' tasks: each handler, schedule, subscriber and channel registers itself."""
    import tastemaker.accounts.link_mail
    import tastemaker.accounts.service
    import tastemaker.billing.tasks
    import tastemaker.billing.webhooks
    import tastemaker.catalog.tasks
    import tastemaker.jobs.maintenance
    import tastemaker.journeys.account_deletion
    import tastemaker.journeys.clerk_webhooks
    import tastemaker.mail.tasks
    import tastemaker.ops.tasks
    import tastemaker.providers.tasks
    import tastemaker.searches.tasks  # noqa: F401 - all of them, for what they register


async def live_registry(database: Database, settings: Settings) -> "Registry":
    """The live providers under the operator's confirmations. Raises InvalidInput for an unknown provider."""
    from tastemaker.config_store.hot_reload import load_configuration
    from tastemaker.config_store.keys import YOUTUBE_CONTACTS_CONFIRMED, YOUTUBE_DERIVED_CONFIRMED
    from tastemaker.providers.registry import load_registry

    config = await load_configuration(database)
    return load_registry(
        settings,
        youtube_contacts=config[YOUTUBE_CONTACTS_CONFIRMED],
        youtube_derived=config[YOUTUBE_DERIVED_CONFIRMED],
    )


async def installation_for(database: Database, settings: Settings) -> "Installation":
    """Raises InvalidInput for an unknown provider."""
    from tastemaker.searches.installation import Installation

    return Installation(settings, await live_registry(database, settings))


@asynccontextmanager
async def open_sources(
    database: Database, settings: Settings, *, live: bool, corpus: Path | None
) -> AsyncIterator["Sources"]:
    """The providers that this process serves: the live ones, and the sandbox over the corpus if given."""
    from tastemaker.providers.http import make_client
    from tastemaker.providers.registry import sandbox_lookups, sandbox_providers
    from tastemaker.searches.exclusions.names import find_key
    from tastemaker.searches.tasks import Sources
    from tastemaker.searches.types import LIVE, SANDBOX

    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(make_client())
        registry = await live_registry(database, settings) if live else None
        providers = {LIVE: registry.searches} if registry else {}
        lookups = {LIVE: registry.lookups} if registry else {}
        if corpus is not None:
            from tastemaker.sandbox.server import serve

            base_url = await stack.enter_async_context(serve(corpus))
            providers[SANDBOX] = sandbox_providers(base_url)
            lookups[SANDBOX] = sandbox_lookups(base_url)
        yield Sources(http=http, providers=providers, key=find_key(settings), lookups=lookups)


@asynccontextmanager
async def equipped(database: Database, settings: Settings, *, corpus: Path) -> AsyncIterator[Equipment]:
    """For a process that runs every kind of job, from every source."""
    from tastemaker.accounts.link_mail import link_senders
    from tastemaker.billing.stripe_client import payments_of
    from tastemaker.mail.mailer import mailer_of
    from tastemaker.mail.sending import email_senders
    from tastemaker.searches.exports.service import export_folder

    register_tasks()
    mailer = mailer_of(settings)
    async with open_sources(database, settings, live=True, corpus=corpus) as sources:
        senders = {**email_senders(database, mailer), **link_senders(database, mailer)}
        yield Equipment(sources, mailer, senders, export_folder(settings), payments_of(settings))


@asynccontextmanager
async def qstash_deliveries(
    database: Database,
    qstash: "QStash",
    equipment: Equipment,
    *,
    config: "Configuration",
    stopping: asyncio.Event,
) -> AsyncIterator["Deliveries"]:
    """Announces waiting jobs to QStash and runs those that it calls with, for the time of the block.

    Where a part of it fails, `stopping` is set: calls are refused from then on, and QStash makes them again.
    """
    import httpx

    from tastemaker.jobs.completion import BatchCompleter
    from tastemaker.jobs.registry import registered_handlers
    from tastemaker.jobs.transports.qstash_callbacks import Deliveries
    from tastemaker.jobs.transports.qstash_dispatch import QSTASH, qstash_sender, run_qstash_dispatch
    from tastemaker.jobs.worker_state import WorkerSettings, WorkerState, worker_name

    state = WorkerState(
        name=worker_name(),
        handlers=registered_handlers(equipment.resources),
        settings=WorkerSettings(),
        stopping=stopping,
        config=config,
        completer=BatchCompleter(database),
    )
    deliveries = Deliveries(database, qstash, state)
    async with httpx.AsyncClient(timeout=QSTASH_SECONDS) as http:
        senders = {**equipment.senders, QSTASH: qstash_sender(qstash, http)}
        dispatch = run_qstash_dispatch(deliveries)
        task = asyncio.create_task(run_beside(dispatch, database, senders, stopping=stopping))
        task.add_done_callback(lambda _: stopping.set())
        try:
            yield deliveries
        finally:
            stopping.set()
            await task


async def run_beside(
    jobs: Coroutine[Any, Any, None], database: Database, senders: "Senders", *, stopping: asyncio.Event
) -> None:
    """Runs `jobs` together with schedules, event deliveries and the outbox relay, until `stopping` is set.

    No dispatcher runs without subscribers; `check_event_lag` closes new events then.
    """
    from tastemaker.events.dispatcher import run_dispatcher
    from tastemaker.events.subscribers import known_subscribers
    from tastemaker.jobs.schedules import run_schedules
    from tastemaker.outbox.relay import run_relay

    async with asyncio.TaskGroup() as parts:
        parts.create_task(jobs)
        parts.create_task(run_schedules(database, stopping=stopping))
        if known_subscribers():
            parts.create_task(run_dispatcher(database, stopping=stopping))
        parts.create_task(run_relay(database, senders, stopping=stopping))
