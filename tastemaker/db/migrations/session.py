"""The direct connection of a migration: opening it, the lock against a second migrator, its errors."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from tastemaker.core.clock import monotonic
from tastemaker.core.errors import DatabaseUnavailable
from tastemaker.db.migrations.roles import EXTENSIONS_SCHEMA, OWNER

_LOCK_KEY: Final = 0x7461_7374_656D_6B72  # "tastemkr"
_LOCK_POLL_SECONDS: Final = 0.1
_LOCK_WAIT_SECONDS: Final = 900.0


class MigrationFailed(DatabaseUnavailable):
    """A step did not succeed and was rolled back; those before it stay."""


@contextmanager
def connected(admin_url: str) -> Iterator[Connection]:
    """Raises DatabaseUnavailable when the server cannot be reached or does not let us in."""
    url = admin_url.replace("postgresql+psycopg://", "postgresql://", 1)
    engine = create_engine("postgresql+psycopg://", creator=lambda: _connect(url), poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


def lock_out_others(connection: Connection) -> None:
    """Takes the lock, which the connection holds until it ends. Raises MigrationFailed after 15 minutes.

    It polls, because a statement that waits would hold a snapshot open.
    """
    deadline = monotonic() + _LOCK_WAIT_SECONDS
    while not _tried_lock(connection):
        if monotonic() > deadline:
            raise MigrationFailed(
                "Another migration of this database has been running for 15 minutes; look at it first."
            )
        time.sleep(_LOCK_POLL_SECONDS)


def become_owner(connection: Connection) -> None:
    """From here on the session acts as the owner of the schema, in UTC, and finds the extensions.

    It reads whole tables, once each: compiling costs it more than it gives, spilling more than memory.
    """
    schema = connection.exec_driver_sql(
        "SELECT quote_ident(extnamespace::regnamespace::text) FROM pg_extension WHERE extname = 'pg_trgm'"
    ).scalar_one()
    path = dict.fromkeys(("public", str(schema), EXTENSIONS_SCHEMA))
    connection.exec_driver_sql(f"SET ROLE {OWNER}")
    connection.exec_driver_sql("SET timezone = 'UTC'")
    connection.exec_driver_sql("SET jit = off")
    connection.exec_driver_sql("SET work_mem = '64MB'")
    connection.exec_driver_sql(f"SET search_path = {', '.join(path)}")


def become_owner_to_read(connection: Connection) -> None:
    """The ledger belongs to the owner; a role that is not its member reads as itself."""
    may = connection.exec_driver_sql(
        f"SELECT pg_has_role(oid, 'MEMBER') FROM pg_roles WHERE rolname = '{OWNER}'"  # noqa: S608 - a constant
    ).scalar()
    if may:
        connection.exec_driver_sql(f"SET ROLE {OWNER}")


def reason_of(error: BaseException) -> str:
    """The server's own sentence, without the statement and its values."""
    original = getattr(error, "orig", None) or error
    primary = getattr(getattr(original, "diag", None), "message_primary", None)
    lines = str(primary or original).strip().splitlines()
    return lines[-1] if lines else type(original).__name__


def sqlstate_of(error: BaseException) -> str | None:
    return getattr(getattr(error, "orig", error), "sqlstate", None)


def _connect(url: str) -> psycopg.Connection[tuple[object, ...]]:
    try:
        return psycopg.connect(
            url, application_name="tastemaker migrate", connect_timeout=10, prepare_threshold=None
        )
    except psycopg.Error as error:
        raise DatabaseUnavailable(f"PostgreSQL does not let us in: {reason_of(error)}") from None


def _tried_lock(connection: Connection) -> bool:
    with connection.begin():
        return bool(connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({_LOCK_KEY})").scalar_one())
