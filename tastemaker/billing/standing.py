"""Where a user stands with their plan: derived from Stripe's words, an administrator's grant, and the time.

`derive` is a pure function, so that webhooks in any order, any number of times, end in the same state.
`settle` writes what it says, with the events of what changed and the e-mails that these cause.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from tastemaker.billing import standing_queries as queries
from tastemaker.billing.standing_queries import Mirrored, PlanStanding
from tastemaker.config_store.keys import PAST_DUE_GRACE
from tastemaker.config_store.service import current_value
from tastemaker.core.ids import ExternalUserId, new_id
from tastemaker.db.enums import BillingSyncStatus, SubscriptionStatus, TrialStatus
from tastemaker.db.transaction import Transaction
from tastemaker.events.names import Source
from tastemaker.events.payloads import (
    SubscriptionCanceled,
    SubscriptionCreated,
    SubscriptionFacts,
    SubscriptionUpdated,
    TrialConverted,
    TrialExpired,
    TrialStarted,
)
from tastemaker.events.service import record
from tastemaker.mail import sequence

FREE: Final = "free"
CONVERSION_TIME: Final = timedelta(hours=3)
"""How long Stripe may take to charge for what follows a trial; its invoice is a draft for an hour."""

_STATUS: Final = {
    "incomplete": SubscriptionStatus.NONE,
    "incomplete_expired": SubscriptionStatus.NONE,
    "paused": SubscriptionStatus.PAST_DUE,
}
_RANK: Final = ("active", "trialing", "past_due", "paused", "unpaid", "canceled", "incomplete")
_DUE: Final = {SubscriptionStatus.PAST_DUE, SubscriptionStatus.UNPAID}


def derive(
    stored: PlanStanding,
    subscriptions: Sequence[Mirrored],
    *,
    now: datetime,
    grace: timedelta,
    default: str = FREE,
) -> PlanStanding:
    """What is true now. Without a subscription at Stripe what is stored stays, but a trial ends in time.

    `grace`: how long an unpaid period still counts, from its beginning. `default`: the plan of who has none.
    """
    best = best_of(subscriptions)
    if best is None:
        return _without_stripe(stored, now, default)
    status = _STATUS.get(best.status) or SubscriptionStatus(best.status)
    of_trial = best if best.trial_start else _latest_trial(subscriptions)
    trial_start = of_trial.trial_start if of_trial else stored.trial_start
    trial_end = of_trial.trial_end if of_trial else stored.trial_end
    paid = [one for one in subscriptions if one.was_active]
    converted_at = min((one.trial_end or one.created for one in paid), default=stored.converted_at)
    trial = (
        TrialStatus.CONVERTED
        if converted_at is not None
        else _trial_status(status, trial_start, trial_end, now)
    )
    is_live = (
        status is SubscriptionStatus.ACTIVE
        or (status is SubscriptionStatus.TRIALING and trial is not TrialStatus.EXPIRED)
        or (status is SubscriptionStatus.PAST_DUE and now < (best.period_start or best.created) + grace)
    )
    is_open = status not in {SubscriptionStatus.CANCELED, SubscriptionStatus.NONE}
    own = (best.plan or stored.plan) if is_live else default
    return replace(
        stored,
        plan=stored.granted or own,
        status=status,
        trial_status=trial,
        trial_start=trial_start,
        trial_end=trial_end,
        converted_at=converted_at,
        cancels_at=best.cancel_at if is_open else best.ended_at,
        renews_at=best.period_end if is_open and best.cancel_at is None else None,
        sync=BillingSyncStatus.ERROR if is_live and best.plan is None else BillingSyncStatus.SYNCED,
    )


def best_of(subscriptions: Sequence[Mirrored]) -> Mirrored | None:
    """The one that counts: the best status, then the newest."""
    ranked = {status: place for place, status in enumerate(reversed(_RANK))}
    return max(subscriptions, key=lambda one: (ranked.get(one.status, -1), one.created, one.id), default=None)


def _trial_status(
    status: SubscriptionStatus, start: datetime | None, end: datetime | None, now: datetime
) -> TrialStatus:
    """Of a subscription that was never active."""
    if status is SubscriptionStatus.CANCELED and start is not None:
        return TrialStatus.CANCELLED
    if status in _DUE and start is not None:
        return TrialStatus.EXPIRED
    if status is SubscriptionStatus.TRIALING:
        is_over = end is not None and now >= end + CONVERSION_TIME
        return TrialStatus.EXPIRED if is_over else TrialStatus.ACTIVE
    return TrialStatus.EXPIRED if end is not None and now >= end else TrialStatus.PENDING


def _without_stripe(stored: PlanStanding, now: datetime, default: str) -> PlanStanding:
    over = (
        stored.trial_status is TrialStatus.ACTIVE and stored.trial_end is not None and now >= stored.trial_end
    )
    if not over:
        return replace(stored, plan=stored.granted or stored.plan)
    if stored.status is SubscriptionStatus.ACTIVE:
        return replace(
            stored,
            plan=stored.granted or stored.plan,
            trial_status=TrialStatus.CONVERTED,
            converted_at=stored.converted_at or now,
        )
    return replace(stored, plan=stored.granted or default, trial_status=TrialStatus.EXPIRED)


def _latest_trial(subscriptions: Sequence[Mirrored]) -> Mirrored | None:
    tried = [one for one in subscriptions if one.trial_start]
    return max(tried, key=lambda one: (one.created, one.id), default=None)


async def settle(
    tx: Transaction,
    user_id: ExternalUserId,
    *,
    source: Source = Source.SYSTEM_AUTOMATION,
    default: str = FREE,
    released: bool = False,
) -> PlanStanding | None:
    """Write what is true of a user now, with its events; None where there is no such user.

    The row stays locked until the transaction ends. `released`: a grant was taken back; its plan goes.
    """
    stored = await tx.one(queries.LOCK_STANDING, user_id=user_id)
    if stored is None:
        return None
    subscriptions = await tx.many(queries.LIST_MIRRORED, user_id=user_id)
    known = replace(stored, plan=default) if released and not subscriptions else stored
    grace = await current_value(tx, PAST_DUE_GRACE)
    standing = derive(known, subscriptions, now=await tx.only(queries.NOW), grace=grace, default=default)
    best = best_of(subscriptions)
    if best is not None:
        await tx.run(queries.PUT_SUBSCRIPTION_ID, user_id=user_id, subscription_id=best.id)
    if standing == stored:
        return standing
    await tx.run(
        queries.PUT_STANDING,
        user_id=user_id,
        plan=standing.plan,
        status=standing.status,
        trial_status=standing.trial_status,
        trial_start=standing.trial_start,
        trial_end=standing.trial_end,
        converted_at=standing.converted_at,
        cancels_at=standing.cancels_at,
        renews_at=standing.renews_at,
        sync=standing.sync,
    )
    await _tell(tx, user_id, stored, standing, source=source, subscription=best.id if best else None)
    return standing


def facts(kind: type[SubscriptionFacts], standing: PlanStanding) -> SubscriptionFacts:
    return kind(
        plan=standing.plan,
        status=standing.status,
        trial_status=standing.trial_status,
        trial_ends_at=standing.trial_end,
        renews_at=standing.renews_at,
        cancels_at=standing.cancels_at,
    )


async def _tell(
    tx: Transaction,
    user_id: ExternalUserId,
    before: PlanStanding,
    now: PlanStanding,
    *,
    source: Source,
    subscription: str | None,
) -> None:
    """The trial's event first, then one that has the whole new state."""
    if now.trial_status is not before.trial_status:
        await _tell_trial(tx, user_id, now, source=source)
    elif now.cancels_at and not before.cancels_at and now.trial_status is TrialStatus.ACTIVE:
        await sequence.on_trial_cancelled(tx, user_id)
    kind: type[SubscriptionFacts] = SubscriptionUpdated
    if now.status is not before.status:
        if now.status is SubscriptionStatus.CANCELED:
            kind = SubscriptionCanceled
            await sequence.on_subscription_cancelled(tx, user_id)
        elif before.status in {SubscriptionStatus.NONE, SubscriptionStatus.CANCELED}:
            kind = SubscriptionCreated
        if now.status is SubscriptionStatus.ACTIVE and subscription is not None:
            await sequence.on_subscription_started(tx, user_id, subscription)
    await record(
        tx,
        facts(kind, now),
        aggregate_id=user_id,
        identifier=f"{user_id}_{new_id()}",
        source=source,
        tenant_id=user_id,
    )


async def _tell_trial(tx: Transaction, user_id: ExternalUserId, now: PlanStanding, *, source: Source) -> None:
    match now.trial_status:
        case TrialStatus.ACTIVE if now.trial_start and now.trial_end:
            started = TrialStarted(plan=now.plan, started_at=now.trial_start, ends_at=now.trial_end)
            await record(tx, started, aggregate_id=user_id, source=source, tenant_id=user_id)
            await sequence.on_trial_started(tx, user_id)
        case TrialStatus.CONVERTED if now.converted_at:
            if now.trial_start is not None or now.trial_end is not None:
                converted = TrialConverted(plan=now.plan, converted_at=now.converted_at)
                await record(tx, converted, aggregate_id=user_id, source=source, tenant_id=user_id)
            await sequence.on_trial_ended(tx, user_id, is_converted=True)
        case TrialStatus.EXPIRED if now.trial_end:
            expired = TrialExpired(plan=now.plan, ended_at=now.trial_end)
            await record(tx, expired, aggregate_id=user_id, source=source, tenant_id=user_id)
            await sequence.on_trial_ended(tx, user_id, is_converted=False)
        case TrialStatus.CANCELLED:
            await sequence.on_trial_cancelled(tx, user_id)
