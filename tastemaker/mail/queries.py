"""Statements of e-mail. Only this module writes `email_schedule_status`.

Each write changes one key of the column in one statement, so that concurrent writes lose nothing. Times are
those of the database.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.enums import (
    CampaignStatus,
    EmailStatus,
    EmailType,
    OnboardingStep,
    OutboxStatus,
    SubscriptionStatus,
    TrialStatus,
    UnsubscriptionSource,
)
from tastemaker.db.transaction import Transaction
from tastemaker.mail.kinds import CampaignFacts, Facts

SCHEDULE = text("""
    UPDATE user_system_data data
    SET email_schedule_status = jsonb_set(
        CASE jsonb_typeof(data.email_schedule_status)
             WHEN 'object' THEN data.email_schedule_status ELSE '{}' END,
        ARRAY[CAST(:email AS text)],
        jsonb_build_object('status', 'scheduled', 'messageId', CAST(:key AS text), 'timestamp',
            to_char(timezone('UTC', app_now()), 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')))
    FROM users WHERE users.id = data.user_id AND users.user_id = :user_id AND users.email <> ''
      AND data.email_schedule_status #>> ARRAY[:email, 'messageId'] IS DISTINCT FROM :key
      AND NOT (:once AND data.email_schedule_status #>> ARRAY[:email, 'status'] IS NOT DISTINCT FROM 'sent')
    RETURNING app_now() + CAST(:delay AS interval)
""")

SET_STATUS = text("""
    UPDATE user_system_data data
    SET email_schedule_status = jsonb_set(data.email_schedule_status, ARRAY[CAST(:email AS text)],
        jsonb_build_object('status', CAST(:status AS text), 'messageId', CAST(:key AS text), 'timestamp',
            to_char(timezone('UTC', app_now()), 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')))
    WHERE data.tenant_id = :user_id AND data.email_schedule_status #>> ARRAY[:email, 'messageId'] = :key
      AND NOT (CAST(:status AS text) = 'failed'
               AND data.email_schedule_status #>> ARRAY[:email, 'status'] LIKE 'cancelled%')
""")

IS_LATE = text("SELECT app_now() > CAST(:due AS timestamptz) + CAST(:latest AS interval)")

CANCEL = text("""
    UPDATE user_system_data data
    SET email_schedule_status = jsonb_set(data.email_schedule_status, ARRAY[CAST(:email AS text)],
        jsonb_build_object('status', CAST(:status AS text),
            'messageId', data.email_schedule_status #> ARRAY[:email, 'messageId'], 'timestamp',
            to_char(timezone('UTC', app_now()), 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')))
    WHERE data.tenant_id = :user_id
      AND data.email_schedule_status #>> ARRAY[:email, 'status'] = 'scheduled'
    RETURNING 1
""")

CANCEL_JOBS = text("""
    UPDATE background_jobs SET status = 'cancelled', completed_at = app_now()
    WHERE tenant_id = :user_id AND dedupe_key LIKE 'email:%' AND payload ->> 'email' = ANY(:emails)
      AND status = 'pending'
""")

LIST_UNSENT = text("""
    SELECT dedupe_key FROM outbox_messages
    WHERE tenant_id = :user_id AND channel = 'email' AND body ->> 'email' = ANY(:emails)
      AND status = 'pending'
""")

LOCK_SCHEDULED = text("""
    SELECT app_now() > CAST(:due AS timestamptz) + CAST(:latest AS interval) FROM user_system_data data
    WHERE data.tenant_id = :user_id
      AND (data.email_schedule_status #>> ARRAY[:email, 'messageId'] <> :key
           OR data.email_schedule_status #>> ARRAY[:email, 'status'] = 'scheduled')
    FOR UPDATE
""")

FIND_FACTS = text("""
    SELECT u.email AS address, u.full_name, u.onboarding_step, plan.display_name AS plan_name,
           coalesce(s.subscription_status, 'none') AS subscription_status,
           coalesce(s.trial_status, 'pending') AS trial_status, s.trial_end_date AS trial_ends_at,
           NOT EXISTS (SELECT FROM email_unsubscriptions gone WHERE gone.tenant_id = u.user_id)
               AS wants_marketing
    FROM users u
    LEFT JOIN user_subscriptions s ON s.user_id = u.id
    LEFT JOIN subscription_plans plan ON plan.plan_key = s.current_plan
    WHERE u.user_id = :user_id
""")

FIND_CAMPAIGN = text("""
    SELECT campaigns.id::text AS id, campaigns.name, campaigns.status,
           (SELECT coalesce(sum(search.processed_results), 0) FROM scraping_jobs search
            WHERE search.campaign_id = campaigns.id AND search.user_id = campaigns.user_id) AS creators
    FROM campaigns
    WHERE campaigns.user_id = :user_id AND campaigns.id::text = :id AND campaigns.deleting_since IS NULL
""")

UNSUBSCRIBE = text("""
    INSERT INTO email_unsubscriptions (tenant_id, source, created_at)
    SELECT user_id, :source, app_now() FROM users WHERE user_id = :user_id
    ON CONFLICT (tenant_id) DO NOTHING
    RETURNING 1
""")

RESUBSCRIBE = text("DELETE FROM email_unsubscriptions WHERE tenant_id = :user_id RETURNING 1")

LIST_STATUSES = text("""
    SELECT data.email_schedule_status AS statuses,
           (SELECT gone.source FROM email_unsubscriptions gone
            WHERE gone.tenant_id = data.tenant_id) AS source
    FROM user_system_data data WHERE data.tenant_id = :user_id
""")

LIST_DUE = text("""
    SELECT dedupe_key, scheduled_for FROM background_jobs
    WHERE tenant_id = :user_id AND dedupe_key LIKE 'email:%' AND status = 'pending'
""")

LIST_SENDINGS = text("""
    SELECT dedupe_key, status, error FROM outbox_messages
    WHERE tenant_id = :user_id AND channel = 'email'
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredStatuses:
    """As it is in the column, whoever wrote it. `unsubscribed`: how they said so; None: they did not."""

    by_type: Mapping[str, Any]
    unsubscribed: UnsubscriptionSource | None


async def schedule(
    session: Transaction,
    user_id: ExternalUserId,
    email: EmailType,
    key: str,
    *,
    once: bool,
    delay: timedelta,
) -> datetime | None:
    """When it is due. None: it was scheduled before, or the user has no address.

    `once`: nor when one of the type was ever sent, be it by the original product.
    """
    values = {**_of(user_id, email, key), "once": once, "delay": delay}
    due: datetime | None = (await session.execute(SCHEDULE, values)).scalar_one_or_none()
    return due


async def set_status(
    session: Transaction, user_id: ExternalUserId, email: EmailType, key: str, status: EmailStatus
) -> None:
    """Unless the type has another e-mail by now, or this one failed after it was taken back."""
    await session.execute(SET_STATUS, {**_of(user_id, email, key), "status": status})


async def cancel(
    session: Transaction, user_id: ExternalUserId, email: EmailType, *, status: EmailStatus
) -> bool:
    """False: its status does not say that it is scheduled."""
    values = {"user_id": user_id, "email": email, "status": status}
    return (await session.execute(CANCEL, values)).first() is not None


async def cancel_jobs(session: Transaction, user_id: ExternalUserId, emails: Sequence[EmailType]) -> None:
    """All that wait of these types: the status knows the latest of each alone."""
    await session.execute(CANCEL_JOBS, {"user_id": user_id, "emails": list(emails)})


async def list_unsent(
    session: Transaction, user_id: ExternalUserId, emails: Sequence[EmailType]
) -> list[str]:
    """Keys of what waits in the outbox of these types."""
    rows = await session.execute(LIST_UNSENT, {"user_id": user_id, "emails": list(emails)})
    return list(rows.scalars())


async def lock_scheduled(
    session: Transaction,
    user_id: ExternalUserId,
    email: EmailType,
    key: str,
    *,
    due: datetime,
    latest: timedelta,
) -> bool | None:
    """Whether it is too late for it; None where it is not scheduled any more.

    A type whose status is about a later e-mail by now does not tell of this one: it is still to be sent.
    """
    values = {**_of(user_id, email, key), "due": due, "latest": latest}
    is_late: bool | None = (await session.execute(LOCK_SCHEDULED, values)).scalar_one_or_none()
    return is_late


async def is_late(session: Transaction, *, due: datetime, latest: timedelta) -> bool:
    return bool((await session.execute(IS_LATE, {"due": due, "latest": latest})).scalar_one())


async def find_facts(
    session: Transaction, user_id: ExternalUserId, email: EmailType, subject: str | None
) -> Facts | None:
    row = (await session.execute(FIND_FACTS, {"user_id": user_id})).mappings().first()
    if row is None:
        return None
    is_about_campaign = email is EmailType.CAMPAIGN_FINISHED and subject is not None
    return Facts(
        user_id=user_id,
        address=row["address"],
        full_name=row["full_name"],
        onboarding_step=OnboardingStep(row["onboarding_step"]),
        plan_name=row["plan_name"],
        subscription_status=SubscriptionStatus(row["subscription_status"]),
        trial_status=TrialStatus(row["trial_status"]),
        trial_ends_at=row["trial_ends_at"],
        wants_marketing=row["wants_marketing"],
        subject=subject,
        campaign=await _find_campaign(session, user_id, subject or "") if is_about_campaign else None,
    )


async def unsubscribe(session: Transaction, user_id: ExternalUserId, source: UnsubscriptionSource) -> bool:
    """False: they had, or there is no such user."""
    values = {"user_id": user_id, "source": source}
    return (await session.execute(UNSUBSCRIBE, values)).first() is not None


async def resubscribe(session: Transaction, user_id: ExternalUserId) -> bool:
    return (await session.execute(RESUBSCRIBE, {"user_id": user_id})).first() is not None


async def find_statuses(session: Transaction, user_id: ExternalUserId) -> StoredStatuses | None:
    row = (await session.execute(LIST_STATUSES, {"user_id": user_id})).mappings().first()
    if row is None:
        return None
    statuses, source = row["statuses"], row["source"]
    return StoredStatuses(
        by_type=statuses if isinstance(statuses, Mapping) else {},
        unsubscribed=None if source is None else UnsubscriptionSource(source),
    )


async def list_due(session: Transaction, user_id: ExternalUserId) -> dict[str, datetime]:
    """By the job's key: when each e-mail that waits is due."""
    rows = await session.execute(LIST_DUE, {"user_id": user_id})
    return {row.dedupe_key: row.scheduled_for for row in rows}


async def list_sendings(session: Transaction, user_id: ExternalUserId) -> dict[str, tuple[str, str | None]]:
    """By key: what the outbox says of it, and why."""
    rows = await session.execute(LIST_SENDINGS, {"user_id": user_id})
    return {row.dedupe_key: (row.status, row.error) for row in rows}


async def _find_campaign(
    session: Transaction, user_id: ExternalUserId, campaign_id: str
) -> CampaignFacts | None:
    row = (await session.execute(FIND_CAMPAIGN, {"user_id": user_id, "id": campaign_id})).mappings().first()
    if row is None:
        return None
    return CampaignFacts(
        id=row["id"],
        name=row["name"],
        status=CampaignStatus(row["status"]),
        creators=int(row["creators"]),
    )


def _of(user_id: ExternalUserId, email: EmailType, key: str) -> dict[str, Any]:
    return {"user_id": user_id, "email": email, "key": key}


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


async def list_waiting(session: Transaction, *, after: str, batch: int) -> list[ExternalUserId]:
    """Users for whom something is scheduled, in the order of their ids."""
    rows = await session.execute(LIST_WAITING, {"after": after, "batch": batch})
    return [ExternalUserId(user_id) for user_id in rows.scalars()]


async def list_left(session: Transaction, user_ids: Sequence[ExternalUserId]) -> list[LeftEmail]:
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
