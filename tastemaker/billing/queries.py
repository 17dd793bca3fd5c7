"""Statements of billing: plan limits and charges, periods, trials, and the reconciliation of counters.

A limit is the own one of the user where set, else that of the plan; -1 is unlimited. Periods, trials and
reconciliation read all users with the system claim.

A period begins at the anchor, the time of sign-up, plus whole months: 31 January, 28 February, 31 March.
Charges stay in `usage_charges`; the counter is the number of rows of the current period.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from psycopg.rows import class_row
from sqlalchemy import text

from tastemaker.core.ids import ExternalUserId, SearchId, UserId
from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import Database
from tastemaker.db.enums import TrialStatus
from tastemaker.db.keyset import Page, Place, checked_limit, page_of, read_cursor
from tastemaker.db.messages import Later, Message
from tastemaker.db.reading import read_all
from tastemaker.db.transaction import Transaction

UNLIMITED = -1


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the current period still gives. `left` is None without a limit."""

    period_start: datetime
    used: int
    left: int | None


TAKE_CAMPAIGN = text("""
    UPDATE user_usage usage SET usage_campaigns_current = usage.usage_campaigns_current + 1
    FROM user_subscriptions subscription
    JOIN subscription_plans plan ON plan.plan_key = subscription.current_plan
    WHERE usage.tenant_id = :user_id AND subscription.user_id = usage.user_id
      AND (coalesce(usage.plan_campaigns_limit, plan.campaigns_limit) = -1
           OR usage.usage_campaigns_current < coalesce(usage.plan_campaigns_limit, plan.campaigns_limit))
    RETURNING usage.usage_campaigns_current
""")

GIVE_CAMPAIGN_BACK = text("""
    UPDATE user_usage SET usage_campaigns_current = greatest(0, usage_campaigns_current - 1)
    WHERE tenant_id = :user_id
""")

FIND_LIMIT = text("""
    SELECT coalesce(usage.plan_creators_limit, plan.creators_limit) AS creators_limit
    FROM user_usage usage
    JOIN user_subscriptions subscription ON subscription.user_id = usage.user_id
    JOIN subscription_plans plan ON plan.plan_key = subscription.current_plan
    WHERE usage.tenant_id = :user_id
""")

LOCK_USAGE = text("SELECT FROM user_usage WHERE tenant_id = :user_id FOR NO KEY UPDATE")

_ALLOWANCE = """
    SELECT usage.usage_reset_date AS period_start, usage.usage_creators_current_month AS used,
           coalesce(usage.plan_creators_limit, plan.creators_limit) AS creators_limit
    FROM user_usage usage
    JOIN user_subscriptions subscription ON subscription.user_id = usage.user_id
    JOIN subscription_plans plan ON plan.plan_key = subscription.current_plan
    WHERE usage.tenant_id = :user_id
"""
FIND_ALLOWANCE = text(_ALLOWANCE)
LOCK_ALLOWANCE = text(f"{_ALLOWANCE} FOR UPDATE OF usage")

LIST_CHARGED = text("""
    SELECT stable_id FROM usage_charges
    WHERE tenant_id = :user_id AND platform = :platform AND stable_id = ANY(:stable_ids)
      AND period_start = (SELECT usage_reset_date FROM user_usage WHERE tenant_id = :user_id)
""")

CHARGE = text("""
    WITH usage AS MATERIALIZED (
        SELECT usage_reset_date FROM user_usage WHERE tenant_id = :user_id FOR NO KEY UPDATE
    ), charged AS (
        INSERT INTO usage_charges (tenant_id, period_start, platform, stable_id, job_id, charged_at)
        SELECT :user_id, usage.usage_reset_date, :platform, stable_id, :search_id, app_now()
        FROM usage, unnest(CAST(:stable_ids AS text[])) AS stable_id
        ON CONFLICT DO NOTHING
        RETURNING 1
    )
    UPDATE user_usage
    SET usage_creators_current_month = usage_creators_current_month + (SELECT count(*) FROM charged)
    WHERE tenant_id = :user_id
""")


async def take_campaign(session: Transaction, user_id: ExternalUserId) -> bool:
    """Count one more campaign, unless the limit is reached: one statement, so no two clicks pass."""
    return (await session.execute(TAKE_CAMPAIGN, {"user_id": user_id})).first() is not None


async def give_campaign_back(session: Transaction, user_id: ExternalUserId) -> None:
    await session.execute(GIVE_CAMPAIGN_BACK, {"user_id": user_id})


async def lock_usage(session: Transaction, user_id: ExternalUserId) -> None:
    await session.execute(LOCK_USAGE, {"user_id": user_id})


async def lock_allowance(session: Transaction, user_id: ExternalUserId) -> Allowance | None:
    row = (await session.execute(LOCK_ALLOWANCE, {"user_id": user_id})).mappings().first()
    return None if row is None else _allowance(row)


async def ask_limit(message: Message, user_id: ExternalUserId) -> Later[int | None]:
    """Creators a period: UNLIMITED, or a number. None: nobody of that name. Locks nothing."""
    asked = await message.ask(FIND_LIMIT, {"user_id": user_id})

    async def read() -> int | None:
        row = await asked.fetchone()
        return None if row is None else int(row["creators_limit"])

    return read


async def ask_allowance(message: Message, user_id: ExternalUserId) -> Later[Allowance | None]:
    """As it is in this moment: nothing is locked, and others may take of it."""
    asked = await message.ask(FIND_ALLOWANCE, {"user_id": user_id})

    async def read() -> Allowance | None:
        row = await asked.fetchone()
        return None if row is None else _allowance(row)

    return read


async def lock_allowance_for(
    message: Message, user_id: ExternalUserId, *, platform: str, stable_ids: Sequence[str]
) -> Later[tuple[Allowance, set[str]] | None]:
    """The allowance, locked, and which of these creators the period has paid for already."""
    asked = {"user_id": user_id, "platform": platform, "stable_ids": list(stable_ids)}
    usage = await message.ask(LOCK_ALLOWANCE, {"user_id": user_id})
    charged = await message.ask(LIST_CHARGED, asked)

    async def read() -> tuple[Allowance, set[str]] | None:
        row = await usage.fetchone()
        if row is None:
            return None
        return _allowance(row), {found["stable_id"] for found in await charged.fetchall()}

    return read


async def charge(
    message: Message,
    user_id: ExternalUserId,
    *,
    platform: str,
    stable_ids: Sequence[str],
    search_id: SearchId,
) -> None:
    """Charge each creator once in the period; the counter rises by the number newly charged."""
    named = {"platform": platform, "stable_ids": list(stable_ids), "search_id": search_id}
    await message.ask(CHARGE, {"user_id": user_id, **named})


def _allowance(row: Mapping[Any, Any]) -> Allowance:
    limit = row["creators_limit"]
    left = None if limit == UNLIMITED else max(0, limit - row["used"])
    return Allowance(period_start=row["period_start"], used=row["used"], left=left)


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


async def begin_periods(session: Transaction, *, batch: int) -> int:
    """Begin the current period of up to `batch` users whose last one is over; how many that were."""
    return int((await session.execute(BEGIN_PERIODS, {"batch": batch})).scalar_one())


async def list_ended_trials(session: Transaction, *, limit: int) -> list[ExternalUserId]:
    rows = await session.execute(LIST_ENDED_TRIALS, {"limit": limit})
    return [ExternalUserId(user_id) for user_id in rows.scalars()]


async def end_trial(session: Transaction, user_id: ExternalUserId) -> EndedTrial | None:
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


_LIST: Final = "expiring trials"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiringTrial:
    """`has_ended` is so on the database's clock."""

    id: UserId
    user_id: ExternalUserId
    email: str | None
    full_name: str | None
    current_plan: str
    trial_end_date: datetime
    has_ended: bool


LIST_EXPIRING: Final = """
    SELECT s.user_id AS id, s.tenant_id AS user_id, u.email, u.full_name, s.current_plan, s.trial_end_date,
           s.trial_end_date <= timezone('UTC', app_now()) AS has_ended
    FROM user_subscriptions s JOIN users u ON u.id = s.user_id AND u.user_id = s.tenant_id
    WHERE s.trial_status = 'active'
      AND s.trial_end_date <= timezone('UTC', app_now() + CAST(%(within)s AS interval))
      AND (s.trial_end_date, s.user_id)
          > (coalesce(timezone('UTC', CAST(%(at)s AS timestamptz)), '-infinity'),
             coalesce(CAST(%(key)s AS uuid), '00000000-0000-0000-0000-000000000000'))
    ORDER BY s.trial_end_date, s.user_id
    LIMIT %(limit)s
"""


async def list_expiring_trials(
    database: Database,
    *,
    within: timedelta = timedelta(days=1),
    after: str | None = None,
    limit: int = 100,
) -> Page[ExpiringTrial]:
    """Active trials that end within the time, those that should have ended included; the earliest first."""
    place = read_cursor(after, of=_LIST)
    asked = {
        "within": within,
        "at": place and place.at,
        "key": place and place.key,
        "limit": checked_limit(limit) + 1,
    }
    rows = await read_all(database, SYSTEM, LIST_EXPIRING, asked, row=class_row(ExpiringTrial))
    return page_of(rows, limit, of=_LIST, place=lambda trial: Place(trial.trial_end_date, trial.id))


LOCK_NEXT: Final = text("""
    SELECT id FROM user_usage WHERE id > CAST(:after AS uuid) ORDER BY id LIMIT :batch FOR NO KEY UPDATE
""")

CORRECT: Final = text("""
    WITH wanted AS (
        SELECT usage.id, (
            SELECT count(*) FROM usage_charges charge
            WHERE charge.tenant_id = usage.tenant_id AND charge.period_start = usage.usage_reset_date
        ) AS creators, (
            SELECT count(*) FROM campaigns campaign
            WHERE campaign.user_id = usage.tenant_id AND campaign.status <> 'archived'
              AND campaign.deleting_since IS NULL
        ) AS campaigns
        FROM user_usage usage WHERE usage.id = ANY(:ids)
    )
    UPDATE user_usage usage
    SET usage_creators_current_month = wanted.creators, usage_campaigns_current = wanted.campaigns
    FROM wanted
    WHERE usage.id = wanted.id
      AND (usage.usage_creators_current_month, usage.usage_campaigns_current)
          <> (wanted.creators, wanted.campaigns)
    RETURNING usage.tenant_id
""")

FIRST: Final = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Reconciled:
    """`last` is where the next batch begins; None when everybody was looked at."""

    users: int
    corrected: int
    last: UUID | None


async def reconcile_counters(session: Transaction, *, after: UUID, batch: int) -> Reconciled:
    """Set the counters of the next users to what they count."""
    ids = list((await session.execute(LOCK_NEXT, {"after": after, "batch": batch})).scalars())
    corrected = list((await session.execute(CORRECT, {"ids": ids})).scalars()) if ids else []
    return Reconciled(len(ids), len(corrected), ids[-1] if len(ids) == batch else None)
