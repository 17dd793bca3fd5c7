"""Reading one value. A missing or unreadable one is the default: the last thing that is known to work."""

from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.config_store.durations import parse_duration
from tastemaker.core.errors import InvalidInput
from tastemaker.core.logging import get_logger

log = get_logger(__name__)

FIND = text("SELECT value FROM system_configurations WHERE category = :category AND key = :key")


async def get_duration(session: AsyncSession, category: str, key: str, *, default: timedelta) -> timedelta:
    value = await session.scalar(FIND, {"category": category, "key": key})
    if value is None:
        return default
    try:
        return parse_duration(value)
    except InvalidInput:
        log.warning("%s.%s cannot be read, using %s", category, key, default)
        return default


async def get_flag(session: AsyncSession, category: str, key: str, *, default: bool) -> bool:
    value = await session.scalar(FIND, {"category": category, "key": key})
    if value is None:
        return default
    if value.strip().lower() not in {"true", "false"}:
        log.warning("%s.%s cannot be read, using %s", category, key, default)
        return default
    return bool(value.strip().lower() == "true")
