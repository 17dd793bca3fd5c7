"""Background jobs beside PgQueuer and Procrastinate: jobs that do nothing, and how soon an urgent one starts.

`python -m bench.queue`, in an environment that has both (`pip install pgqueuer procrastinate`); what is not
installed is left out. Each queue has its tables in a database of its own on the same server, filled with the
same numbers of waiting jobs and of jobs for tomorrow, these at a more urgent priority. In turn each works
with its own worker for some seconds: in batches, and one job at a time with a key that lets no two of a kind
run at once. Ours writes an event for each job's end where it says so.
"""

import asyncio
import contextlib
import importlib
import statistics
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Protocol

import psycopg
from pydantic import BaseModel

from bench.measuring import Urls, arguments, database, percentile, server
from tastemaker.config_store.live import Configuration
from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import open_database, session_scope
from tastemaker.db.profiles import PoolProfile
from tastemaker.jobs import claim_queries
from tastemaker.jobs.service import publish
from tastemaker.jobs.types import Answer, Done, JobContext, JobType, Registered
from tastemaker.jobs.worker import run_worker
from tastemaker.jobs.worker_state import WorkerSettings

URGENT, PLAIN, FUTURE = 1, 100, 0
PROBES = 60


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


class Contender(Protocol):
    """One queue. `working` runs its worker beside the block."""

    name: str

    def fill(self, waiting: int, future: int, *, keyed: bool) -> None: ...

    async def put_urgent(self, probe: str) -> None: ...

    def working(self, seen: Seen, at_once: int) -> contextlib.AbstractAsyncContextManager[None]: ...


class Ours:
    """Tastemaker's queue, as the application's role."""

    def __init__(self, urls: Urls, *, tells: bool) -> None:
        self.name = f"ours, {'an event for each end' if tells else 'no events'}"
        self.urls = urls
        self.noop = JobType(name="noop", payload=Probe, records_end=tells)

    def fill(self, waiting: int, future: int, *, keyed: bool) -> None:
        with psycopg.connect(self.urls.admin, autocommit=True) as admin:
            admin.execute("TRUNCATE background_jobs")
            admin.execute(
                """INSERT INTO background_jobs (job_type, payload, priority, lock_key)
                   SELECT 'noop', '{}', %s, CASE WHEN %s THEN 'key ' || number END
                   FROM generate_series(1, %s) AS number""",
                (PLAIN, keyed, waiting),
            )
            admin.execute(
                """INSERT INTO background_jobs (job_type, payload, priority, scheduled_for, waits_for)
                   SELECT 'noop', '{}', %s, now() + interval '1 day', 'time' FROM generate_series(1, %s)""",
                (FUTURE, future),
            )
            admin.execute("VACUUM ANALYZE background_jobs")

    async def put_urgent(self, probe: str) -> None:
        async with session_scope(self._opened, SYSTEM) as session:
            await publish(session, self.noop, Probe(probe=probe), priority=URGENT)

    @contextlib.asynccontextmanager
    async def working(self, seen: Seen, at_once: int) -> AsyncIterator[None]:
        async def handle(_: JobContext, message: Probe) -> Answer:
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
                    settings=WorkerSettings(concurrency=at_once),
                )
            )
            try:
                yield
            finally:
                stopping.set()
                await worker

    async def claim_latency(self, rounds: int) -> list[float]:
        """Seconds of one claim of one job, rolled back."""
        took = []
        async with open_database(self.urls.app, PoolProfile(min_size=1, max_size=1)) as opened:
            for _ in range(rounds + 20):
                async with session_scope(opened, SYSTEM) as session:
                    started = perf_counter()
                    await session.execute(claim_queries.CLAIM, claim_queries.wishes("w", ["noop"], 1, 30.0))
                    took.append(perf_counter() - started)
                    await session.rollback()
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

    def fill(self, waiting: int, future: int, *, keyed: bool) -> None:  # noqa: ARG002 - it has no keys
        with psycopg.connect(self.url, autocommit=True) as admin:
            admin.execute("TRUNCATE pgqueuer, pgqueuer_log")
            admin.execute(
                """INSERT INTO pgqueuer
                       (priority, created, updated, heartbeat, execute_after, status, entrypoint)
                   SELECT 1, now(), now(), now(), now(), 'queued', 'noop' FROM generate_series(1, %s)""",
                (waiting,),
            )
            admin.execute(
                """INSERT INTO pgqueuer
                       (priority, created, updated, heartbeat, execute_after, status, entrypoint)
                   SELECT 9, now(), now(), now(), now() + interval '1 day', 'queued', 'noop'
                   FROM generate_series(1, %s)""",
                (future,),
            )
            admin.execute("VACUUM ANALYZE pgqueuer")

    async def put_urgent(self, probe: str) -> None:
        await self._queries.enqueue("noop", probe.encode(), priority=5)

    @contextlib.asynccontextmanager
    async def working(self, seen: Seen, at_once: int) -> AsyncIterator[None]:
        async with (
            await psycopg.AsyncConnection.connect(self.url, autocommit=True) as connection,
            await psycopg.AsyncConnection.connect(self.url, autocommit=True) as putting,
        ):
            manager = self._manager(self._make_queries(self._driver(connection)))
            self._queries = self._make_queries(self._driver(putting))

            async def handle(job: Any) -> None:  # noqa: ANN401 - the other library's
                seen.note(job.payload.decode() if job.payload else None)

            manager.entrypoint("noop")(handle)
            worker = asyncio.create_task(manager.run(batch_size=at_once))
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
        with psycopg.connect(url, autocommit=True) as admin:
            if admin.execute("SELECT to_regclass('procrastinate_jobs')").fetchone() == (None,):
                admin.execute(procrastinate.schema.SchemaManager(None).get_schema())

    def fill(self, waiting: int, future: int, *, keyed: bool) -> None:
        with psycopg.connect(self.url, autocommit=True) as admin:
            admin.execute("TRUNCATE procrastinate_jobs, procrastinate_events CASCADE")
            admin.execute(
                """INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock)
                   SELECT 'default', 'noop', 0, CASE WHEN %s THEN 'key ' || number END
                   FROM generate_series(1, %s) AS number""",
                (keyed, waiting),
            )
            admin.execute(
                """INSERT INTO procrastinate_jobs (queue_name, task_name, priority, scheduled_at)
                   SELECT 'default', 'noop', 9, now() + interval '1 day' FROM generate_series(1, %s)""",
                (future,),
            )
            admin.execute("VACUUM ANALYZE procrastinate_jobs")

    async def put_urgent(self, probe: str) -> None:
        await self._task.configure(priority=5).defer_async(probe=probe)

    @contextlib.asynccontextmanager
    async def working(self, seen: Seen, at_once: int) -> AsyncIterator[None]:
        app = self._library.App(connector=self._library.PsycopgConnector(conninfo=self.url, max_size=10))

        async def handle(probe: str | None = None) -> None:
            seen.note(probe)

        self._task = app.task(name="noop")(handle)
        async with app.open_async():
            worker = asyncio.create_task(
                app.run_worker_async(concurrency=at_once, install_signal_handlers=False)
            )
            try:
                yield
            finally:
                worker.cancel()
                await asyncio.wait([worker], timeout=10)


async def rate(contender: Contender, *, at_once: int, seconds: float) -> float:
    """Jobs a second, from the first on."""
    seen = Seen()
    async with contender.working(seen, at_once):
        async with asyncio.timeout(60):
            while not seen.count:  # noqa: ASYNC110 - the count is what is measured
                await asyncio.sleep(0.002)
        first, started = seen.count, perf_counter()
        await asyncio.sleep(seconds)
        return (seen.count - first) / (perf_counter() - started)


async def start_latency(contender: Contender, *, at_once: int) -> list[float]:
    """Seconds from an urgent job's commit to its start, beside whatever else the worker has to do."""
    seen, put = Seen(), {}
    async with contender.working(seen, at_once):
        await asyncio.sleep(1)
        for number in range(PROBES):
            probe = f"probe {number}"
            await contender.put_urgent(probe)
            put[probe] = perf_counter()
            await asyncio.sleep(0.03)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(15):
                while len(seen.begun) < PROBES:  # noqa: ASYNC110 - the same
                    await asyncio.sleep(0.01)
    return [max(0.0, begun - put[probe]) for probe, begun in seen.begun.items()]


def contenders(make_url: Callable[[str], Urls]) -> list[Contender]:
    urls = make_url("bench_queue")
    found: list[Contender] = [Ours(urls, tells=False), Ours(urls, tells=True)]
    for kind in (PgQueuer, Procrastinate):
        try:
            found.append(kind(make_url(f"bench_queue_{kind.__name__.lower()}").admin))
        except ImportError:
            print(f"{kind.__name__} is not installed and left out")
    return found


def measure(found: list[Contender], waiting: int, future: int, *, rounds: int, seconds: int) -> None:
    print(f"\n{waiting:,} waiting, {future:,} for tomorrow at a more urgent priority")
    print(f"{'':34}{'batch of 10/s':>15}{'of 50/s':>12}{'single, keyed/s':>18}{'start p50 ms':>15}{'p99':>9}")
    busy = max(waiting, 60_000)
    rows: dict[str, list[list[float]]] = {one.name: [[], [], []] for one in found}
    latencies: dict[str, list[float]] = {one.name: [] for one in found}
    for _ in range(rounds):
        for one in found:
            one.fill(busy, future, keyed=False)
            for column, at_once in enumerate((10, 50)):
                rows[one.name][column].append(asyncio.run(rate(one, at_once=at_once, seconds=seconds)))
            one.fill(busy, future, keyed=True)
            rows[one.name][2].append(asyncio.run(rate(one, at_once=1, seconds=seconds)))
            one.fill(waiting, future, keyed=False)
            latencies[one.name] += asyncio.run(start_latency(one, at_once=10))
    for name, columns in rows.items():
        tens, fifties, single = (statistics.median(column) for column in columns)
        took = latencies[name]
        print(
            f"{name:34}{tens:15,.0f}{fifties:12,.0f}{single:18,.0f}"
            f"{statistics.median(took) * 1e3:15.1f}{percentile(took, 99) * 1e3:9.1f}"
            f"{'' if len(took) == PROBES * rounds else f'  {PROBES * rounds - len(took)} never began'}"
        )


def measure_claims(ours: Ours, levels: list[tuple[int, int]], *, rounds: int) -> None:
    print(f"\nOne claim of ours\n{'':50}{'p50 ms':>10}{'p99 ms':>10}")
    for waiting, future in levels:
        ours.fill(waiting, future, keyed=False)
        took = asyncio.run(ours.claim_latency(rounds))
        what = f"{waiting:,} waiting, {future:,} for tomorrow"
        print(f"{what:50}{statistics.median(took) * 1e3:10.3f}{percentile(took, 99) * 1e3:10.3f}")


def main() -> None:
    options = arguments(__doc__, most=1_000_000, rounds=3, seconds=3, claims=500)
    with server(options.postgres_bin) as running:
        found = contenders(lambda name: database(running, name, lambda _: None))
        ours = found[0]
        assert isinstance(ours, Ours)
        most = options.most
        measure_claims(ours, [(0, 0), (most // 10, most // 10), (most, most // 5)], rounds=options.claims)
        for waiting in (0, most // 10, most):
            measure(found, waiting, waiting, rounds=options.rounds, seconds=options.seconds)


if __name__ == "__main__":
    main()
