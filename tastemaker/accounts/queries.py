"""Questions about users, and the five rows that make one."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.core.ids import ExternalUserId, UserId

FIND_CURRENT_USER = text("""
    SELECT u.id, u.user_id, u.is_admin, coalesce(s.current_plan, 'free') AS plan
    FROM users u LEFT JOIN user_subscriptions s ON s.user_id = u.id
    WHERE u.user_id = :user_id
""")

INSERT_USER = text("""
    INSERT INTO users (user_id, full_name, onboarding_step, is_admin)
    VALUES (:user_id, :full_name, 'completed', :is_admin)
    ON CONFLICT (user_id) DO NOTHING
    RETURNING id
""")

INSERT_SUBSCRIPTION = text("INSERT INTO user_subscriptions (user_id, current_plan) VALUES (:id, :plan)")
INSERT_USAGE = text("INSERT INTO user_usage (user_id, usage_reset_date) VALUES (:id, app_now())")
INSERT_SYSTEM_DATA = text("INSERT INTO user_system_data (user_id, signup_timestamp) VALUES (:id, app_now())")

COMPLETE_ONBOARDING = text("""
    UPDATE users SET onboarding_step = 'completed'
    FROM user_subscriptions subscription
    WHERE users.user_id = :user_id AND subscription.user_id = users.id AND onboarding_step <> 'completed'
    RETURNING subscription.current_plan
""")


async def find_current_user(session: AsyncSession, user_id: ExternalUserId) -> CurrentUser | None:
    row = (await session.execute(FIND_CURRENT_USER, {"user_id": user_id})).mappings().first()
    if row is None:
        return None
    return CurrentUser(
        id=UserId(row["id"]),
        user_id=ExternalUserId(row["user_id"]),
        plan=row["plan"],
        is_admin=row["is_admin"],
    )


async def insert_user(
    session: AsyncSession, user_id: ExternalUserId, *, full_name: str, plan: str, is_admin: bool
) -> bool:
    """A user and the rows that belong to one (billing waits for a payment). False: it was there."""
    row = await session.execute(
        INSERT_USER, {"user_id": user_id, "full_name": full_name, "is_admin": is_admin}
    )
    new_id = row.scalar_one_or_none()
    if new_id is None:
        return False
    await session.execute(INSERT_SUBSCRIPTION, {"id": new_id, "plan": plan})
    await session.execute(INSERT_USAGE, {"id": new_id})
    await session.execute(INSERT_SYSTEM_DATA, {"id": new_id})
    return True


async def complete_onboarding(session: AsyncSession, user_id: ExternalUserId) -> str | None:
    """The user's plan; None where onboarding was complete before, or there is no such user."""
    rows = await session.execute(COMPLETE_ONBOARDING, {"user_id": user_id})
    return rows.scalar_one_or_none()
