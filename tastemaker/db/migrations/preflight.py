"""Checks before anything is changed. A refusal is one sentence and leaves the database unchanged."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection

from tastemaker.core.errors import DatabaseUnavailable, InvalidInput
from tastemaker.db.migrations.ledger import has_ledger

OLDEST_SERVER: Final = 15
_TABLES_SHOWN: Final = 5

_TABLES_OF_OTHERS: Final = """
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY c.relname
"""


class MigrationRefused(DatabaseUnavailable):
    """These migrations cannot be applied to the database, or not over this connection."""


def refuse_unfit_server(connection: Connection) -> None:
    major = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one()) // 10_000
    if major < OLDEST_SERVER:
        raise MigrationRefused(
            f"This server is PostgreSQL {major}; Tastemaker needs {OLDEST_SERVER} or newer."
        )
    if connection.exec_driver_sql("SELECT pg_is_in_recovery()").scalar_one():
        raise MigrationRefused("This server is a read-only standby; migrate its primary.")
    if connection.exec_driver_sql("SHOW transaction_read_only").scalar_one() == "on":
        raise MigrationRefused("This server only lets us read: default_transaction_read_only is on.")


def refuse_foreign_database(connection: Connection) -> None:
    """Tables without our ledger belong to another product and are not touched."""
    if has_ledger(connection):
        return
    tables = connection.exec_driver_sql(_TABLES_OF_OTHERS).scalars().all()
    if not tables:
        return
    name = connection.exec_driver_sql("SELECT current_database()").scalar_one()
    shown = ", ".join(tables[:_TABLES_SHOWN]) + (" …" if len(tables) > _TABLES_SHOWN else "")
    raise MigrationRefused(
        f"The database {name!r} holds tables of another product ({shown}); give Tastemaker an empty one."
    )


def refuse_impossible_goal(current: str | None, *, known: Sequence[str], goal: str) -> None:
    """`known` are the numbers of the history in order, `current` is where the database stands."""
    if goal not in known:
        raise InvalidInput(
            f"There is no migration {goal[:40]!r}; the history goes from {known[0]} to {known[-1]}."
        )
    if current is None:
        return
    if current not in known:
        raise MigrationRefused(
            f"The database is at {current}, which this Tastemaker does not know (its last is {known[-1]}): "
            "upgrade Tastemaker."
        )
    if goal < current:
        raise InvalidInput(
            f"The database is at {current} and migrations never go back to {goal}; restore a backup instead."
        )
