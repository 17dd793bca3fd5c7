"""Statements of billing: plan limits and charges, periods, trials, and the reconciliation of counters.

A limit is the own one of the user where set, else that of the plan; -1 is unlimited. Periods, trials and
reconciliation read all users with the system claim.

A period begins at the anchor, the time of sign-up, plus whole months: 31 January, 28 February, 31 March.
Charges stay in `usage_charges`; the counter is the number of rows of the current period.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tastemaker.core.ids import ExternalUserId, UserId
from tastemaker.db.claims import SYSTEM
from tastemaker.db.keyset import KeysetPage, Place, checked_limit, page_of, read_cursor
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction, read_many

UNLIMITED: Final = -1
FIRST: Final = UUID(int=0)
_LIST: Final = "expiring trials"


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """The creators of the current period: `creators_limit` allowed, `used` charged."""

    period_start: datetime
    used: int
    creators_limit: int

    @property
    def left(self) -> int | None:
        """None without a limit."""
        return None if self.creators_limit == UNLIMITED else max(0, self.creators_limit - self.used)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanUsage:
    """What the plan allows and what is used. A limit of UNLIMITED is none."""

    plan: str
    campaigns: int
    campaigns_limit: int
    creators: int
    creators_limit: int
    period_start: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiringTrial:
    """`has_ended` compares with the clock of the database."""

    id: UserId
    user_id: ExternalUserId
    email: str | None
    full_name: str | None
    current_plan: str
    trial_end_date: datetime
    has_ended: bool


@dataclass(frozen=True, slots=True)
class Reconciled:
    """`last` is where the next batch begins; None when there are no more users."""

    users: int
    corrected: int
    last: UUID | None


# --- plan limits ---------------------------------------------------------------------------------

TAKE_CAMPAIGN = statement("SELECT take_campaign(%(user_id)s)", bool, not_null="take_campaign")
"""One statement, so that two concurrent requests cannot both take the last one."""

GIVE_CAMPAIGN_BACK = statement("SELECT FROM give_campaign_back(%(user_id)s)")

FIND_LIMIT = statement(
    """
    SELECT coalesce(usage.plan_creators_limit, plan.creators_limit) AS creators_limit
    FROM user_usage usage
    JOIN user_subscriptions subscription ON subscription.user_id = usage.user_id
    JOIN subscription_plans plan ON plan.plan_key = subscription.current_plan
    WHERE usage.tenant_id = %(user_id)s
    """,
    int,
    not_null="creators_limit",
)

LOCK_USAGE = statement("SELECT FROM user_usage WHERE tenant_id = %(user_id)s FOR NO KEY UPDATE")

_ALLOWANCE = """
    SELECT usage.usage_reset_date AS period_start, usage.usage_creators_current_month AS used,
           coalesce(usage.plan_creators_limit, plan.creators_limit) AS creators_limit
    FROM user_usage usage
    JOIN user_subscriptions subscription ON subscription.user_id = usage.user_id
    JOIN subscription_plans plan ON plan.plan_key = subscription.current_plan
    WHERE usage.tenant_id = %(user_id)s
"""
FIND_ALLOWANCE = statement(_ALLOWANCE, Allowance, not_null="creators_limit")
LOCK_ALLOWANCE = statement(f"{_ALLOWANCE} FOR UPDATE OF usage", Allowance, not_null="creators_limit")

FIND_PLAN_USAGE = statement(
    """
    SELECT plan.display_name AS plan, usage.usage_campaigns_current AS campaigns,
           coalesce(usage.plan_campaigns_limit, plan.campaigns_limit) AS campaigns_limit,
           usage.usage_creators_current_month AS creators,
           coalesce(usage.plan_creators_limit, plan.creators_limit) AS creators_limit,
           usage.usage_reset_date AS period_start
    FROM user_usage usage
    JOIN user_subscriptions subscription ON subscription.user_id = usage.user_id
    JOIN subscription_plans plan ON plan.plan_key = subscription.current_plan
    WHERE usage.tenant_id = %(user_id)s
    """,
    PlanUsage,
    not_null="campaigns_limit creators_limit",
)

LIST_CHARGED = statement(
    """
    SELECT stable_id FROM usage_charges
    WHERE tenant_id = %(user_id)s AND platform = %(platform)s AND stable_id = ANY(%(stable_ids)s)
      AND period_start = (SELECT usage_reset_date FROM user_usage WHERE tenant_id = %(user_id)s)
    """,
    str,
)

CHARGE = statement(
    """
    SELECT charge_creators(
        %(user_id)s, %(platform)s, CAST(%(stable_ids)s AS text[]), CAST(%(search_id)s AS uuid))
    """,
    int,
    not_null="charge_creators",
)

TAKE_ENRICHMENTS = statement(
    "SELECT take_enrichments(%(user_id)s, %(wanted)s)", int, not_null="take_enrichments"
)

# --- periods and trials --------------------------------------------------------------------------

_MONTHS: Final = """(
    (extract(year FROM clock.now) - extract(year FROM anchor.at)) * 12
    + extract(month FROM clock.now) - extract(month FROM anchor.at))::int"""

BEGIN_PERIODS = statement(
    f"""
    WITH clock AS (SELECT timezone('UTC', app_now()) AS now),
    begun AS (
        SELECT data.user_id, CASE
                   WHEN anchor.at + make_interval(months => {_MONTHS}) <= clock.now
                   THEN anchor.at + make_interval(months => {_MONTHS})
                   ELSE anchor.at + make_interval(months => {_MONTHS} - 1) END AS start
        FROM user_system_data data CROSS JOIN clock
        CROSS JOIN LATERAL (SELECT data.signup_timestamp AS at) anchor
    ), due AS (
        SELECT usage.id, usage.tenant_id, usage.user_id, usage.usage_reset_date, usage.plan_creators_limit,
               usage.usage_campaigns_current, usage.usage_creators_current_month, begun.start
        FROM user_usage usage JOIN begun ON begun.user_id = usage.user_id
        WHERE usage.usage_reset_date < begun.start
        ORDER BY usage.id LIMIT %(batch)s
        FOR UPDATE OF usage SKIP LOCKED
    ), history AS (
        INSERT INTO usage_periods
            (tenant_id, period_start, period_end, plan, campaigns, creators, creators_limit)
        SELECT due.tenant_id, timezone('UTC', due.usage_reset_date), timezone('UTC', due.start),
               subscription.current_plan, due.usage_campaigns_current, due.usage_creators_current_month,
               coalesce(due.plan_creators_limit, plan.creators_limit)
        FROM due
        JOIN user_subscriptions subscription ON subscription.user_id = due.user_id
        JOIN subscription_plans plan ON plan.plan_key = subscription.current_plan
        ON CONFLICT (tenant_id, period_start) DO NOTHING
    )
    UPDATE user_usage usage
    SET usage_reset_date = due.start, usage_creators_current_month = (
        SELECT count(*) FROM usage_charges charge
        WHERE charge.tenant_id = due.tenant_id AND charge.period_start = due.start)
    FROM due WHERE usage.id = due.id
    """  # noqa: S608 - constants of this module
)

LIST_ENDED_TRIALS = statement(
    """
    SELECT tenant_id FROM user_subscriptions
    WHERE trial_status = 'active' AND trial_end_date <= timezone('UTC', app_now())
    ORDER BY trial_end_date LIMIT %(limit)s
    """,
    ExternalUserId,
)

LIST_UNPAID = statement(
    """
    SELECT subscription.tenant_id
    FROM user_subscriptions subscription
    JOIN subscription_plans plan ON plan.plan_key = subscription.current_plan AND plan.monthly_price > 0
    WHERE subscription.subscription_status = 'past_due' AND EXISTS (
        SELECT FROM stripe_subscriptions mirrored
        WHERE mirrored.tenant_id = subscription.tenant_id AND mirrored.status IN ('past_due', 'paused')
          AND coalesce(mirrored.period_start, mirrored.created) + CAST(%(grace)s AS interval) <= app_now())
      AND NOT EXISTS (SELECT FROM plan_grants given WHERE given.tenant_id = subscription.tenant_id)
    ORDER BY subscription.tenant_id LIMIT %(limit)s
    """,
    ExternalUserId,
)
"""Users after their grace who still have a plan that costs."""

LIST_EXPIRING = statement(
    """
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
    """,
    ExpiringTrial,
    not_null="trial_end_date has_ended",
)

# --- reconciliation ------------------------------------------------------------------------------

LOCK_NEXT = statement(
    """
    SELECT id FROM user_usage WHERE id > CAST(%(after)s AS uuid) ORDER BY id LIMIT %(batch)s
    FOR NO KEY UPDATE
    """,
    UUID,
)

CORRECT = statement("""
    WITH wanted AS (
        SELECT usage.id, (
            SELECT count(*) FROM usage_charges charge
            WHERE charge.tenant_id = usage.tenant_id AND charge.period_start = usage.usage_reset_date
        ) AS creators, (
            SELECT count(*) FROM campaigns campaign
            WHERE campaign.user_id = usage.tenant_id AND campaign.status <> 'archived'
              AND campaign.deleting_since IS NULL
        ) AS campaigns
        FROM user_usage usage WHERE usage.id = ANY(%(ids)s)
    )
    UPDATE user_usage usage
    SET usage_creators_current_month = wanted.creators, usage_campaigns_current = wanted.campaigns
    FROM wanted
    WHERE usage.id = wanted.id
      AND (usage.usage_creators_current_month, usage.usage_campaigns_current)
          <> (wanted.creators, wanted.campaigns)
""")


async def list_expiring_trials(
    database: Database,
    *,
    within: timedelta = timedelta(days=1),
    after: str | None = None,
    limit: int = 100,
) -> KeysetPage[ExpiringTrial]:
    """Active trials that end within this time or should have ended before; the earliest first."""
    place = read_cursor(after, of=_LIST)
    rows = await read_many(
        database,
        SYSTEM,
        LIST_EXPIRING,
        within=within,
        at=place and place.at,
        key=place and place.key,
        limit=checked_limit(limit) + 1,
    )
    return page_of(rows, limit, of=_LIST, place=lambda trial: Place(trial.trial_end_date, trial.id))


async def reconcile_counters(tx: Transaction, *, after: UUID, batch: int) -> Reconciled:
    """Set the counters of the next users to what they count.

    The rows are locked first and counted in a second statement, so that a concurrent charge is either
    counted as a whole or added afterwards.
    """
    ids = await tx.many(LOCK_NEXT, after=after, batch=batch)
    corrected = await tx.run(CORRECT, ids=ids) if ids else 0
    return Reconciled(len(ids), corrected, ids[-1] if len(ids) == batch else None)
