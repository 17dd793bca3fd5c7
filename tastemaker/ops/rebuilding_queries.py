"""Stored searches and subscriptions and the events they come from, a batch at a time, over all tenants."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from tastemaker.db.enums import SearchStatus
from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction
from tastemaker.events.names import Payload
from tastemaker.events.payloads import SearchSnapshot, SubscriptionSnapshot
from tastemaker.events.recorded import COLUMNS, RecordedEvent
from tastemaker.events.states import SearchState, SubscriptionState

BATCH: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSearch:
    id: UUID
    tenant_id: str
    campaign_id: UUID | None
    platform: str
    target: int
    status: str
    outcome: str | None
    stored: int
    pages: int

    @property
    def aggregate_id(self) -> str:
        return str(self.id)

    @property
    def state(self) -> SearchState:
        """As far as its events tell it: the counts and the outcome at its end."""
        is_open = SearchStatus(self.status).is_open
        return SearchState(
            platform=self.platform,
            target=self.target,
            status=self.status,
            outcome=None if is_open else self.outcome,
            stored=None if is_open else self.stored,
            pages=None if is_open else self.pages,
        )

    @property
    def snapshot(self) -> Payload:
        return SearchSnapshot(
            campaign_id=self.campaign_id,
            platform=self.platform,
            target=self.target,
            status=self.status,
            outcome=self.outcome,
            stored=self.stored,
            pages=self.pages,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSubscription:
    id: UUID
    tenant_id: str
    plan: str
    status: str
    trial_status: str
    trial_ends_at: datetime | None
    renews_at: datetime | None
    cancels_at: datetime | None

    @property
    def aggregate_id(self) -> str:
        return self.tenant_id

    @property
    def state(self) -> SubscriptionState:
        return SubscriptionState(
            plan=self.plan,
            status=self.status,
            trial_status=self.trial_status,
            trial_ends_at=self.trial_ends_at,
            renews_at=self.renews_at,
            cancels_at=self.cancels_at,
        )

    @property
    def snapshot(self) -> Payload:
        return SubscriptionSnapshot(
            plan=self.plan,
            status=self.status,
            trial_status=self.trial_status,
            trial_ends_at=self.trial_ends_at,
            renews_at=self.renews_at,
            cancels_at=self.cancels_at,
        )


Stored = StoredSearch | StoredSubscription

LIST_SEARCHES: Final = statement(
    """
    SELECT id, user_id AS tenant_id, campaign_id, platform, target_results AS target, status, outcome,
           processed_results AS stored, processed_runs AS pages
    FROM scraping_jobs
    WHERE id > coalesce(%(after)s::uuid, '00000000-0000-0000-0000-000000000000')
    ORDER BY id LIMIT %(batch)s
    FOR SHARE
    """,
    StoredSearch,
)

LIST_SUBSCRIPTIONS: Final = statement(
    """
    SELECT id, tenant_id, current_plan AS plan, subscription_status AS status, trial_status,
           trial_end_date AS trial_ends_at, subscription_renewal_date AS renews_at,
           subscription_cancel_date AS cancels_at
    FROM user_subscriptions
    WHERE id > coalesce(%(after)s::uuid, '00000000-0000-0000-0000-000000000000')
    ORDER BY id LIMIT %(batch)s
    FOR SHARE
    """,
    StoredSubscription,
)

LIST_HISTORY: Final = statement(
    f"""
    SELECT {COLUMNS} FROM events
    WHERE aggregate_id = ANY(%(aggregates)s::text[]) AND aggregate_type = ANY(%(kinds)s::text[])
    ORDER BY seq
    """,  # noqa: S608 - of constants
    RecordedEvent,
)


async def list_searches(tx: Transaction, *, after: UUID | None) -> Sequence[Stored]:
    """Locked for the transaction, so that no page moves them while their events are read."""
    return await tx.many(LIST_SEARCHES, after=after, batch=BATCH)


async def list_subscriptions(tx: Transaction, *, after: UUID | None) -> Sequence[Stored]:
    """Locked likewise."""
    return await tx.many(LIST_SUBSCRIPTIONS, after=after, batch=BATCH)


async def list_histories(
    tx: Transaction, aggregates: Sequence[str], kinds: Sequence[str]
) -> dict[str, list[RecordedEvent]]:
    """By aggregate id, in the order of writing."""
    found: dict[str, list[RecordedEvent]] = {}
    for event in await tx.many(LIST_HISTORY, aggregates=list(aggregates), kinds=list(kinds)):
        found.setdefault(event.aggregate_id, []).append(event)
    return found
