"""The configuration that takes effect without a restart, a category at a time, typed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg.rows import dict_row

from tastemaker.config_store.values import Value, parse_value
from tastemaker.core.errors import InvalidInput
from tastemaker.core.logging import get_logger
from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import Database
from tastemaker.db.enums import ValueType
from tastemaker.db.reading import read_all

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
