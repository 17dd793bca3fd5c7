"""The rows behind the limits. Times are the database's; whoever asks holds the gate's row until commit."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import text

from tastemaker.db.transaction import Transaction
from tastemaker.ratelimit.limiter import Limiter

LOCK_GATE = text("""
    INSERT INTO provider_gates AS gate (name, free_at) VALUES (:name, app_now())
    ON CONFLICT (name) DO UPDATE SET name = excluded.name
    RETURNING gate.name, gate.free_at, gate.held_until, gate.held_reason, gate.failures, gate.trips,
              gate.open_until, gate.probe_until, app_now() AS now
""")

COUNT_UNDER_WAY = text("""
    SELECT count(*) FROM provider_calls
    WHERE gate = :name AND status = 'estimated' AND started_at > app_now() - make_interval(secs => :deadline)
""")

SAVE_GATE = text("""
    UPDATE provider_gates
    SET free_at = :free_at, held_until = :held_until, held_reason = :held_reason, failures = :failures,
        trips = :trips, open_until = :open_until, probe_until = :probe_until
    WHERE name = :name
""")

HOLD = text("""
    WITH before AS MATERIALIZED (
        SELECT held_until FROM provider_gates WHERE name = :name FOR UPDATE
    )
    INSERT INTO provider_gates AS gate (name, free_at, held_until, held_reason)
    SELECT :name, app_now(), app_now() + make_interval(secs => :seconds), :reason
    FROM (SELECT count(*) FROM before) AS looked_first
    ON CONFLICT (name) DO UPDATE
    SET held_until = greatest(gate.held_until, excluded.held_until), held_reason = excluded.held_reason
    RETURNING gate.held_until, NOT EXISTS (SELECT FROM before WHERE held_until > app_now()) AS is_new
""")

REST = text("""
    WITH before AS MATERIALIZED (
        SELECT open_until FROM provider_gates WHERE name = :name FOR UPDATE
    )
    INSERT INTO provider_gates AS gate (name, free_at, open_until, held_reason)
    SELECT :name, app_now(), app_now() + make_interval(secs => :seconds), :reason
    FROM (SELECT count(*) FROM before) AS looked_first
    ON CONFLICT (name) DO UPDATE
    SET open_until = greatest(gate.open_until, excluded.open_until), probe_until = NULL,
        held_reason = excluded.held_reason
    RETURNING gate.open_until, NOT EXISTS (SELECT FROM before WHERE open_until > app_now()) AS is_new
""")

END_RESTS = text("""
    UPDATE provider_gates SET failures = 0, trips = 0, open_until = NULL, probe_until = NULL
    WHERE open_until IS NOT NULL
""")

CALM = text("""
    UPDATE provider_gates
    SET failures = 0, trips = 0, open_until = NULL, probe_until = NULL
    WHERE name = :name AND (failures > 0 OR open_until IS NOT NULL)
""")

LIST_GATES = text("""
    SELECT gate.name, gate.free_at, gate.held_until, gate.held_reason, gate.failures, gate.trips,
           gate.open_until, gate.probe_until, app_now() AS now, (
               SELECT count(*) FROM provider_calls call
               WHERE call.gate = gate.name AND call.status = 'estimated') AS under_way
    FROM provider_gates gate ORDER BY gate.name
""")

TAKE_QUOTA = text("""
    INSERT INTO provider_quotas AS quota (gate, quota, window_start, used)
    SELECT :gate, :quota, :window_start, :amount WHERE :amount <= :allowed
    ON CONFLICT (gate, quota, window_start) DO UPDATE SET used = quota.used + excluded.used
        WHERE quota.used + excluded.used <= :allowed
    RETURNING used
""")

GIVE_QUOTA_BACK = text("""
    UPDATE provider_quotas SET used = greatest(0, used - :amount)
    WHERE gate = :gate AND quota = :quota AND window_start = :window_start
""")

READ_NOW = text("SELECT app_now()")

LIST_QUOTAS = text("""
    SELECT gate, quota, window_start, used FROM provider_quotas
    WHERE window_start > app_now() - make_interval(days => 2) ORDER BY gate, quota, window_start DESC
""")

FORGET_QUOTAS = text("""
    WITH gone AS (
        DELETE FROM provider_quotas WHERE window_start < app_now() - make_interval(days => :days) RETURNING 1
    ) SELECT count(*) FROM gone
""")

RELEASE = text("""
    UPDATE provider_gates SET held_until = NULL, held_reason = NULL, failures = 0, trips = 0,
           open_until = NULL, probe_until = NULL
    WHERE name = :name RETURNING name
""")

ABANDON_LOST = text("""
    WITH lost AS (
        UPDATE provider_calls SET status = 'abandoned', finished_at = app_now()
        WHERE status = 'estimated' AND started_at < app_now() - make_interval(secs => :seconds)
        RETURNING 1
    ) SELECT count(*) FROM lost
""")


async def lock_limiter(session: Transaction, name: str, *, deadline: float) -> Limiter:
    """The gate, made where there is none; nobody else decides about it before the transaction ends.

    Calls that began longer than `deadline` seconds ago are nobody's any more.
    """
    row = (await session.execute(LOCK_GATE, {"name": name})).mappings().one()
    # A statement of its own: the one that waited for the lock still sees what was there before it waited.
    counted = await session.execute(COUNT_UNDER_WAY, {"name": name, "deadline": deadline})
    return Limiter(**row, under_way=counted.scalar_one())


async def save_limiter(session: Transaction, gate: Limiter) -> None:
    await session.execute(
        SAVE_GATE,
        {
            "name": gate.name,
            "free_at": gate.free_at,
            "held_until": gate.held_until,
            "held_reason": gate.held_reason,
            "failures": gate.failures,
            "trips": gate.trips,
            "open_until": gate.open_until,
            "probe_until": gate.probe_until,
        },
    )


async def hold(session: Transaction, name: str, *, seconds: float, reason: str) -> tuple[datetime, bool]:
    """Nobody calls for so long; a longer pause that is running stays. Until when, and whether it is new."""
    row = await session.execute(HOLD, {"name": name, "seconds": seconds, "reason": reason})
    until, is_new = row.one()
    return until, is_new


async def open_breaker(
    session: Transaction, name: str, *, seconds: float, reason: str
) -> tuple[datetime, bool]:
    """Nobody calls for so long, then one tries. Until when, and whether it is new."""
    row = await session.execute(REST, {"name": name, "seconds": seconds, "reason": reason})
    until, is_new = row.one()
    return until, is_new


async def close_breakers(session: Transaction) -> None:
    """At every gate; what a provider asked for itself stays."""
    await session.execute(END_RESTS)


async def clear_failures(session: Transaction, name: str) -> None:
    """A call succeeded: forget the failures."""
    await session.execute(CALM, {"name": name})


async def release(session: Transaction, name: str) -> bool:
    """No pause and no failures any more; False where there is no such gate."""
    return (await session.execute(RELEASE, {"name": name})).first() is not None


async def abandon_lost(session: Transaction, *, older_than: float) -> int:
    """Calls that began longer than so many seconds ago and were never settled: their processes are dead."""
    return int((await session.execute(ABANDON_LOST, {"seconds": older_than})).scalar_one())


async def list_limiters(session: Transaction) -> list[Limiter]:
    return [Limiter(**row) for row in (await session.execute(LIST_GATES)).mappings()]


async def take_quota(
    session: Transaction, *, gate: str, quota: str, window_start: datetime, amount: int, allowed: int
) -> bool:
    """False: less than `amount` is left of the `allowed` units of the window, and nothing was taken."""
    taken = await session.execute(
        TAKE_QUOTA,
        {
            "gate": gate,
            "quota": quota,
            "window_start": window_start,
            "amount": amount,
            "allowed": allowed,
        },
    )
    return taken.first() is not None


async def refund_quota(
    session: Transaction, *, gate: str, quota: str, window_start: datetime, amount: int
) -> None:
    parameters = {"gate": gate, "quota": quota, "window_start": window_start, "amount": amount}
    await session.execute(GIVE_QUOTA_BACK, parameters)


async def read_now(session: Transaction) -> datetime:
    """By the database's clock, which days are counted by."""
    return (await session.execute(READ_NOW)).scalar_one()


async def list_quotas(session: Transaction) -> list[Mapping[str, Any]]:
    """What was used of each quota in the windows of the last two days."""
    return [dict(row) for row in (await session.execute(LIST_QUOTAS)).mappings()]


async def forget_quotas(session: Transaction, *, days: int) -> int:
    """Windows older than that are gone; how many they were."""
    return int((await session.execute(FORGET_QUOTAS, {"days": days})).scalar_one())
