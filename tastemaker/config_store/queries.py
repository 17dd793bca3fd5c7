"""Statements of the configuration: values, declared keys, history. Only the system claim may write."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg.rows import dict_row
from sqlalchemy import Connection, text

from tastemaker.config_store.declaration import ConfigKey
from tastemaker.config_store.values import Value, parse_value
from tastemaker.core.errors import InvalidInput
from tastemaker.core.logging import get_logger
from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import Database
from tastemaker.db.enums import ValueType
from tastemaker.db.reading import read_all
from tastemaker.db.transaction import Transaction

LIST = text("""
    SELECT category, key, value, value_type, is_hot_reloadable = 'true' AS is_hot, updated_at
    FROM system_configurations ORDER BY category, key
""")

FIND = text("SELECT value FROM system_configurations WHERE category = :category AND key = :key")

SET = text("""
    INSERT INTO system_configurations AS stored (
        category, key, value, value_type, description, is_hot_reloadable)
    VALUES (:category, :key, :value, :value_type, :description, :is_hot)
    ON CONFLICT (category, key) DO UPDATE SET value = excluded.value WHERE stored.value <> excluded.value
    RETURNING 1
""")

UNSET = text("DELETE FROM system_configurations WHERE category = :category AND key = :key RETURNING 1")

ACT_AS = text("SELECT set_config('tastemaker.actor', :actor, true)")

DECLARE = text("""
    INSERT INTO configuration_keys AS known (category, key, value_type, least, most, choices, whole)
    VALUES (:category, :key, :value_type, :least, :most, CAST(:choices AS text[]), :whole)
    ON CONFLICT (category, key) DO UPDATE
    SET value_type = excluded.value_type, least = excluded.least, most = excluded.most,
        choices = excluded.choices, whole = excluded.whole
    WHERE (known.value_type, known.least, known.most, known.choices, known.whole)
          IS DISTINCT FROM
          (excluded.value_type, excluded.least, excluded.most, excluded.choices, excluded.whole)
""")

HISTORY = text("""
    SELECT "timestamp", aggregate_id AS name, event_data ->> 'old' AS old, event_data ->> 'new' AS new,
           metadata ->> 'actor' AS actor
    FROM events
    WHERE aggregate_type = 'config' AND event_type = 'configuration_changed' AND tenant_id IS NULL
      AND (CAST(:name AS text) IS NULL OR aggregate_id = :name)
    ORDER BY "timestamp" DESC, seq DESC LIMIT :limit
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredValue:
    """A row as it was written; whether it can be read as its type is the reader's question."""

    category: str
    key: str
    value: str
    value_type: ValueType
    is_hot: bool
    updated_at: datetime

    @property
    def name(self) -> str:
        return f"{self.category}.{self.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """`old` None: the row was made; `new` None: it was removed, and the default applies again."""

    timestamp: datetime
    name: str
    old: str | None
    new: str | None
    actor: str | None


async def list_values(session: Transaction) -> list[StoredValue]:
    """By category and key."""
    rows = (await session.execute(LIST)).mappings()
    return [StoredValue(**{**row, "value_type": ValueType(row["value_type"])}) for row in rows]


async def find_value(session: Transaction, category: str, key: str) -> str | None:
    """As it was written."""
    return (await session.execute(FIND, {"category": category, "key": key})).scalar_one_or_none()


async def set_value(session: Transaction, key: ConfigKey[Any], value: str) -> bool:
    """False: it had that value already."""
    written = await session.execute(
        SET,
        {
            "category": key.category,
            "key": key.key,
            "value": value,
            "value_type": key.kind.value,
            "description": key.meaning,
            "is_hot": "true" if key.hot else "false",
        },
    )
    return written.first() is not None


async def unset_value(session: Transaction, category: str, key: str) -> bool:
    """False: there was no such row."""
    return (await session.execute(UNSET, {"category": category, "key": key})).first() is not None


async def act_as(session: Transaction, actor: str) -> None:
    """Whom the transaction's changes are written down as done by."""
    await session.execute(ACT_AS, {"actor": actor})


async def declare_keys(session: Transaction, keys: Iterable[ConfigKey[Any]]) -> None:
    """Let the database refuse what this code could not read, whoever writes it."""
    await session.execute(DECLARE, [_declaration(key) for key in keys])


def declare_keys_at_once(connection: Connection, keys: Iterable[ConfigKey[Any]]) -> None:
    """The same for whoever migrates."""
    connection.execute(DECLARE, [_declaration(key) for key in keys])


async def list_changes(session: Transaction, name: str | None, *, limit: int) -> list[Change]:
    """The latest first; of one key where named."""
    rows = await session.execute(HISTORY, {"name": name, "limit": limit})
    return [Change(**row) for row in rows.mappings()]


def _declaration(key: ConfigKey[Any]) -> dict[str, Any]:
    bounds = (None if bound is None else key.write(bound) for bound in (key.least, key.most))
    return {
        "category": key.category,
        "key": key.key,
        "value_type": key.kind.value,
        **dict(zip(("least", "most"), bounds, strict=True)),
        "choices": list(key.choices) or None,
        "whole": key.whole,
    }


log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloadable:
    category: str
    key: str
    value: Value
    updated_at: datetime


LIST_RELOADABLE: Final = """
    SELECT key, value, value_type, updated_at FROM system_configurations
    WHERE category = %(category)s AND is_hot_reloadable = 'true'
    ORDER BY key
"""


async def list_reloadable(database: Database, category: str) -> tuple[Reloadable, ...]:
    """By key. What cannot be read as its type is logged and left out: its reader's default applies."""
    rows = await read_all(database, SYSTEM, LIST_RELOADABLE, {"category": category}, row=dict_row)
    return tuple(found for row in rows if (found := _reloadable(category, row)) is not None)


def _reloadable(category: str, row: dict[str, Any]) -> Reloadable | None:
    try:
        value = parse_value(row["value"], ValueType(row["value_type"]))
    except InvalidInput:
        log.warning("%s.%s cannot be read as a %s", category, row["key"], row["value_type"])
        return None
    return Reloadable(category=category, key=row["key"], value=value, updated_at=row["updated_at"])
