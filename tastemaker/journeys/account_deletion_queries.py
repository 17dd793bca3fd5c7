"""Statements that delete the rows of a user: batch by batch, with the system claim.

They name no rows of other users. What was paid stays in the books, under the name of nobody.
"""

from dataclasses import dataclass
from typing import Final

from tastemaker.core.ids import CampaignId, ExternalUserId, SearchId, UserId
from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction

NOBODY: Final = "deleted"
"""The owner of the calls and the spending of deleted users, all together."""

PERSONAL_FIELDS: Final = ("name", "description", "keywords", "error", "reason", "data", "before", "after")
"""Fields of events that hold what a user wrote or what was written about one."""

BATCH: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class NextCampaign:
    """A campaign that is left. `is_deleting`: its deletion has begun."""

    id: CampaignId
    is_deleting: bool


LOCK_USER = statement("SELECT id FROM users WHERE user_id = %(user_id)s FOR UPDATE", UserId)

LIST_OPEN_SEARCHES = statement(
    """
    SELECT id FROM scraping_jobs
    WHERE user_id = %(user_id)s AND status IN ('pending', 'processing') ORDER BY id LIMIT %(batch)s
    """,
    SearchId,
)

REVOKE_KEYS = statement("""
    UPDATE api_keys SET revoked_at = app_now() WHERE tenant_id = %(user_id)s AND revoked_at IS NULL
""")

WAYS_IN: Final = (
    REVOKE_KEYS,
    statement("DELETE FROM browser_sessions WHERE tenant_id = %(user_id)s"),
    statement("DELETE FROM credentials WHERE tenant_id = %(user_id)s"),
    statement("DELETE FROM account_links WHERE tenant_id = %(user_id)s"),
    statement("DELETE FROM members WHERE tenant_id = %(user_id)s OR member_id = %(user_id)s"),
    statement("""
        UPDATE clerk_subjects SET deleted_at = app_now()
        WHERE tenant_id = %(user_id)s AND deleted_at IS NULL
    """),
)

LOCK_ADMINISTRATORS = statement(
    "SELECT user_id FROM users WHERE is_admin ORDER BY user_id FOR UPDATE", ExternalUserId
)
"""Of two administrators who dismiss each other at once one stays."""

NEXT_CAMPAIGN = statement(
    """
    SELECT id, deleting_since IS NOT NULL AS is_deleting FROM campaigns
    WHERE user_id = %(user_id)s ORDER BY deleting_since, id LIMIT 1
    """,
    NextCampaign,
    not_null="is_deleting",
)

COUNT_CAMPAIGNS = statement(
    "SELECT count(*) FROM campaigns WHERE user_id = %(user_id)s", int, not_null="count"
)


def _delete(table: str, owner: str = "tenant_id") -> str:
    return f"""
    DELETE FROM {table} WHERE {owner} = %(user_id)s AND ctid = ANY(ARRAY(
        SELECT one.ctid FROM {table} one WHERE one.{owner} = %(user_id)s LIMIT %(batch)s))
    """  # noqa: S608 - constants of this module


IN_ORDER: Final = (
    statement(_delete("search_creators")),
    statement(_delete("scraping_results", "user_id")),
    statement(_delete("scraping_runs")),
    statement(_delete("scraping_jobs", "user_id")),
    statement(_delete("search_results")),
    statement(_delete("search_jobs")),
    statement(_delete("exclusions")),
    statement(_delete("idempotent_answers")),
    statement(_delete("exports")),
    statement(_delete("usage_charges")),
    statement(_delete("outbox_messages")),
    statement(_delete("inbox_messages")),
    statement(_delete("event_deliveries")),
    statement(_delete("background_jobs")),
)

DISOWN_CALLS = statement("""
    UPDATE provider_calls SET tenant_id = %(nobody)s WHERE tenant_id = %(user_id)s AND ctid = ANY(ARRAY(
        SELECT one.ctid FROM provider_calls one WHERE one.tenant_id = %(user_id)s LIMIT %(batch)s))
""")

DISOWN_SPENDING = statement("""
    WITH gone AS (
        DELETE FROM provider_spending WHERE tenant_id = %(user_id)s RETURNING month, provider, micros_usd
    )
    INSERT INTO provider_spending AS spent (tenant_id, month, provider, micros_usd)
    SELECT %(nobody)s, month, provider, micros_usd FROM gone
    ON CONFLICT (tenant_id, month, provider)
    DO UPDATE SET micros_usd = spent.micros_usd + excluded.micros_usd
""")

REDACT_EVENTS = statement(
    """
    SELECT redact_events(ARRAY(
        SELECT id FROM events
        WHERE tenant_id = %(user_id)s AND EXISTS (
            SELECT FROM jsonb_each(CASE jsonb_typeof(event_data) WHEN 'object' THEN event_data END)
            WHERE key = ANY(CAST(%(fields)s AS text[])) AND value NOT IN ('"[redacted]"', '[]', '{}', 'null'))
        LIMIT %(batch)s), CAST(%(fields)s AS text[]), 'the user was deleted', %(actor)s)
    """,
    int,
    not_null="redact_events",
)

DELETE_USER = statement("""
    DELETE FROM users WHERE user_id = %(user_id)s
      AND NOT EXISTS (SELECT FROM campaigns WHERE user_id = %(user_id)s)
      AND NOT EXISTS (SELECT FROM scraping_jobs WHERE user_id = %(user_id)s)
""")


async def lock_user(tx: Transaction, user_id: ExternalUserId) -> bool:
    """Concurrent inserts of rows of the user wait from then on. False: there is no such user."""
    return await tx.one(LOCK_USER, user_id=user_id) is not None


async def list_open_searches(tx: Transaction, user_id: ExternalUserId) -> list[SearchId]:
    return await tx.many(LIST_OPEN_SEARCHES, user_id=user_id, batch=BATCH)


async def close_ways_in(tx: Transaction, user_id: ExternalUserId) -> None:
    """Keys, sessions, passwords, links and memberships; who comes by Clerk is refused from now on."""
    for way in WAYS_IN:
        await tx.run(way, user_id=user_id)


async def lock_administrators(tx: Transaction) -> list[ExternalUserId]:
    return await tx.many(LOCK_ADMINISTRATORS)


async def find_next_campaign(tx: Transaction, user_id: ExternalUserId) -> NextCampaign | None:
    """Campaigns whose deletion has begun come first."""
    return await tx.one(NEXT_CAMPAIGN, user_id=user_id)


async def count_campaigns(tx: Transaction, user_id: ExternalUserId) -> int:
    return await tx.only(COUNT_CAMPAIGNS, user_id=user_id)


async def erase_batch(tx: Transaction, user_id: ExternalUserId) -> int:
    """Delete a batch of the first table that has rows of the user; 0: only the user is left."""
    for delete in IN_ORDER:
        if gone := await tx.run(delete, user_id=user_id, batch=BATCH):
            return gone
    if gone := await tx.run(DISOWN_CALLS, user_id=user_id, batch=BATCH, nobody=NOBODY):
        return gone
    await tx.run(DISOWN_SPENDING, user_id=user_id, nobody=NOBODY)
    fields = list(PERSONAL_FIELDS)
    return await tx.only(REDACT_EVENTS, user_id=user_id, batch=BATCH, fields=fields, actor="users_delete")


async def delete_user(tx: Transaction, user_id: ExternalUserId) -> bool:
    """Delete the row of the user and what depends on it. False while a campaign or a search is left."""
    return await tx.run(DELETE_USER, user_id=user_id) > 0
