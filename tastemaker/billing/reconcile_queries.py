"""Whether each user's counters are what they count: over all users, by the system's claim.

The counters' rows are locked first and counted in a second statement, so that a charge under way is either
seen as a whole or added afterwards.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

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


async def reconcile_counters(session: AsyncSession, *, after: UUID, batch: int) -> Reconciled:
    """Set the counters of the next users to what they count."""
    ids = list((await session.execute(LOCK_NEXT, {"after": after, "batch": batch})).scalars())
    corrected = list((await session.execute(CORRECT, {"ids": ids})).scalars()) if ids else []
    return Reconciled(len(ids), len(corrected), ids[-1] if len(ids) == batch else None)
