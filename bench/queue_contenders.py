"""The queues that `bench.queue` compares: each is filled, given jobs in front, and let work at a pace."""

import asyncio
import contextlib
import importlib
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Protocol

import psycopg
from pydantic import BaseModel

from bench.measuring import Urls
from tastemaker.config_store.hot_reload import Configuration
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import open_database
from tastemaker.db.profiles import PoolProfile
from tastemaker.db.transaction import transaction
from tastemaker.jobs import claim_queries
from tastemaker.jobs.service import publish
from tastemaker.jobs.types import Done, JobContext, JobResult, JobType, Registered
from tastemaker.jobs.worker import run_worker
from tastemaker.jobs.worker_state import WorkerSettings

URGENT, FRONT, PLAIN, FUTURE = 1, 50, 100, 0
MANY = 500
"""Places where nobody is to wait for one."""


class Probe(BaseModel):
    """Nothing to do. A probe is looked for when it begins."""

    probe: str | None = None


@dataclass
class Seen:
    """What handlers saw: how many ran, and when the urgent ones began."""

    count: int = 0
    begun: dict[str, float] = field(default_factory=dict)

    def note(self, probe: str | None) -> None:
        self.count += 1
        if probe:
            self.begun[probe] = perf_counter()


@dataclass(frozen=True)
class Pace:
    """How a worker is let work: at most `places` under way, claimed by so many at once."""

    batch: int
    places: int
    keyed: bool = False


TENS, FIFTIES = Pace(10, MANY), Pace(50, MANY)
KEYED, SINGLE = Pace(50, 50, keyed=True), Pace(1, 1, keyed=True)
MODEST = Pace(10, 10)


class Contender(Protocol):
    """One queue. `working` runs its worker beside the block; `put_in_front` replaces what stands there."""

    name: str

    def fill(self, waiting: int, future: int) -> None: ...

    def put_in_front(self, count: int, *, keyed: bool) -> None: ...

    async def put_urgent(self, probe: str) -> None: ...

    def can(self, pace: Pace) -> bool: ...

    def working(self, seen: Seen, pace: Pace) -> contextlib.AbstractAsyncContextManager[None]: ...


class Ours:
    """Tastemaker's queue, as the application's role."""

    def __init__(self, urls: Urls, *, tells: bool) -> None:
        self.name = f"ours, {'an event for each end' if tells else 'no events'}"
        self.urls = urls
        self.noop = JobType(name="noop", payload=Probe, records_end=tells)

    def fill(self, waiting: int, future: int) -> None:
        with psycopg.connect(self.urls.admin, autocommit=True) as admin:
            admin.execute("TRUNCATE background_jobs")
            admin.execute(
                """INSERT INTO background_jobs (job_type, payload, priority)
                   SELECT 'noop', '{}', %s FROM generate_series(1, %s)""",
                (PLAIN, waiting),
            )
            admin.execute(
                """INSERT INTO background_jobs (job_type, payload, priority, scheduled_for, waits_for)
                   SELECT 'noop', '{}', %s, now() + interval '1 day', 'time' FROM generate_series(1, %s)""",
                (FUTURE, future),
            )
            admin.execute("VACUUM ANALYZE background_jobs")

    def put_in_front(self, count: int, *, keyed: bool) -> None:
        with psycopg.connect(self.urls.admin, autocommit=True) as admin:
            admin.execute("DELETE FROM background_jobs WHERE priority = %s", (FRONT,))
            admin.execute(
                """INSERT INTO background_jobs (job_type, payload, priority, lock_key)
                   SELECT 'noop', '{}', %s, CASE WHEN %s THEN 'key ' || number END
                   FROM generate_series(1, %s) AS number""",
                (FRONT, keyed, count),
            )
            admin.execute("VACUUM ANALYZE background_jobs")

    def can(self, pace: Pace) -> bool:  # noqa: ARG002 - all of it
        return True

    async def put_urgent(self, probe: str) -> None:
        async with transaction(self._opened, SYSTEM) as tx:
            await publish(tx, self.noop, Probe(probe=probe), priority=URGENT)

    @contextlib.asynccontextmanager
    async def working(self, seen: Seen, pace: Pace) -> AsyncIterator[None]:
        async def handle(_: JobContext, message: Probe) -> JobResult:
            seen.note(message.probe)
            return Done()

        stopping = asyncio.Event()
        async with open_database(self.urls.app, PoolProfile(min_size=4, max_size=10)) as opened:
            self._opened = opened
            worker = asyncio.create_task(
                run_worker(
                    opened,
                    {"noop": Registered(self.noop, handle)},
                    stopping=stopping,
                    config=Configuration.of_defaults(),
                    settings=WorkerSettings(concurrency=pace.places, batch=pace.batch),
                )
            )
            try:
                yield
            finally:
                stopping.set()
                await worker

    async def claim_latency(self, rounds: int) -> list[float]:
        """Seconds of one claim of one job, its commit included."""
        took = []
        async with open_database(self.urls.app, PoolProfile(min_size=1, max_size=1)) as opened:
            for _ in range(rounds + 20):
                started = perf_counter()
                await claim_queries.claim(opened, worker="w", job_types=["noop"], batch=1, lease=30.0)
                took.append(perf_counter() - started)
        return took[20:]


class PgQueuer:
    """Its QueueManager over psycopg, `batch_size` jobs a turn."""

    def __init__(self, url: str) -> None:
        self.name, self.url = "PgQueuer", url
        self._driver = importlib.import_module("pgqueuer.db").PsycopgDriver
        self._manager = importlib.import_module("pgqueuer.qm").QueueManager
        self._make_queries = importlib.import_module("pgqueuer.queries").Queries
        asyncio.run(self._install())

    async def _install(self) -> None:
        connection = await psycopg.AsyncConnection.connect(self.url, autocommit=True)
        async with connection:
            queries = self._make_queries(self._driver(connection))
            with contextlib.suppress(psycopg.Error):
                await queries.install()

    def fill(self, waiting: int, future: int) -> None:
        with psycopg.connect(self.url, autocommit=True) as admin:
            admin.execute("TRUNCATE pgqueuer, pgqueuer_log")
            admin.execute(self._insert("now()"), (1, waiting))
            admin.execute(self._insert("now() + interval '1 day'"), (9, future))
            admin.execute("VACUUM ANALYZE pgqueuer")

    def _insert(self, after: str) -> bytes:
        return f"""INSERT INTO pgqueuer
                       (priority, created, updated, heartbeat, execute_after, status, entrypoint)
                   SELECT %s, now(), now(), now(), {after}, 'queued', 'noop'
                   FROM generate_series(1, %s)""".encode()  # noqa: S608 - of this module's own words

    def put_in_front(self, count: int, *, keyed: bool) -> None:  # noqa: ARG002 - it has no keys
        with psycopg.connect(self.url, autocommit=True) as admin:
            admin.execute("DELETE FROM pgqueuer WHERE priority = 3")
            admin.execute(self._insert("now()"), (3, count))
            admin.execute("VACUUM ANALYZE pgqueuer")

    def can(self, pace: Pace) -> bool:
        return not pace.keyed or pace == SINGLE

    async def put_urgent(self, probe: str) -> None:
        await self._queries.enqueue("noop", probe.encode(), priority=5)

    @contextlib.asynccontextmanager
    async def working(self, seen: Seen, pace: Pace) -> AsyncIterator[None]:
        async with (
            await psycopg.AsyncConnection.connect(self.url, autocommit=True) as connection,
            await psycopg.AsyncConnection.connect(self.url, autocommit=True) as putting,
        ):
            manager = self._manager(self._make_queries(self._driver(connection)))
            self._queries = self._make_queries(self._driver(putting))

            async def handle(job: Any) -> None:  # noqa: ANN401 - the other library's
                seen.note(job.payload.decode() if job.payload else None)

            manager.entrypoint("noop")(handle)
            worker = asyncio.create_task(manager.run(batch_size=pace.batch))
            try:
                yield
            finally:
                manager.shutdown.set()
                await asyncio.wait([worker], timeout=10)


class Procrastinate:
    """Its worker with a pool of connections, `concurrency` jobs at once."""

    def __init__(self, url: str) -> None:
        self.name, self.url = "Procrastinate", url
        self._library = procrastinate = importlib.import_module("procrastinate")
        logging.getLogger("procrastinate").setLevel(logging.ERROR)  # it warns of being used from a script
        with psycopg.connect(url, autocommit=True) as admin:
            if admin.execute("SELECT to_regclass('procrastinate_jobs')").fetchone() == (None,):
                admin.execute(procrastinate.schema.SchemaManager(None).get_schema())

    def fill(self, waiting: int, future: int) -> None:
        with psycopg.connect(self.url, autocommit=True) as admin:
            admin.execute("TRUNCATE procrastinate_jobs, procrastinate_events CASCADE")
            admin.execute(
                """INSERT INTO procrastinate_jobs (queue_name, task_name, priority)
                   SELECT 'default', 'noop', 0 FROM generate_series(1, %s)""",
                (waiting,),
            )
            admin.execute(
                """INSERT INTO procrastinate_jobs (queue_name, task_name, priority, scheduled_at)
                   SELECT 'default', 'noop', 9, now() + interval '1 day' FROM generate_series(1, %s)""",
                (future,),
            )
            admin.execute("VACUUM ANALYZE procrastinate_jobs")

    def put_in_front(self, count: int, *, keyed: bool) -> None:
        with psycopg.connect(self.url, autocommit=True) as admin:
            admin.execute("DELETE FROM procrastinate_jobs WHERE priority = 3")
            admin.execute(
                """INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock)
                   SELECT 'default', 'noop', 3, CASE WHEN %s THEN 'key ' || number END
                   FROM generate_series(1, %s) AS number""",
                (keyed, count),
            )
            admin.execute("VACUUM ANALYZE procrastinate_jobs")

    def can(self, pace: Pace) -> bool:  # noqa: ARG002 - all of it, but it claims one at a time
        return True

    async def put_urgent(self, probe: str) -> None:
        await self._task.configure(priority=5).defer_async(probe=probe)

    @contextlib.asynccontextmanager
    async def working(self, seen: Seen, pace: Pace) -> AsyncIterator[None]:
        app = self._library.App(connector=self._library.PsycopgConnector(conninfo=self.url, max_size=10))

        async def handle(probe: str | None = None) -> None:
            seen.note(probe)

        self._task = app.task(name="noop")(handle)
        async with app.open_async():
            worker = asyncio.create_task(
                app.run_worker_async(concurrency=pace.places, install_signal_handlers=False)
            )
            try:
                yield
            finally:
                worker.cancel()
                await asyncio.wait([worker], timeout=10)


def contenders(make_url: Callable[[str], Urls]) -> list[Contender]:
    urls = make_url("bench_queue")
    found: list[Contender] = [Ours(urls, tells=False), Ours(urls, tells=True)]
    for kind in (PgQueuer, Procrastinate):
        try:
            found.append(kind(make_url(f"bench_queue_{kind.__name__.lower()}").admin))
        except ImportError:
            print(f"{kind.__name__} is not installed and left out")
    return found
