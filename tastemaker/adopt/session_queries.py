"""The direct connections of an adoption: their rights, the lock against a second one, and reading ahead.

One batch of pages is read ahead in a thread of its own while the last one is written. That changes nothing,
and a kill only loses it; a batch and its record stay one transaction.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import psycopg
from psycopg import Connection, sql

from tastemaker.core.clock import monotonic
from tastemaker.core.errors import Conflict, DatabaseUnavailable
from tastemaker.db.claims import SYSTEM, claims_json
from tastemaker.db.migrations.roles import EXTENSIONS_SCHEMA, OWNER
from tastemaker.db.migrations.session import reason_of

_LOCK_KEY: Final = 0x7461_7374_656D_6164  # "tastemad"

_PATIENCE_SECONDS: Final = 5.0

_POLL_SECONDS: Final = 0.1

Read = TypeVar("Read")


class AdoptionRunning(Conflict):
    """Somebody else is adopting this database now."""


class Ahead:
    """One batch ahead, never more: two of them have to fit into memory."""

    def __init__(self, connection: Connection[Any], thread: ThreadPoolExecutor) -> None:
        self._connection = connection
        self._thread = thread
        self._begun: dict[tuple[object, int], Future[Any]] = {}

    def take(self, read: Callable[[Connection[Any], int], Read], number: int, *, last: int) -> Read:
        """What `read` says of this batch; the next one is begun, unless it is the last."""
        begun = self._begun.pop((read, number), None) or self._begin(read, number)
        found: Read = begun.result()
        self._begun.clear()
        if number < last:
            self._begun[read, number + 1] = self._begin(read, number + 1)
        return found

    def _begin(self, read: Callable[[Connection[Any], int], Read], number: int) -> Future[Read]:
        return self._thread.submit(read, self._connection, number)


@contextmanager
def connected(url: str, *, read_only: bool) -> Iterator[Connection[Any]]:
    """Nothing of the database's own is on its path: a function there would run with the adopter's rights.

    Raises DatabaseUnavailable when the server cannot be reached or does not let us in.
    """
    try:
        connection = psycopg.connect(
            url,
            autocommit=True,
            application_name="tastemaker adopt",
            connect_timeout=10,
            prepare_threshold=None,
        )
    except psycopg.Error as error:
        raise DatabaseUnavailable(f"PostgreSQL does not let us in: {reason_of(error)}") from None
    with connection:
        connection.execute("SET search_path = pg_catalog, pg_temp")
        connection.execute("SET timezone = 'UTC'")
        connection.execute("SET statement_timeout = 0")
        connection.execute("SET client_min_messages = warning")
        if read_only:
            connection.execute("SET default_transaction_read_only = on")
        yield connection


def lock_out_others(connection: Connection[Any]) -> None:
    """Held as long as the connection. Raises AdoptionRunning; a killed one's lock goes at once."""
    deadline = monotonic() + _PATIENCE_SECONDS
    while True:
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK_KEY,)).fetchone()
        if row and row[0]:
            return
        if monotonic() > deadline:
            raise AdoptionRunning("Another adoption of this database is running; wait for it to end.")
        time.sleep(_POLL_SECONDS)


def work_as_owner(connection: Connection[Any], schema: str) -> None:
    """From here on with the rights of our schema's owner, seeing every tenant's rows and the original's.

    What is made lands beside the original; our own tables are always named with their schema.
    """
    connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(OWNER)))
    connection.execute(
        sql.SQL("SET search_path = {}, public, {}").format(
            sql.Identifier(schema), sql.Identifier(EXTENSIONS_SCHEMA)
        )
    )
    connection.execute("SELECT set_config('request.jwt.claims', %s, false)", (claims_json(SYSTEM),))
    # What is carried over was set long ago: it is no change of today's that the log should tell of.
    connection.execute("SELECT set_config('tastemaker.carrying_over', 'on', false)")


@contextmanager
def reading_ahead(url: str, schema: str) -> Iterator[Ahead]:
    with connected(url, read_only=True) as connection, ThreadPoolExecutor(1) as thread:
        work_as_owner(connection, schema)
        try:
            yield Ahead(connection, thread)
        finally:
            thread.shutdown(cancel_futures=True)
