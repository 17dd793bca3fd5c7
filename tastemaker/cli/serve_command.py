"""`tastemaker serve`: the web application until it is told to stop, and what stands behind QStash's calls."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx

from tastemaker.accounts.current_user import LOCAL_USER
from tastemaker.accounts.service import ensure_local_user
from tastemaker.asgi import create_app, open_services
from tastemaker.cli import screen
from tastemaker.cli.corpora import prepared_corpus
from tastemaker.cli.session import Session, at_head
from tastemaker.cli.signals import stop_signals
from tastemaker.cli.sources import open_sources
from tastemaker.core.settings import Settings
from tastemaker.db.access import Access
from tastemaker.db.claims import Tenant
from tastemaker.db.engine import session_scope
from tastemaker.jobs.completion import Completing
from tastemaker.jobs.registry import registered_handlers
from tastemaker.jobs.transports.publishing import QSTASH, qstash_sender
from tastemaker.jobs.transports.qstash import QStash, find_qstash
from tastemaker.jobs.transports.qstash_callbacks import Deliveries
from tastemaker.jobs.worker import worker_name
from tastemaker.jobs.worker_state import WorkerSettings, WorkerState
from tastemaker.mail.mailer import Mailer, mailer_of
from tastemaker.mail.sending import email_senders
from tastemaker.searches.tasks import Sources
from tastemaker.web.services import Services
from tastemaker.web.serving import serving
from tastemaker.worker import run_behind_callbacks

QSTASH_SECONDS = 12.0


def serve(*, host: str, port: int, proxies: str | None, as_json: bool) -> None:
    with at_head() as (settings, access):
        asyncio.run(_serve(settings, access, host=host, port=port, proxies=proxies, as_json=as_json))


async def _serve(
    settings: Settings, access: Access, *, host: str, port: int, proxies: str | None, as_json: bool
) -> None:
    stopping = asyncio.Event()
    qstash = find_qstash(settings)
    with stop_signals(stopping):
        async with open_services(settings, access) as services, AsyncExitStack() as stack:
            deliveries = None
            if qstash is not None:
                session = await _session(settings, access, services)
                deliveries = await stack.enter_async_context(
                    _behind_callbacks(session, services, qstash, stopping)
                )
            app = create_app(services, deliveries)
            async with serving(app, host=host, port=port, stopping=stopping, proxies=proxies) as url:
                if as_json:
                    screen.write_json({"url": url})
                else:
                    jobs = " Jobs come from QStash." if qstash else ""
                    screen.say(f"Serving on {url}.{jobs} Ctrl-C stops it.")
                await stopping.wait()


@asynccontextmanager
async def _behind_callbacks(
    session: Session, services: Services, qstash: QStash, stopping: asyncio.Event
) -> AsyncIterator[Deliveries]:
    """Announces jobs and runs what it is called with, for the time of the block."""
    corpus = prepared_corpus(session.settings)
    mailer = mailer_of(session.settings)
    async with (
        open_sources(session, live=True, corpus=corpus) as sources,
        httpx.AsyncClient(timeout=QSTASH_SECONDS) as http,
    ):
        state = WorkerState(
            name=worker_name(),
            handlers=registered_handlers({Sources: sources, Mailer: mailer}),
            settings=WorkerSettings(),
            stopping=stopping,
            config=services.pace.config,
            completing=Completing(services.database),
        )
        deliveries = Deliveries(services.database, qstash, state)
        senders = {
            **email_senders(services.database, mailer),
            QSTASH: qstash_sender(qstash, http),
        }
        task = asyncio.create_task(run_behind_callbacks(deliveries, senders, stopping=stopping))
        task.add_done_callback(lambda _: stopping.set())
        try:
            yield deliveries
        finally:
            stopping.set()
            await task


async def _session(settings: Settings, access: Access, services: Services) -> Session:
    async with session_scope(services.database, Tenant(LOCAL_USER)) as writing:
        user = await ensure_local_user(writing)
    return Session(settings, access, services.database, user)
