"""The one statement of the user search: the door, which looks at the claim and chooses the plan."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.rows import class_row

from tastemaker.core.ids import ExternalUserId, UserId
from tastemaker.db.claims import Claim
from tastemaker.db.engine import Database
from tastemaker.db.keyset import Place
from tastemaker.db.reading import read_all


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundUser:
    """A user without a subscription row has no plan and no states."""

    id: UserId
    user_id: ExternalUserId
    full_name: str | None
    email: str | None
    business_name: str | None
    onboarding_step: str
    is_admin: bool
    created_at: datetime
    current_plan: str | None
    trial_status: str | None
    subscription_status: str | None


LIST_MATCHING: Final = """
    SELECT id, user_id, full_name, email, business_name, onboarding_step, is_admin, created_at,
           current_plan, trial_status, subscription_status
    FROM admin_search_users(
        %(needle)s, timezone('UTC', CAST(%(at)s AS timestamptz)), CAST(%(key)s AS uuid), %(wanted)s)
"""


async def list_matching(
    database: Database, claim: Claim, needle: str, *, after: Place | None, limit: int
) -> list[FoundUser]:
    """Newest first. Raises psycopg's InsufficientPrivilege and InvalidParameterValue, as the door says."""
    asked = {"needle": needle, "at": after and after.at, "key": after and after.key, "wanted": limit}
    return await read_all(database, claim, LIST_MATCHING, asked, row=class_row(FoundUser))
