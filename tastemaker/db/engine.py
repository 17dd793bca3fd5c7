"""The application's connections, and the only place that commits.

psycopg pools the connections (`psycopg_pool` closes idle ones, which SQLAlchemy's own pool does not);
SQLAlchemy runs on top without a pool of its own.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import orjson
import psycopg
from psycopg.abc import PQGen
from psycopg.adapt import Buffer
from psycopg.types.datetime import TimestampLoader
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import NullPool

from tastemaker.core.errors import DatabaseUnavailable
from tastemaker.db.arrays import QuickListDumper
from tastemaker.db.claims import Claim, claims_json
from tastemaker.db.profiles import LOCAL, PoolProfile
from tastemaker.db.reasons import reason_of

Result = TypeVar("Result")
Pool = AsyncConnectionPool[psycopg.AsyncConnection[Any]]

DEADLOCK_OR_SERIALIZATION = {"40P01", "40001"}
DISK_FULL = "53100"
ATTEMPTS = 5
PIPELINES = "tastemaker.pipelines"
"""In a session's `info`: whether statements may be sent as pipelines."""
DRIVER = "tastemaker.driver"
"""There, too: the driver's connection, which is the same until the session's one transaction ends."""

CLAIM = "SELECT set_config('request.jwt.claims', %(claims)s, true)"
KNOCK_SECONDS = 2
PREPARE_AFTER = 5
"""Executions of a statement on one connection before the server is asked to keep its plan."""


class NoConnectionFree(DatabaseUnavailable):
    """Every connection of the pool stayed in use for as long as a caller waits."""


DATABASE_TROUBLE = (DBAPIError, psycopg.Error, DatabaseUnavailable, OSError)
"""What a statement may raise when the database refuses it, is out of reach or has no connection free."""


@dataclass(frozen=True, slots=True)
class Database:
    """An open database. `url` is direct and the application role's, for a process's LISTEN connection.

    `prepares`: statements may be prepared and sent as pipelines, which a pooler between us may not follow.
    """

    url: str = field(repr=False)
    engine: AsyncEngine
    pool: Pool
    prepares: bool


@asynccontextmanager
async def open_database(
    url: str, profile: PoolProfile = LOCAL, *, direct_url: str | None = None
) -> AsyncIterator[Database]:
    """Connect as the application role. Raises DatabaseUnavailable, also for a role that ignores policies.

    `direct_url`: the same database past the pooler that `url` leads to, where there is one.
    """
    set_json_dumps(orjson.dumps)
    set_json_loads(orjson.loads)
    pool = _make_pool(url, profile)
    await _fill(pool, url, profile)
    engine = create_async_engine(
        "postgresql+psycopg://",
        poolclass=NullPool,
        async_creator=lambda: take_connection(pool),
        use_native_hstore=False,
        hide_parameters=True,  # an error message must not carry somebody's data
    )
    try:
        await _refuse_privileged_role(pool)
        yield Database(direct_url or url, engine, pool, prepares=profile.prepared_statements)
    finally:
        await engine.dispose()
        await pool.close()


@asynccontextmanager
async def session_scope(database: Database, claim: Claim) -> AsyncIterator[AsyncSession]:
    """One transaction on behalf of `claim`: committed when the block ends, rolled back when it raises."""
    info = {PIPELINES: database.prepares}
    async with AsyncSession(database.engine, expire_on_commit=False, info=info) as session, session.begin():
        await _begin_as(session, claim, at_once=database.prepares)
        yield session


async def _begin_as(session: AsyncSession, claim: Claim, *, at_once: bool) -> None:
    """BEGIN and the claim; `at_once` in one message, which a pooler between us may not follow."""
    connection = session.info[DRIVER] = await driver_connection(session)
    asked = {"claims": claims_json(claim)}
    if at_once:
        async with connection.pipeline():
            await connection.execute(CLAIM, asked)
    else:
        await connection.execute(CLAIM, asked)


async def in_transaction(
    database: Database, claim: Claim, work: Callable[[AsyncSession], Awaitable[Result]]
) -> Result:
    """Run `work` in its own transaction; again, up to five times, when PostgreSQL chose it as a victim."""
    for attempt in range(ATTEMPTS):
        try:
            async with session_scope(database, claim) as session:
                return await work(session)
        except (DBAPIError, psycopg.Error) as error:
            if not is_victim(error) or attempt == ATTEMPTS - 1:
                raise
        await asyncio.sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311 - jitter, not a secret
    raise AssertionError("unreachable: the last attempt returns or raises")


def is_victim(error: Exception) -> bool:
    """Whether PostgreSQL ended the transaction for another's sake: the same once more may succeed.

    SQLAlchemy wraps the driver's errors; those of `driver_connection` come as they are.
    """
    return _sqlstate(error) in DEADLOCK_OR_SERIALIZATION


def is_full(error: Exception) -> bool:
    """Whether PostgreSQL has no space left on its disk: what was committed is safe, and reading goes on."""
    return _sqlstate(error) == DISK_FULL


def _sqlstate(error: Exception) -> str | None:
    original = error.orig if isinstance(error, DBAPIError) else error
    return getattr(original, "sqlstate", None)


class _Pipeline(psycopg.AsyncPipeline):
    """Ends with a Sync and nothing after it.

    psycopg sends a Flush behind the Sync. PostgreSQL then takes the session for busy, and ends no transaction
    of a client that has stopped in the middle (`idle_in_transaction_session_timeout`): its locks stay.
    """

    def _exit_gen(self) -> PQGen[None]:
        try:
            self._enqueue_sync()
            yield from self._communicate_gen()
        finally:
            yield from self._fetch_gen(flush=False)


class _Lent(psycopg.AsyncConnection[Any]):
    """Goes back to its pool when it is closed, also when the server has closed it before.

    psycopg gives back only what still works; without the others, which the pool replaces, one restart of the
    server would leave it empty for good.
    """

    lender: Pool | None = None

    @asynccontextmanager
    async def pipeline(self) -> AsyncIterator[psycopg.AsyncPipeline]:
        if self._pipeline is None:
            self._pipeline = _Pipeline(self)
        async with super().pipeline() as pipeline:
            yield pipeline

    async def close(self) -> None:
        lender, self.lender = self.lender, None
        if lender is not None and self.closed:
            await lender.putconn(self)
        else:
            await super().close()


async def take_connection(pool: Pool) -> psycopg.AsyncConnection[Any]:
    """A connection to be given back with `close()`. Raises NoConnectionFree, DatabaseUnavailable."""
    try:
        connection = await pool.getconn()
    except PoolTimeout:
        await _knock(str(pool.conninfo))
        raise NoConnectionFree("Every database connection is in use; try again in a moment.") from None
    if isinstance(connection, _Lent):
        connection.lender = pool
    return connection


async def _knock(url: str) -> None:
    """A pool waits for a server that is gone as for a connection in use. Raises DatabaseUnavailable."""
    try:
        connection = await psycopg.AsyncConnection.connect(url, connect_timeout=KNOCK_SECONDS)
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(
            f"PostgreSQL is out of reach: {reason_of(error)}. What was stored is kept; try again."
        ) from None
    await connection.close()


async def end_transaction(connection: psycopg.AsyncConnection[Any]) -> None:
    """Commit by a statement, so that it can travel with others; the scope then finds nothing to commit."""
    await connection.execute("COMMIT", prepare=False)


async def driver_connection(session: AsyncSession) -> psycopg.AsyncConnection[Any]:
    """The session's psycopg connection, inside its transaction: for pipelined batches and COPY."""
    known = session.info.get(DRIVER)
    if isinstance(known, psycopg.AsyncConnection):
        return known
    connection = await session.connection()
    raw = await connection.get_raw_connection()
    driver = raw.driver_connection
    if not isinstance(driver, psycopg.AsyncConnection):
        raise TypeError("the engine is not psycopg's")
    return driver


def _make_pool(url: str, profile: PoolProfile) -> Pool:
    return AsyncConnectionPool(
        url,
        connection_class=_Lent,
        min_size=profile.min_size,
        max_size=profile.max_size,
        max_idle=profile.max_idle,
        max_lifetime=profile.max_lifetime,
        timeout=profile.wait,
        open=False,
        close_returns=True,
        configure=_speak_utc,
        kwargs={
            "connect_timeout": profile.connect_timeout,
            "application_name": "tastemaker",
            "prepare_threshold": PREPARE_AFTER if profile.prepared_statements else None,
        },
    )


class _UtcLoader(TimestampLoader):
    """A `timestamp` of ours is UTC; Python sees it aware, as through the models."""

    def load(self, data: Buffer) -> datetime:
        return super().load(data).replace(tzinfo=UTC)


async def _speak_utc(connection: psycopg.AsyncConnection[Any]) -> None:
    """The role is set to UTC; PGTZ in our environment would win over it. Poolers follow this one setting."""
    connection.adapters.register_loader("timestamp", _UtcLoader)
    connection.adapters.register_dumper(list, QuickListDumper)
    if connection.info.parameter_status("TimeZone") != "UTC":
        await connection.execute("SET timezone = 'UTC'")
        await connection.commit()


async def _fill(pool: Pool, url: str, profile: PoolProfile) -> None:
    try:
        probe = await psycopg.AsyncConnection.connect(url, connect_timeout=profile.connect_timeout)
        await probe.close()
        await pool.open(wait=True, timeout=profile.connect_timeout)
    except (psycopg.OperationalError, PoolTimeout) as error:
        await pool.close()
        raise DatabaseUnavailable(f"PostgreSQL does not let us in: {reason_of(error)}") from None


async def _refuse_privileged_role(pool: Pool) -> None:
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
        )
        row = await cursor.fetchone()
    if row is None or row[1]:
        name = row[0] if row else "?"
        raise DatabaseUnavailable(
            f"The application may not connect as {name!r}: that role ignores row-level security. "
            "Give the administrator's URL as DATABASE_ADMIN_URL and the application's as DATABASE_URL."
        )
