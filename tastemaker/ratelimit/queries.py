"""Statements of the limiters and quotas. Times are those of the database.

Who asks holds the row of the limiter until commit.
"""

from dataclasses import asdict, dataclass
from datetime import datetime

from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction
from tastemaker.ratelimit.limiter import Limiter


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedRow:
    """The row of a limiter without the number of calls under way."""

    name: str
    now: datetime
    free_at: datetime
    held_until: datetime | None
    held_reason: str | None
    failures: int
    trips: int
    open_until: datetime | None
    probe_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused:
    """Until when nobody calls. `is_new`: no pause was running before."""

    until: datetime
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedQuota:
    gate: str
    quota: str
    window_start: datetime
    used: int


LOCK_LIMITER = statement(
    """
    INSERT INTO provider_gates AS gate (name, free_at) VALUES (%(name)s, app_now())
    ON CONFLICT (name) DO UPDATE SET name = excluded.name
    RETURNING gate.name, gate.free_at, gate.held_until, gate.held_reason, gate.failures, gate.trips,
              gate.open_until, gate.probe_until, app_now() AS now
    """,
    LockedRow,
    not_null="now",
)

COUNT_UNDER_WAY = statement(
    """
    SELECT count(*) FROM provider_calls
    WHERE gate = %(name)s AND status = 'estimated'
      AND started_at > app_now() - make_interval(secs => %(deadline)s)
    """,
    int,
    not_null="count",
)

SAVE_LIMITER = statement("""
    UPDATE provider_gates
    SET free_at = %(free_at)s, held_until = %(held_until)s, held_reason = %(held_reason)s,
        failures = %(failures)s, trips = %(trips)s, open_until = %(open_until)s, probe_until = %(probe_until)s
    WHERE name = %(name)s
""")

PAUSE_CALLS = statement(
    """
    WITH before AS MATERIALIZED (
        SELECT held_until FROM provider_gates WHERE name = %(name)s FOR UPDATE
    )
    INSERT INTO provider_gates AS gate (name, free_at, held_until, held_reason)
    SELECT %(name)s, app_now(), app_now() + make_interval(secs => %(seconds)s), %(reason)s
    FROM (SELECT count(*) FROM before) AS looked_first
    ON CONFLICT (name) DO UPDATE
    SET held_until = greatest(gate.held_until, excluded.held_until), held_reason = excluded.held_reason
    RETURNING gate.held_until AS until, NOT EXISTS (SELECT FROM before WHERE held_until > app_now()) AS is_new
    """,
    Paused,
    not_null="until is_new",
)

OPEN_BREAKER = statement(
    """
    WITH before AS MATERIALIZED (
        SELECT open_until FROM provider_gates WHERE name = %(name)s FOR UPDATE
    )
    INSERT INTO provider_gates AS gate (name, free_at, open_until, held_reason)
    SELECT %(name)s, app_now(), app_now() + make_interval(secs => %(seconds)s), %(reason)s
    FROM (SELECT count(*) FROM before) AS looked_first
    ON CONFLICT (name) DO UPDATE
    SET open_until = greatest(gate.open_until, excluded.open_until), probe_until = NULL,
        held_reason = excluded.held_reason
    RETURNING gate.open_until AS until, NOT EXISTS (SELECT FROM before WHERE open_until > app_now()) AS is_new
    """,
    Paused,
    not_null="until is_new",
)

CLOSE_BREAKERS = statement("""
    UPDATE provider_gates SET failures = 0, trips = 0, open_until = NULL, probe_until = NULL
    WHERE open_until IS NOT NULL
""")

CLEAR_FAILURES = statement("""
    UPDATE provider_gates
    SET failures = 0, trips = 0, open_until = NULL, probe_until = NULL
    WHERE name = %(name)s AND (failures > 0 OR open_until IS NOT NULL)
""")

LIST_LIMITERS = statement(
    """
    SELECT gate.name, gate.free_at, gate.held_until, gate.held_reason, gate.failures, gate.trips,
           gate.open_until, gate.probe_until, app_now() AS now, (
               SELECT count(*) FROM provider_calls call
               WHERE call.gate = gate.name AND call.status = 'estimated') AS under_way
    FROM provider_gates gate ORDER BY gate.name
    """,
    Limiter,
    not_null="now under_way",
)

TAKE_QUOTA = statement("""
    INSERT INTO provider_quotas AS quota (gate, quota, window_start, used)
    SELECT %(gate)s, %(quota)s, %(window_start)s, CAST(%(amount)s AS bigint)
    WHERE CAST(%(amount)s AS bigint) <= %(allowed)s
    ON CONFLICT (gate, quota, window_start) DO UPDATE SET used = quota.used + excluded.used
        WHERE quota.used + excluded.used <= %(allowed)s
""")

REFUND_QUOTA = statement("""
    UPDATE provider_quotas SET used = greatest(0, used - %(amount)s)
    WHERE gate = %(gate)s AND quota = %(quota)s AND window_start = %(window_start)s
""")

READ_NOW = statement("SELECT app_now()", datetime, not_null="app_now")

LIST_QUOTAS = statement(
    """
    SELECT gate, quota, window_start, used FROM provider_quotas
    WHERE window_start > app_now() - make_interval(days => 2) ORDER BY gate, quota, window_start DESC
    """,
    UsedQuota,
)

FORGET_QUOTAS = statement(
    "DELETE FROM provider_quotas WHERE window_start < app_now() - make_interval(days => %(days)s)"
)

RELEASE = statement("""
    UPDATE provider_gates SET held_until = NULL, held_reason = NULL, failures = 0, trips = 0,
           open_until = NULL, probe_until = NULL
    WHERE name = %(name)s
""")

ABANDON_LOST = statement("""
    UPDATE provider_calls SET status = 'abandoned', finished_at = app_now()
    WHERE status = 'estimated' AND started_at < app_now() - make_interval(secs => %(seconds)s)
""")


async def lock_limiter(tx: Transaction, name: str, *, deadline: float) -> Limiter:
    """The limiter, created where there is none. Nobody else decides by it before the transaction ends.

    Calls that began more than `deadline` seconds ago are no longer counted.
    """
    row = await tx.only(LOCK_LIMITER, name=name)
    # A second statement: the one that waited for the lock still sees the calls from before it waited.
    counted = await tx.only(COUNT_UNDER_WAY, name=name, deadline=deadline)
    return Limiter(**asdict(row), under_way=counted)


async def save_limiter(tx: Transaction, limiter: Limiter) -> None:
    await tx.run(
        SAVE_LIMITER,
        name=limiter.name,
        free_at=limiter.free_at,
        held_until=limiter.held_until,
        held_reason=limiter.held_reason,
        failures=limiter.failures,
        trips=limiter.trips,
        open_until=limiter.open_until,
        probe_until=limiter.probe_until,
    )


async def pause_calls(tx: Transaction, name: str, *, seconds: float, reason: str) -> Paused:
    """Nobody calls for so long; a longer pause that is running stays."""
    return await tx.only(PAUSE_CALLS, name=name, seconds=seconds, reason=reason)


async def open_breaker(tx: Transaction, name: str, *, seconds: float, reason: str) -> Paused:
    """Nobody calls for so long, then one call probes."""
    return await tx.only(OPEN_BREAKER, name=name, seconds=seconds, reason=reason)


async def release(tx: Transaction, name: str) -> bool:
    """End every pause and forget the failures; False where there is no such limiter."""
    return await tx.run(RELEASE, name=name) > 0


async def abandon_lost(tx: Transaction, *, older_than: float) -> int:
    """Give up calls that began longer than so many seconds ago and were never settled."""
    return await tx.run(ABANDON_LOST, seconds=older_than)


async def take_quota(
    tx: Transaction, *, gate: str, quota: str, window_start: datetime, amount: int, allowed: int
) -> bool:
    """False: less than `amount` is left of the `allowed` units of the window, and nothing was taken."""
    taken = await tx.run(
        TAKE_QUOTA, gate=gate, quota=quota, window_start=window_start, amount=amount, allowed=allowed
    )
    return taken > 0


async def refund_quota(
    tx: Transaction, *, gate: str, quota: str, window_start: datetime, amount: int
) -> None:
    await tx.run(REFUND_QUOTA, gate=gate, quota=quota, window_start=window_start, amount=amount)


async def list_limiters(tx: Transaction) -> list[Limiter]:
    return await tx.many(LIST_LIMITERS)


async def list_quotas(tx: Transaction) -> list[UsedQuota]:
    """What was used of each quota in the windows of the last two days."""
    return await tx.many(LIST_QUOTAS)


async def forget_quotas(tx: Transaction, *, days: int) -> int:
    """Delete windows older than that; how many."""
    return await tx.run(FORGET_QUOTAS, days=days)
