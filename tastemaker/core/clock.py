"""The one place that reads the process's clock, and days by time zone.

Business time is the database's `app_now()`.
"""

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

WINTER_IN: Final = {"America/Los_Angeles": -8}


def utc_now() -> datetime:
    """The wall clock, aware, in UTC. For display and file names; decisions use `app_now()` in SQL."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Seconds that only go forward: for durations and deadlines inside one process."""
    return time.monotonic()


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
    return datetime(day.year, day.month, day.day, tzinfo=there).astimezone(UTC)


def _zone(name: str) -> tzinfo:
    """Without a time zone database on the machine: winter time, at most an hour too late."""
    try:
        return ZoneInfo(name)
    except ZoneInfoNotFoundError:
        return timezone(timedelta(hours=WINTER_IN.get(name, 0)))
