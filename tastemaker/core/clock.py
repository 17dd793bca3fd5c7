"""The one place that reads the process's clock. Business time is the database's `app_now()`."""

import time
from datetime import UTC, datetime


def utc_now() -> datetime:
    """The wall clock, aware, in UTC. For display and file names; decisions use `app_now()` in SQL."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Seconds that only go forward: for durations and deadlines inside one process."""
    return time.monotonic()
