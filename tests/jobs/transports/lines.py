"""The two transports behind one face: whoever publishes a job does not know which it is."""

import asyncio
import socket
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from tastemaker.asgi import create_app
from tastemaker.config_store.hot_reload import Configuration
from tastemaker.db.pool import Database
from tastemaker.jobs.completion import BatchCompleter
from tastemaker.jobs.transports.qstash import QStash, SigningKeys
from tastemaker.jobs.transports.qstash_callbacks import Deliveries
from tastemaker.jobs.transports.qstash_dispatch import QSTASH, qstash_sender, run_qstash_dispatch
from tastemaker.jobs.types import Handlers
from tastemaker.jobs.worker import run_worker
from tastemaker.jobs.worker_state import WorkerSettings, WorkerState, worker_name
from tastemaker.outbox.relay import RelaySettings, run_relay
from tastemaker.web.rate_limit import RateLimit
from tastemaker.web.server import serving
from tastemaker.web.services import Services
from tests.jobs.transports.twin import KEYS, TOKEN, Twin, running

QUICK = WorkerSettings(poll=0.05, heartbeat=0.2, lease=1.0, grace=0.6, stop_within=1.0, concurrency=20)
CALM = replace(QUICK, lease=30.0, grace=10.0)
"""Nothing changes hands, also on a machine that is too busy for a heartbeat in time."""
QUICK_RELAY = RelaySettings(poll=0.05, grace=0.2, stop_within=0.5, settle_within=5.0)
TRANSPORTS = ("postgres", "qstash")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def qstash_of(twin: Twin, port: int, *, keys: SigningKeys | None = None) -> QStash:
    return QStash(
        base_url=twin.url,
        public_url=f"http://127.0.0.1:{port}",
        token=TOKEN,
        keys=keys or SigningKeys(KEYS[0], KEYS[1]),
    )


@dataclass
class Line:
    """Runs jobs for the time of `working`; may be begun again."""

    database: Database
    transport: str
    twin: Twin
    config: Configuration = field(default_factory=Configuration.of_defaults)
    port: int = field(default_factory=free_port)
    keys: SigningKeys | None = None

    @asynccontextmanager
    async def working(
        self, handlers: Handlers, *, settings: WorkerSettings = CALM, lost_after: float = 3600.0
    ) -> AsyncIterator[Deliveries | None]:
        stopping = asyncio.Event()
        async with AsyncExitStack() as stack:
            if self.transport == "postgres":
                deliveries = None
                work = run_worker(
                    self.database, handlers, stopping=stopping, config=self.config, settings=settings
                )
            else:
                deliveries = self._deliveries(handlers, settings, stopping)
                app = create_app(Services(self.database, RateLimit(self.config), frozenset()), deliveries)
                http = await stack.enter_async_context(httpx.AsyncClient(timeout=10))
                await stack.enter_async_context(
                    serving(app, host="127.0.0.1", port=self.port, stopping=asyncio.Event())
                )
                senders = {QSTASH: qstash_sender(deliveries.qstash, http)}
                work = _together(
                    run_qstash_dispatch(deliveries, lost_after=lost_after),
                    run_relay(self.database, senders, stopping=stopping, settings=QUICK_RELAY),
                )
            task = asyncio.create_task(work)
            try:
                yield deliveries
            finally:
                stopping.set()
                await task

    def _deliveries(
        self, handlers: Handlers, settings: WorkerSettings, stopping: asyncio.Event
    ) -> Deliveries:
        state = WorkerState(
            name=worker_name(),
            handlers=handlers,
            settings=settings,
            stopping=stopping,
            config=self.config,
            completer=BatchCompleter(self.database),
        )
        return Deliveries(self.database, qstash_of(self.twin, self.port, keys=self.keys), state)


@asynccontextmanager
async def line_over(database: Database, transport: str, twin: Twin | None = None) -> AsyncIterator[Line]:
    async with running(twin or Twin()) as ready:
        yield Line(database, transport, ready)


async def _together(*parts: Coroutine[Any, Any, None]) -> None:
    async with asyncio.TaskGroup() as group:
        for part in parts:
            group.create_task(part)
