"""Rebuilding a state from its events: what a search or a subscription must be, by the log alone.

A fold begins at what began the thing or at a snapshot; without either there is nothing to rebuild from.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from tastemaker.db.enums import SearchStatus
from tastemaker.events.names import Payload
from tastemaker.events.payloads import (
    SearchFinished,
    SearchParked,
    SearchProcessing,
    SearchResumed,
    SearchSnapshot,
    SearchStarted,
    SubscriptionFacts,
    TrialConverted,
    TrialExpired,
    TrialStarted,
    UserRegistered,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchState:
    """`outcome`, `stored` and `pages` are known at the end; until then the rows alone know how far it is."""

    platform: str
    target: int
    status: str
    outcome: str | None = None
    stored: int | None = None
    pages: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionState:
    plan: str
    status: str
    trial_status: str
    trial_ends_at: datetime | None = None
    renews_at: datetime | None = None
    cancels_at: datetime | None = None


def fold_search(payloads: Iterable[Payload]) -> SearchState | None:
    """None: the log does not have its beginning."""
    state: SearchState | None = None
    for payload in payloads:
        state = _search_after(state, payload)
    return state


def fold_subscription(payloads: Iterable[Payload]) -> SubscriptionState | None:
    """Of one user, over the events of the user, the trial and the subscription, in the order of writing."""
    state: SubscriptionState | None = None
    for payload in payloads:
        state = _subscription_after(state, payload)
    return state


def _search_after(state: SearchState | None, payload: Payload) -> SearchState | None:
    match payload:
        case SearchStarted():
            return SearchState(platform=payload.platform, target=payload.target, status=SearchStatus.PENDING)
        case SearchSnapshot():
            is_open = SearchStatus(payload.status).is_open
            return SearchState(
                platform=payload.platform,
                target=payload.target,
                status=payload.status,
                outcome=None if is_open else payload.outcome,
                stored=None if is_open else payload.stored,
                pages=None if is_open else payload.pages,
            )
        case SearchFinished() if state:
            return replace(
                state,
                status=payload.status,
                outcome=payload.outcome,
                stored=payload.stored,
                pages=payload.pages,
            )
        case SearchProcessing() if state:
            return replace(state, status=SearchStatus.PROCESSING)
        case SearchParked() | SearchResumed() if state:
            return replace(state, status=SearchStatus.PENDING)
        case _:
            return state


def _subscription_after(state: SubscriptionState | None, payload: Payload) -> SubscriptionState | None:
    match payload:
        case SubscriptionFacts():
            return SubscriptionState(
                plan=payload.plan,
                status=payload.status,
                trial_status=payload.trial_status,
                trial_ends_at=payload.trial_ends_at,
                renews_at=payload.renews_at,
                cancels_at=payload.cancels_at,
            )
        case UserRegistered(plan=plan):
            return SubscriptionState(plan=plan, status="none", trial_status="pending")
        case TrialStarted() if state:
            return replace(state, plan=payload.plan, trial_status="active", trial_ends_at=payload.ends_at)
        case TrialConverted(plan=plan) if state:
            return replace(state, plan=plan, trial_status="converted")
        case TrialExpired(plan=plan) if state:
            return replace(state, plan=plan, trial_status="expired")
        case _:
            return state
