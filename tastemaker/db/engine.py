"""Former names of `db/pool.py` and `db/transaction.py`; goes with its last caller."""

from tastemaker.db.pool import Connection, Database, NoConnectionFree, Pool, lend, open_database
from tastemaker.db.transaction import (
    ATTEMPTS,
    DATABASE_TROUBLE,
    Transaction,
    in_transaction,
    is_full,
    is_victim,
)
from tastemaker.db.transaction import transaction as session_scope

__all__ = [
    "ATTEMPTS", "DATABASE_TROUBLE", "Database", "NoConnectionFree", "Pool", "driver_connection",
    "in_transaction", "is_full", "is_victim", "lend", "open_database", "session_scope",
]  # fmt: skip


async def driver_connection(tx: Transaction) -> Connection:
    return tx.connection
