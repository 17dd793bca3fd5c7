"""Limits and charges as rows. A limit is the user's own where set, else the plan's; -1 is unlimited."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.core.ids import ExternalUserId, SearchId
from tastemaker.db.messages import Later, Message

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


async def take_campaign(session: AsyncSession, user_id: ExternalUserId) -> bool:
    """Count one more campaign, unless the limit is reached: one statement, so no two clicks pass."""
    return (await session.execute(TAKE_CAMPAIGN, {"user_id": user_id})).first() is not None


async def give_campaign_back(session: AsyncSession, user_id: ExternalUserId) -> None:
    await session.execute(GIVE_CAMPAIGN_BACK, {"user_id": user_id})


async def lock_usage(session: AsyncSession, user_id: ExternalUserId) -> None:
    await session.execute(LOCK_USAGE, {"user_id": user_id})


async def lock_allowance(session: AsyncSession, user_id: ExternalUserId) -> Allowance | None:
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
