"""Erasing what a user leaves behind beside the campaigns: batch by batch, by the system's claim.

Nobody else's rows are named. What was paid stays in the books, under nobody's name.
"""

from typing import Final

from sqlalchemy import text

from tastemaker.core.ids import CampaignId, ExternalUserId, SearchId
from tastemaker.db.transaction import Transaction

NOBODY: Final = "deleted"
"""Whose a deleted user's calls and spending are from then on: together, and no person's."""

PERSONAL_FIELDS: Final = ("name", "description", "keywords", "error", "reason", "data", "before", "after")
"""Fields of events that say what a user wrote or what was written about one."""

LOCK_USER = text("SELECT 1 FROM users WHERE user_id = :user_id FOR UPDATE")

LIST_OPEN_SEARCHES = text("""
    SELECT id FROM scraping_jobs
    WHERE user_id = :user_id AND status IN ('pending', 'processing') ORDER BY id LIMIT :batch
""")

REVOKE_KEYS = text("""
    UPDATE api_keys SET revoked_at = app_now() WHERE tenant_id = :user_id AND revoked_at IS NULL
""")

NEXT_CAMPAIGN = text("""
    SELECT id, deleting_since IS NOT NULL AS is_deleting FROM campaigns
    WHERE user_id = :user_id ORDER BY deleting_since, id LIMIT 1
""")

COUNT_CAMPAIGNS = text("SELECT count(*) FROM campaigns WHERE user_id = :user_id")


def _delete(table: str, owner: str = "tenant_id") -> str:
    return f"""
    DELETE FROM {table} WHERE {owner} = :user_id AND ctid = ANY(ARRAY(
        SELECT one.ctid FROM {table} one WHERE one.{owner} = :user_id LIMIT :batch))
    RETURNING 1"""  # noqa: S608 - of this module's own words


IN_ORDER: Final = tuple(
    text(statement)
    for statement in (
        _delete("search_creators"),
        _delete("scraping_results", "user_id"),
        _delete("scraping_runs"),
        _delete("scraping_jobs", "user_id"),
        _delete("search_results"),
        _delete("search_jobs"),
        _delete("exclusions"),
        _delete("idempotent_answers"),
        _delete("usage_charges"),
        _delete("outbox_messages"),
        _delete("inbox_messages"),
        _delete("event_deliveries"),
        _delete("background_jobs"),
    )
)
BATCH: Final = 1000

DISOWN_CALLS = text("""
    UPDATE provider_calls SET tenant_id = :nobody WHERE tenant_id = :user_id AND ctid = ANY(ARRAY(
        SELECT one.ctid FROM provider_calls one WHERE one.tenant_id = :user_id LIMIT :batch))
    RETURNING 1
""")

DISOWN_SPENDING = text("""
    WITH gone AS (
        DELETE FROM provider_spending WHERE tenant_id = :user_id RETURNING month, provider, micros_usd
    )
    INSERT INTO provider_spending AS spent (tenant_id, month, provider, micros_usd)
    SELECT :nobody, month, provider, micros_usd FROM gone
    ON CONFLICT (tenant_id, month, provider)
    DO UPDATE SET micros_usd = spent.micros_usd + excluded.micros_usd
""")

REDACT_EVENTS = text("""
    SELECT redact_events(ARRAY(
        SELECT id FROM events
        WHERE tenant_id = :user_id AND EXISTS (
            SELECT FROM jsonb_each(CASE jsonb_typeof(event_data) WHEN 'object' THEN event_data END)
            WHERE key = ANY(CAST(:fields AS text[])) AND value NOT IN ('"[redacted]"', '[]', '{}', 'null'))
        LIMIT :batch), CAST(:fields AS text[]), 'the user was deleted', :actor)
""")

DELETE_USER = text("""
    DELETE FROM users WHERE user_id = :user_id
      AND NOT EXISTS (SELECT FROM campaigns WHERE user_id = :user_id)
      AND NOT EXISTS (SELECT FROM scraping_jobs WHERE user_id = :user_id)
    RETURNING 1
""")


async def lock_user(session: Transaction, user_id: ExternalUserId) -> bool:
    """Whoever inserts something of the user's waits from then on. False: there is no such user."""
    return await session.scalar(LOCK_USER, {"user_id": user_id}) is not None


async def list_open_searches(session: Transaction, user_id: ExternalUserId) -> list[SearchId]:
    rows = await session.execute(LIST_OPEN_SEARCHES, {"user_id": user_id, "batch": BATCH})
    return [SearchId(row) for row in rows.scalars()]


async def revoke_keys(session: Transaction, user_id: ExternalUserId) -> None:
    await session.execute(REVOKE_KEYS, {"user_id": user_id})


async def find_next_campaign(session: Transaction, user_id: ExternalUserId) -> tuple[CampaignId, bool] | None:
    """One that is left, those half gone first, and whether it is."""
    row = (await session.execute(NEXT_CAMPAIGN, {"user_id": user_id})).mappings().first()
    return None if row is None else (CampaignId(row["id"]), row["is_deleting"])


async def count_campaigns(session: Transaction, user_id: ExternalUserId) -> int:
    return int(await session.scalar(COUNT_CAMPAIGNS, {"user_id": user_id}) or 0)


async def erase_batch(session: Transaction, user_id: ExternalUserId) -> int:
    """Rows that went, of the first kind of which there are any; 0: only the user is left."""
    parameters: dict[str, object] = {"user_id": user_id, "batch": BATCH}
    for statement in IN_ORDER:
        if gone := len((await session.execute(statement, parameters)).all()):
            return gone
    if gone := len((await session.execute(DISOWN_CALLS, {**parameters, "nobody": NOBODY})).all()):
        return gone
    await session.execute(DISOWN_SPENDING, {"user_id": user_id, "nobody": NOBODY})
    redaction = {**parameters, "fields": list(PERSONAL_FIELDS), "actor": "users_delete"}
    return int(await session.scalar(REDACT_EVENTS, redaction) or 0)


async def delete_user(session: Transaction, user_id: ExternalUserId) -> bool:
    """The row itself and what hangs on it. False while a campaign or a search of the user's is there."""
    return (await session.execute(DELETE_USER, {"user_id": user_id})).first() is not None
