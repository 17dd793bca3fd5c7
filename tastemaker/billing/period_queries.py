"""Whose period of usage is over, and whose trial: over all users, by the system's claim.

A period begins at the anchor, the moment of signing up, plus whole months: 31 January, 28 February, 31 March.
What was charged stays in `usage_charges`; the counter is the number of rows of the current period.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.enums import TrialStatus

_MONTHS: Final = """(
    (extract(year FROM clock.now) - extract(year FROM anchor.at)) * 12
    + extract(month FROM clock.now) - extract(month FROM anchor.at))::int"""

BEGIN_PERIODS = text(f"""
    WITH clock AS (SELECT timezone('UTC', app_now()) AS now),
    begun AS (
        SELECT data.user_id, CASE
                   WHEN anchor.at + make_interval(months => {_MONTHS}) <= clock.now
                   THEN anchor.at + make_interval(months => {_MONTHS})
                   ELSE anchor.at + make_interval(months => {_MONTHS} - 1) END AS start
        FROM user_system_data data CROSS JOIN clock
        CROSS JOIN LATERAL (SELECT data.signup_timestamp AS at) anchor
    ), due AS (
        SELECT usage.id, usage.tenant_id, begun.start
        FROM user_usage usage JOIN begun ON begun.user_id = usage.user_id
        WHERE usage.usage_reset_date < begun.start
        ORDER BY usage.id LIMIT :batch
        FOR UPDATE OF usage SKIP LOCKED
    ), reset AS (
        UPDATE user_usage usage
        SET usage_reset_date = due.start, usage_creators_current_month = (
            SELECT count(*) FROM usage_charges charge
            WHERE charge.tenant_id = due.tenant_id AND charge.period_start = due.start)
        FROM due WHERE usage.id = due.id
        RETURNING 1
    ) SELECT count(*) FROM reset
""")  # noqa: S608 - of this module's own words

LIST_ENDED_TRIALS = text("""
    SELECT tenant_id FROM user_subscriptions
    WHERE trial_status = 'active' AND trial_end_date <= timezone('UTC', app_now())
    ORDER BY trial_end_date LIMIT :limit
""")

END_TRIAL = text("""
    UPDATE user_subscriptions
    SET trial_status = CASE WHEN subscription_status = 'active' THEN 'converted' ELSE 'expired' END,
        trial_conversion_date = CASE WHEN subscription_status = 'active'
                                     THEN coalesce(trial_conversion_date, timezone('UTC', app_now()))
                                     ELSE trial_conversion_date END,
        current_plan = CASE WHEN subscription_status = 'active' THEN current_plan ELSE 'free' END
    WHERE tenant_id = :user_id AND trial_status = 'active' AND trial_end_date <= timezone('UTC', app_now())
    RETURNING trial_status, current_plan, trial_end_date, trial_conversion_date
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedTrial:
    """`plan` is the one from now on."""

    status: TrialStatus
    plan: str
    ended_at: datetime
    converted_at: datetime | None


async def begin_periods(session: AsyncSession, *, batch: int) -> int:
    """Begin the current period of up to `batch` users whose last one is over; how many that were."""
    return int((await session.execute(BEGIN_PERIODS, {"batch": batch})).scalar_one())


async def list_ended_trials(session: AsyncSession, *, limit: int) -> list[ExternalUserId]:
    rows = await session.execute(LIST_ENDED_TRIALS, {"limit": limit})
    return [ExternalUserId(user_id) for user_id in rows.scalars()]


async def end_trial(session: AsyncSession, user_id: ExternalUserId) -> EndedTrial | None:
    """None: there is no active trial of theirs that is over."""
    row = (await session.execute(END_TRIAL, {"user_id": user_id})).mappings().first()
    if row is None:
        return None
    return EndedTrial(
        status=TrialStatus(row["trial_status"]),
        plan=row["current_plan"],
        ended_at=row["trial_end_date"],
        converted_at=row["trial_conversion_date"],
    )
