"""Statements of e-mail. Only this module writes `email_schedule_status`.

Each write changes one key of the column in one statement, so that concurrent writes lose nothing. Times are
those of the database.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.enums import (
    EmailStatus,
    EmailType,
    OutboxStatus,
    UnsubscriptionSource,
)
from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction
from tastemaker.mail.kinds import CampaignFacts, Facts, UserFacts


class Dueness(Enum):
    """Whether a scheduled e-mail is to be sent now."""

    DUE = auto()
    TOO_LATE = auto()
    NOT_SCHEDULED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredStatuses:
    """`by_type` is the column as it was written. `unsubscribed`: by which way; None: not unsubscribed."""

    by_type: Any
    unsubscribed: UnsubscriptionSource | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DueEmail:
    dedupe_key: str
    scheduled_for: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxState:
    dedupe_key: str
    status: str
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftEmail:
    """Its status is `scheduled`, but no job or message carries it. `outbox`: the status of its message."""

    user_id: ExternalUserId
    email: EmailType
    key: str
    outbox: OutboxStatus | None


SCHEDULE = statement(
    """
    UPDATE user_system_data data
    SET email_schedule_status = jsonb_set(
        CASE jsonb_typeof(data.email_schedule_status)
             WHEN 'object' THEN data.email_schedule_status ELSE '{}' END,
        ARRAY[CAST(%(email)s AS text)],
        jsonb_build_object('status', 'scheduled', 'messageId', CAST(%(key)s AS text), 'timestamp',
            to_char(timezone('UTC', app_now()), 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')))
    FROM users WHERE users.id = data.user_id AND users.user_id = %(user_id)s AND users.email <> ''
      AND data.email_schedule_status #>> ARRAY[%(email)s, 'messageId'] IS DISTINCT FROM %(key)s
      AND NOT (%(once)s
               AND data.email_schedule_status #>> ARRAY[%(email)s, 'status'] IS NOT DISTINCT FROM 'sent')
    RETURNING app_now() + CAST(%(delay)s AS interval) AS due
    """,
    datetime,
    not_null="due",
)

SET_STATUS = statement("""
    UPDATE user_system_data data
    SET email_schedule_status = jsonb_set(data.email_schedule_status, ARRAY[CAST(%(email)s AS text)],
        jsonb_build_object(
            'status', CAST(%(status)s AS text), 'messageId', CAST(%(key)s AS text), 'timestamp',
            to_char(timezone('UTC', app_now()), 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')))
    WHERE data.tenant_id = %(user_id)s
      AND data.email_schedule_status #>> ARRAY[%(email)s, 'messageId'] = %(key)s
      AND NOT (CAST(%(status)s AS text) = 'failed'
               AND data.email_schedule_status #>> ARRAY[%(email)s, 'status'] LIKE 'cancelled%%')
""")

IS_LATE = statement(
    "SELECT app_now() > CAST(%(due)s AS timestamptz) + CAST(%(latest)s AS interval) AS is_late",
    bool,
    not_null="is_late",
)

CANCEL = statement("""
    UPDATE user_system_data data
    SET email_schedule_status = jsonb_set(data.email_schedule_status, ARRAY[CAST(%(email)s AS text)],
        jsonb_build_object('status', CAST(%(status)s AS text),
            'messageId', data.email_schedule_status #> ARRAY[%(email)s, 'messageId'], 'timestamp',
            to_char(timezone('UTC', app_now()), 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')))
    WHERE data.tenant_id = %(user_id)s
      AND data.email_schedule_status #>> ARRAY[%(email)s, 'status'] = 'scheduled'
""")

CANCEL_JOBS = statement("""
    UPDATE background_jobs SET status = 'cancelled', completed_at = app_now()
    WHERE tenant_id = %(user_id)s AND dedupe_key LIKE 'email:%%' AND payload ->> 'email' = ANY(%(emails)s)
      AND status = 'pending'
""")

LIST_UNSENT = statement(
    """
    SELECT dedupe_key FROM outbox_messages
    WHERE tenant_id = %(user_id)s AND channel = 'email' AND body ->> 'email' = ANY(%(emails)s)
      AND status = 'pending'
    """,
    str,
)

LOCK_SCHEDULED = statement(
    """
    SELECT app_now() > CAST(%(due)s AS timestamptz) + CAST(%(latest)s AS interval) AS is_late
    FROM user_system_data data
    WHERE data.tenant_id = %(user_id)s
      AND (data.email_schedule_status #>> ARRAY[%(email)s, 'messageId'] <> %(key)s
           OR data.email_schedule_status #>> ARRAY[%(email)s, 'status'] = 'scheduled')
    FOR UPDATE
    """,
    bool,
    not_null="is_late",
)

FIND_FACTS = statement(
    """
    SELECT u.user_id, u.email AS address, u.full_name, u.onboarding_step, plan.display_name AS plan_name,
           coalesce(s.subscription_status, 'none') AS subscription_status,
           coalesce(s.trial_status, 'pending') AS trial_status, s.trial_end_date AS trial_ends_at,
           NOT EXISTS (SELECT FROM email_unsubscriptions gone WHERE gone.tenant_id = u.user_id)
               AS wants_marketing
    FROM users u
    LEFT JOIN user_subscriptions s ON s.user_id = u.id
    LEFT JOIN subscription_plans plan ON plan.plan_key = s.current_plan
    WHERE u.user_id = %(user_id)s
    """,
    UserFacts,
    not_null="subscription_status trial_status wants_marketing",
)

FIND_CAMPAIGN = statement(
    """
    SELECT campaigns.id::text AS id, campaigns.name, campaigns.status,
           (SELECT coalesce(sum(search.processed_results), 0) FROM scraping_jobs search
            WHERE search.campaign_id = campaigns.id AND search.user_id = campaigns.user_id) AS creators
    FROM campaigns
    WHERE campaigns.user_id = %(user_id)s AND campaigns.id::text = %(id)s AND campaigns.deleting_since IS NULL
    """,
    CampaignFacts,
    not_null="id creators",
)

UNSUBSCRIBE = statement("""
    INSERT INTO email_unsubscriptions (tenant_id, source, created_at)
    SELECT user_id, %(source)s, app_now() FROM users WHERE user_id = %(user_id)s
    ON CONFLICT (tenant_id) DO NOTHING
""")

RESUBSCRIBE = statement("DELETE FROM email_unsubscriptions WHERE tenant_id = %(user_id)s")

LIST_STATUSES = statement(
    """
    SELECT data.email_schedule_status AS by_type,
           (SELECT gone.source FROM email_unsubscriptions gone
            WHERE gone.tenant_id = data.tenant_id) AS unsubscribed
    FROM user_system_data data WHERE data.tenant_id = %(user_id)s
    """,
    StoredStatuses,
)

LIST_DUE = statement(
    """
    SELECT dedupe_key, scheduled_for FROM background_jobs
    WHERE tenant_id = %(user_id)s AND dedupe_key LIKE 'email:%%' AND status = 'pending'
    """,
    DueEmail,
    not_null="dedupe_key scheduled_for",
)

LIST_SENDINGS = statement(
    """
    SELECT dedupe_key, status, error FROM outbox_messages
    WHERE tenant_id = %(user_id)s AND channel = 'email'
    """,
    OutboxState,
)

LIST_WAITING = statement(
    """
    SELECT tenant_id FROM user_system_data
    WHERE jsonb_path_exists(email_schedule_status, '$.*.status ? (@ == "scheduled")')
      AND tenant_id > %(after)s
    ORDER BY tenant_id LIMIT %(batch)s
    """,
    ExternalUserId,
)

LIST_LEFT = statement(
    """
    WITH entries AS (
        SELECT data.tenant_id, entry.key AS email, entry.value ->> 'messageId' AS key
        FROM user_system_data data, jsonb_each(
            CASE jsonb_typeof(data.email_schedule_status)
                 WHEN 'object' THEN data.email_schedule_status ELSE '{}' END) entry
        WHERE data.tenant_id = ANY(%(user_ids)s)
          AND entry.value ->> 'status' = 'scheduled' AND entry.value ->> 'messageId' ~ '^[0-9a-f]{40}$'
    )
    SELECT entries.tenant_id AS user_id, entries.email, entries.key, letter.status AS outbox
    FROM entries
    LEFT JOIN outbox_messages letter ON letter.tenant_id = entries.tenant_id
        AND letter.channel = 'email' AND letter.dedupe_key = entries.key
    WHERE coalesce(letter.status, '') NOT IN ('pending', 'sending') AND entries.email = ANY(%(emails)s)
      AND NOT EXISTS (
          SELECT FROM background_jobs job
          WHERE job.tenant_id = entries.tenant_id AND job.dedupe_key = 'email:' || entries.key
            AND job.status IN ('pending', 'processing'))
    """,
    LeftEmail,
    not_null="email key",
)


async def schedule(
    tx: Transaction,
    user_id: ExternalUserId,
    email: EmailType,
    key: str,
    *,
    once: bool,
    delay: timedelta,
) -> datetime | None:
    """When it is due. None: it was scheduled before, or the user has no address.

    `once`: None also when an e-mail of this type was ever sent, even by the original product.
    """
    return await tx.one(SCHEDULE, user_id=user_id, email=email, key=key, once=once, delay=delay)


async def set_status(
    tx: Transaction, user_id: ExternalUserId, email: EmailType, key: str, status: EmailStatus
) -> None:
    """Unless the status is about a later e-mail of the type, or this one failed after it was cancelled."""
    await tx.run(SET_STATUS, user_id=user_id, email=email, key=key, status=status)


async def cancel(tx: Transaction, user_id: ExternalUserId, email: EmailType, *, status: EmailStatus) -> bool:
    """False: its status is not `scheduled`."""
    return await tx.run(CANCEL, user_id=user_id, email=email, status=status) > 0


async def cancel_jobs(tx: Transaction, user_id: ExternalUserId, emails: Sequence[EmailType]) -> None:
    """All waiting jobs of these types: the status knows only the latest e-mail of each type."""
    await tx.run(CANCEL_JOBS, user_id=user_id, emails=list(emails))


async def list_unsent(tx: Transaction, user_id: ExternalUserId, emails: Sequence[EmailType]) -> list[str]:
    """Keys of the messages of these types that wait in the outbox."""
    return await tx.many(LIST_UNSENT, user_id=user_id, emails=list(emails))


async def lock_scheduled(
    tx: Transaction,
    user_id: ExternalUserId,
    email: EmailType,
    key: str,
    *,
    due: datetime,
    latest: timedelta,
) -> Dueness:
    """Lock the schedule of the e-mail.

    A status that is about a later e-mail of the type says nothing about this one, which is still to be sent.
    """
    late = await tx.one(LOCK_SCHEDULED, user_id=user_id, email=email, key=key, due=due, latest=latest)
    if late is None:
        return Dueness.NOT_SCHEDULED
    return Dueness.TOO_LATE if late else Dueness.DUE


async def is_late(tx: Transaction, *, due: datetime, latest: timedelta) -> bool:
    return await tx.only(IS_LATE, due=due, latest=latest)


async def find_facts(
    tx: Transaction, user_id: ExternalUserId, email: EmailType, subject: str | None
) -> Facts | None:
    user = await tx.one(FIND_FACTS, user_id=user_id)
    if user is None:
        return None
    campaign = None
    if email is EmailType.CAMPAIGN_FINISHED and subject is not None:
        campaign = await tx.one(FIND_CAMPAIGN, user_id=user_id, id=subject)
    return Facts(**asdict(user), subject=subject, campaign=campaign)


async def unsubscribe(tx: Transaction, user_id: ExternalUserId, source: UnsubscriptionSource) -> bool:
    """False: the user had unsubscribed before, or does not exist."""
    return await tx.run(UNSUBSCRIBE, user_id=user_id, source=source) > 0


async def resubscribe(tx: Transaction, user_id: ExternalUserId) -> bool:
    return await tx.run(RESUBSCRIBE, user_id=user_id) > 0


async def find_statuses(tx: Transaction, user_id: ExternalUserId) -> StoredStatuses | None:
    return await tx.one(LIST_STATUSES, user_id=user_id)


async def list_due(tx: Transaction, user_id: ExternalUserId) -> dict[str, datetime]:
    """By the key of the job: when each waiting e-mail is due."""
    return {row.dedupe_key: row.scheduled_for for row in await tx.many(LIST_DUE, user_id=user_id)}


async def list_sendings(tx: Transaction, user_id: ExternalUserId) -> dict[str, OutboxState]:
    """By key: the status in the outbox, and the error."""
    return {row.dedupe_key: row for row in await tx.many(LIST_SENDINGS, user_id=user_id)}


async def list_waiting(tx: Transaction, *, after: str, batch: int) -> list[ExternalUserId]:
    """Users with a scheduled e-mail, in the order of their ids."""
    return await tx.many(LIST_WAITING, after=after, batch=batch)


async def list_left(tx: Transaction, user_ids: Sequence[ExternalUserId]) -> list[LeftEmail]:
    """Scheduled e-mails of these users that no job and no message of the outbox will settle."""
    return await tx.many(LIST_LEFT, user_ids=list(user_ids), emails=list(EmailType))
