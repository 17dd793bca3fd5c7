"""The application's connections: a pool of psycopg's, and how values travel over them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import psycopg
from psycopg.adapt import Buffer
from psycopg.pq import TransactionStatus
from psycopg.types.array import ListDumper
from psycopg.types.datetime import TimestampLoader
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from tastemaker.core.clock import monotonic
from tastemaker.core.errors import DatabaseUnavailable
from tastemaker.core.logging import limit_log
from tastemaker.db.listening import Listener
from tastemaker.db.profiles import LOCAL, PoolProfile
from tastemaker.db.reasons import reason_of

Connection = psycopg.AsyncConnection[Any]
Pool = AsyncConnectionPool[Connection]

PROBE_SECONDS: Final = 2
PROBE_HOLDS_SECONDS: Final = 1.0
"""How long the result of a probe is good for others who wait in vain."""

PREPARE_AFTER: Final = 5
"""Executions of a statement on one connection before the server is asked to keep its plan."""

CURRENT_ROLE: Final = "SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"


class NoConnectionFree(DatabaseUnavailable):
    """Every connection of the pool stayed in use for as long as a caller waits."""


@dataclass(frozen=True, slots=True)
class Database:
    """An open database. `listener` owns the LISTEN connection; `url` is direct and the application role's.

    `prepares`: statements may be prepared and sent as pipelines, which a pooler between us may not follow.
    """

    url: str = field(repr=False)
    pool: Pool
    prepares: bool
    listener: Listener = field(init=False, repr=False, compare=False)
    probe: "Probe" = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "listener", Listener(self.url))
        object.__setattr__(self, "probe", Probe(str(self.pool.conninfo)))


class Probe:
    """Tells a server that is gone from a pool in use: a pool waits for both alike.

    However many callers wait in vain, at most one connection is opened outside the pool at a time.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._turn = asyncio.Lock()
        self._reason: str | None = None
        self._valid_until = 0.0

    async def check(self) -> None:
        """Raises DatabaseUnavailable where the server lets nobody in."""
        async with self._turn:
            if monotonic() >= self._valid_until:
                self._reason = await self._connect()
                self._valid_until = monotonic() + PROBE_HOLDS_SECONDS
        if self._reason is not None:
            raise DatabaseUnavailable(
                f"PostgreSQL is out of reach: {self._reason}. What was stored is kept; try again."
            )

    async def _connect(self) -> str | None:
        """Why it fails, or None."""
        try:
            connection = await psycopg.AsyncConnection.connect(self._url, connect_timeout=PROBE_SECONDS)
        except psycopg.OperationalError as error:
            return reason_of(error)
        await connection.close()
        return None


@asynccontextmanager
async def open_database(
    url: str, profile: PoolProfile = LOCAL, *, direct_url: str | None = None
) -> AsyncIterator[Database]:
    """Connect as the application role. Raises DatabaseUnavailable, also for a role that ignores policies.

    `direct_url`: the same database past the pooler that `url` leads to, where there is one.
    """
    pool = _make_pool(url, profile)
    await _fill(pool, url, profile)
    try:
        database = Database(direct_url or url, pool, prepares=profile.prepared_statements)
        await _refuse_privileged_role(database)
        yield database
    finally:
        await pool.close()


@asynccontextmanager
async def lend(database: Database) -> AsyncIterator[Connection]:
    """A connection outside any transaction. Raises NoConnectionFree, DatabaseUnavailable.

    One that comes back in the middle of something is closed; the pool replaces it.
    """
    try:
        connection = await database.pool.getconn()
    except PoolTimeout:
        await database.probe.check()
        raise NoConnectionFree("Every database connection is in use; try again in a moment.") from None
    try:
        yield connection
    finally:
        if connection.info.transaction_status is not TransactionStatus.IDLE:
            connection.pgconn.finish()
        await database.pool.putconn(connection)


def _make_pool(url: str, profile: PoolProfile) -> Pool:
    limit_log("psycopg")
    limit_log("psycopg.pool")
    return AsyncConnectionPool(
        url,
        min_size=profile.min_size,
        max_size=profile.max_size,
        max_idle=profile.max_idle,
        max_lifetime=profile.max_lifetime,
        timeout=profile.wait,
        open=False,
        configure=_configure,
        kwargs={
            "autocommit": True,  # transactions begin with their claim, in one message
            "connect_timeout": profile.connect_timeout,
            "application_name": "tastemaker",
            "prepare_threshold": PREPARE_AFTER if profile.prepared_statements else None,
        },
    )


async def _configure(connection: Connection) -> None:
    """The role is set to UTC; PGTZ in our environment would win over it. Poolers follow this one setting."""
    set_json_dumps(orjson.dumps, connection)
    set_json_loads(orjson.loads, connection)
    connection.adapters.register_loader("timestamp", _UtcLoader)
    connection.adapters.register_dumper(list, QuickListDumper)
    if connection.info.parameter_status("TimeZone") != "UTC":
        await connection.execute("SET timezone = 'UTC'")


async def _fill(pool: Pool, url: str, profile: PoolProfile) -> None:
    try:
        first = await psycopg.AsyncConnection.connect(url, connect_timeout=profile.connect_timeout)
        await first.close()
        await pool.open(wait=True, timeout=profile.connect_timeout)
    except (psycopg.OperationalError, PoolTimeout) as error:
        await pool.close()
        raise DatabaseUnavailable(f"PostgreSQL does not let us in: {reason_of(error)}") from None


async def _refuse_privileged_role(database: Database) -> None:
    async with lend(database) as connection:
        row = await (await connection.execute(CURRENT_ROLE)).fetchone()
    if row is None or row[1]:
        name = row[0] if row else "?"
        raise DatabaseUnavailable(
            f"The application may not connect as {name!r}: that role ignores row-level security. "
            "Give the administrator's URL as DATABASE_ADMIN_URL and the application's as DATABASE_URL."
        )


class _UtcLoader(TimestampLoader):
    """Reads a `timestamp` as UTC."""

    def load(self, data: Buffer) -> datetime:
        return super().load(data).replace(tzinfo=UTC)


class QuickListDumper(ListDumper):
    """Writes lists of plain strings or numbers as one text; psycopg writes them item by item.

    A page of a search sends seven lists of fifty.
    """

    def dump(self, obj: list[Any]) -> Buffer | None:
        types = set(map(type, obj))
        if types == {int}:
            return f"{{{','.join(map(str, obj))}}}".encode()
        plain = self.sub_dumper.dump('","'.join(obj)) if types == {str} and self.sub_dumper else None
        if plain is None or not _needs_no_escape(bytes(plain), obj):
            return super().dump(obj)
        return b'{"' + plain + b'"}'


def _needs_no_escape(plain: bytes, items: Sequence[str]) -> bool:
    return b"\\" not in plain and plain.count(b'"') == 2 * (len(items) - 1)
