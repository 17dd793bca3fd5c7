"""A day in a stated part of the world: providers count their quotas by it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

WINTER_IN: Final = {"America/Los_Angeles": -8}


@dataclass(frozen=True, slots=True)
class Day:
    """From midnight to midnight, in UTC; 23 or 25 hours where clocks are moved."""

    begins: datetime
    ends: datetime


def day_of(moment: datetime, zone: str) -> Day:
    """The day in `zone` (IANA) that `moment` is in."""
    there = _zone(zone)
    today = moment.astimezone(there).date()
    return Day(_midnight(today, there), _midnight(today + timedelta(days=1), there))


def _midnight(day: date, there: tzinfo) -> datetime:
    return datetime.combine(day, time.min, tzinfo=there).astimezone(UTC)


def _zone(name: str) -> tzinfo:
    """Without a time zone database on the machine: winter time, at most an hour too late."""
    try:
        return ZoneInfo(name)
    except ZoneInfoNotFoundError:
        return timezone(timedelta(hours=WINTER_IN.get(name, 0)))
