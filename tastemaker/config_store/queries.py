"""Statements of the configuration: values, declared keys, history. Only the system claim may write."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tastemaker.config_store.declaration import ConfigKey
from tastemaker.config_store.values import Value, parse_value
from tastemaker.core.errors import InvalidInput
from tastemaker.core.logging import get_logger
from tastemaker.db.claims import SYSTEM
from tastemaker.db.enums import ValueType
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction, read_many

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredValue:
    """A row as it was written; it may be unreadable as its type."""

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
    """`old` None: the row was inserted. `new` None: it was deleted, and the default applies again."""

    timestamp: datetime
    name: str
    old: str | None
    new: str | None
    actor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloadable:
    """A value that takes effect without a restart, typed."""

    category: str
    key: str
    value: Value
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _HotRow:
    key: str
    value: str
    value_type: ValueType
    updated_at: datetime


LIST = statement(
    """
    SELECT category, key, value, value_type, is_hot_reloadable = 'true' AS is_hot, updated_at
    FROM system_configurations ORDER BY category, key
    """,
    StoredValue,
    not_null="is_hot",
)

FIND = statement(
    "SELECT value FROM system_configurations WHERE category = %(category)s AND key = %(key)s", str
)

LIST_HOT = statement(
    """
    SELECT key, value, value_type, updated_at FROM system_configurations
    WHERE category = %(category)s AND is_hot_reloadable = 'true'
    ORDER BY key
    """,
    _HotRow,
)

SET = statement("""
    INSERT INTO system_configurations AS stored (
        category, key, value, value_type, description, is_hot_reloadable)
    VALUES (%(category)s, %(key)s, %(value)s, %(value_type)s, %(description)s, %(is_hot)s)
    ON CONFLICT (category, key) DO UPDATE SET value = excluded.value WHERE stored.value <> excluded.value
""")

UNSET = statement("DELETE FROM system_configurations WHERE category = %(category)s AND key = %(key)s")

ACT_AS = statement("SELECT set_config('tastemaker.actor', %(actor)s, true)", str, not_null="set_config")

DECLARE = statement("""
    INSERT INTO configuration_keys AS known (category, key, value_type, least, most, choices, whole)
    VALUES (%(category)s, %(key)s, %(value_type)s, %(least)s, %(most)s,
            CAST(%(choices)s AS text[]), %(whole)s)
    ON CONFLICT (category, key) DO UPDATE
    SET value_type = excluded.value_type, least = excluded.least, most = excluded.most,
        choices = excluded.choices, whole = excluded.whole
    WHERE (known.value_type, known.least, known.most, known.choices, known.whole)
          IS DISTINCT FROM
          (excluded.value_type, excluded.least, excluded.most, excluded.choices, excluded.whole)
""")

HISTORY = statement(
    """
    SELECT "timestamp", aggregate_id AS name, event_data ->> 'old' AS old, event_data ->> 'new' AS new,
           metadata ->> 'actor' AS actor
    FROM events
    WHERE aggregate_type = 'config' AND event_type = 'configuration_changed' AND tenant_id IS NULL
      AND (CAST(%(name)s AS text) IS NULL OR aggregate_id = %(name)s)
    ORDER BY "timestamp" DESC, seq DESC LIMIT %(limit)s
    """,
    Change,
)


async def list_values(tx: Transaction) -> list[StoredValue]:
    """By category and key."""
    return await tx.many(LIST)


async def find_value(tx: Transaction, category: str, key: str) -> str | None:
    """As it was written."""
    return await tx.one(FIND, category=category, key=key)


async def list_reloadable(database: Database, category: str) -> tuple[Reloadable, ...]:
    """By key. A value that cannot be read as its type is logged and left out: the default applies."""
    rows = await read_many(database, SYSTEM, LIST_HOT, category=category)
    return tuple(found for row in rows if (found := _reloadable(category, row)) is not None)


async def set_value(tx: Transaction, key: ConfigKey[Any], value: str) -> bool:
    """False: it had that value already."""
    changed = await tx.run(
        SET,
        category=key.category,
        key=key.key,
        value=value,
        value_type=key.kind.value,
        description=key.meaning,
        is_hot="true" if key.hot else "false",
    )
    return changed > 0


async def unset_value(tx: Transaction, category: str, key: str) -> bool:
    """False: there was no such row."""
    return await tx.run(UNSET, category=category, key=key) > 0


async def act_as(tx: Transaction, actor: str) -> None:
    """Who the changes of the transaction are recorded as done by."""
    await tx.run(ACT_AS, actor=actor)


async def declare_keys(tx: Transaction, keys: Iterable[ConfigKey[Any]]) -> None:
    """Tell the database the types and bounds, so that it refuses values that this code could not read."""
    await tx.run_each(DECLARE, map(declaration_of, keys))


async def list_changes(tx: Transaction, name: str | None, *, limit: int) -> list[Change]:
    """The latest first; of one key where named."""
    return await tx.many(HISTORY, name=name, limit=limit)


def declaration_of(key: ConfigKey[Any]) -> dict[str, Any]:
    """The parameters of DECLARE."""
    bounds = (None if bound is None else key.write(bound) for bound in (key.least, key.most))
    return {
        "category": key.category,
        "key": key.key,
        "value_type": key.kind.value,
        **dict(zip(("least", "most"), bounds, strict=True)),
        "choices": list(key.choices) or None,
        "whole": key.whole,
    }


def _reloadable(category: str, row: _HotRow) -> Reloadable | None:
    try:
        value = parse_value(row.value, row.value_type)
    except InvalidInput:
        log.warning("%s.%s cannot be read as a %s", category, row.key, row.value_type)
        return None
    return Reloadable(category=category, key=row.key, value=value, updated_at=row.updated_at)
