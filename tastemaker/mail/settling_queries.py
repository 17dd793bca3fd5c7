"""Over everybody: what is scheduled, and what of it nothing carries any more."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.enums import EmailType, OutboxStatus

LIST_WAITING = text("""
    SELECT tenant_id FROM user_system_data
    WHERE jsonb_path_exists(email_schedule_status, '$.*.status ? (@ == "scheduled")') AND tenant_id > :after
    ORDER BY tenant_id LIMIT :batch
""")

LIST_LEFT = text("""
    WITH entries AS (
        SELECT data.tenant_id, entry.key AS email, entry.value ->> 'messageId' AS key
        FROM user_system_data data, jsonb_each(
            CASE jsonb_typeof(data.email_schedule_status)
                 WHEN 'object' THEN data.email_schedule_status ELSE '{}' END) entry
        WHERE data.tenant_id = ANY(:user_ids)
          AND entry.value ->> 'status' = 'scheduled' AND entry.value ->> 'messageId' ~ '^[0-9a-f]{40}$'
    )
    SELECT entries.tenant_id, entries.email, entries.key, letter.status AS outbox
    FROM entries
    LEFT JOIN outbox_messages letter ON letter.tenant_id = entries.tenant_id
        AND letter.channel = 'email' AND letter.dedupe_key = entries.key
    WHERE coalesce(letter.status, '') NOT IN ('pending', 'sending')
      AND NOT EXISTS (
          SELECT FROM background_jobs job
          WHERE job.tenant_id = entries.tenant_id AND job.dedupe_key = 'email:' || entries.key
            AND job.status IN ('pending', 'processing'))
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftEmail:
    """Scheduled by its status, and nothing carries it any more. `outbox`: what had become of it there."""

    user_id: ExternalUserId
    email: EmailType
    key: str
    outbox: OutboxStatus | None


async def list_waiting(session: AsyncSession, *, after: str, batch: int) -> list[ExternalUserId]:
    """Users for whom something is scheduled, in the order of their ids."""
    rows = await session.execute(LIST_WAITING, {"after": after, "batch": batch})
    return [ExternalUserId(user_id) for user_id in rows.scalars()]


async def list_left(session: AsyncSession, user_ids: Sequence[ExternalUserId]) -> list[LeftEmail]:
    """Of these users, in one look: what no job and no message of the outbox will bring to an end."""
    rows = await session.execute(LIST_LEFT, {"user_ids": list(user_ids)})
    return [
        LeftEmail(
            user_id=ExternalUserId(row.tenant_id),
            email=EmailType(row.email),
            key=row.key,
            outbox=None if row.outbox is None else OutboxStatus(row.outbox),
        )
        for row in rows
        if row.email in set(EmailType)
    ]
