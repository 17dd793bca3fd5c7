"""How far delivery is behind, and what has been given up."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import text

from tastemaker.core.logging import get_logger
from tastemaker.db.transaction import Transaction

MOST_COUNTED: Final = 10_000
"""Beyond it the number says no more than that it is too large."""

WARN_AFTER_SECONDS: Final = 60.0

LAG: Final = text("""
    SELECT (SELECT count(*) FROM (
                SELECT FROM events WHERE processing_status = 'pending' LIMIT :most) AS few) AS pending,
           (SELECT count(*) FROM (
                SELECT FROM event_deliveries WHERE status = 'pending' AND due_at <= app_now() LIMIT :most
            ) AS few) AS waiting,
           (SELECT count(*) FROM (
                SELECT FROM event_deliveries WHERE status = 'failed' LIMIT :most) AS few) AS failed,
           coalesce(extract(epoch FROM app_now() - least(
               (SELECT timezone('UTC', min("timestamp")) FROM events WHERE processing_status = 'pending'),
               (SELECT min(due_at) FROM event_deliveries WHERE status = 'pending' AND due_at <= app_now())
           )), 0) AS seconds
""")

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """`pending` events are not handed out yet, `waiting` deliveries are due, `failed` ones given up.

    Counts end at 10,000. `seconds`: how long the oldest has been due.
    """

    pending: int
    waiting: int
    failed: int
    seconds: float

    @property
    def is_behind(self) -> bool:
        return self.seconds > WARN_AFTER_SECONDS


async def find_lag(session: Transaction) -> Lag:
    """Over all tenants: for the system's claim."""
    row = (await session.execute(LAG, {"most": MOST_COUNTED})).mappings().one()
    return Lag(
        pending=row["pending"],
        waiting=row["waiting"],
        failed=row["failed"],
        seconds=max(0.0, float(row["seconds"])),
    )


async def check_lag(session: Transaction) -> Lag:
    """For the schedule: warns in the log when delivery is behind, or something was given up."""
    lag = await find_lag(session)
    if lag.is_behind:
        log.warning(
            "events are %.0f s behind: %d to be handed out, %d deliveries due. Does a worker run?",
            lag.seconds,
            lag.pending,
            lag.waiting,
        )
    if lag.failed:
        log.warning("%d event deliveries were given up; see `tastemaker events failed`", lag.failed)
    return lag
