"""Questions about trials, over all tenants: the product's own work asks them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from psycopg.rows import class_row

from tastemaker.core.ids import ExternalUserId, UserId
from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import Database
from tastemaker.db.keyset import Page, Place, checked_limit, page_of, read_cursor
from tastemaker.db.reading import read_all

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
