"""A run, page after page: fetch with no transaction open, keep in one transaction, fenced by version.

A kill at any line loses nothing and repeats nothing: what is committed is the cursor together with the
creators it was reached by, and whoever comes later goes on from there.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from uuid import UUID

import httpx
import psycopg

from tastemaker.config_store.hot_reload import Configuration
from tastemaker.config_store.keys import (
    INSTAGRAM_JOB_TIMEOUT,
    MAX_API_CALLS_TIKTOK,
    STANDARD_JOB_TIMEOUT,
)
from tastemaker.core.clock import monotonic
from tastemaker.core.ids import ExternalUserId, RunId
from tastemaker.core.logging import get_logger
from tastemaker.core.platforms import Platform
from tastemaker.core.waiting import call_off
from tastemaker.db.claims import Tenant
from tastemaker.db.engine import DATABASE_TROUBLE, Database, in_transaction, is_full
from tastemaker.db.transaction import Transaction
from tastemaker.events.payloads import SearchProcessing
from tastemaker.jobs.types import Again, Done, JobContext, JobResult
from tastemaker.providers.base import Page, Provider, ProviderError
from tastemaker.providers.limits import Throttled
from tastemaker.providers.page_store import PaidPage
from tastemaker.providers.samples import sampled
from tastemaker.searches.exclusions.names import NO_KEY_ID, SuppressionKey
from tastemaker.searches.queries import lock_search
from tastemaker.searches.run import call_queries, queries
from tastemaker.searches.run.failures import event_identifier, park, postpone, provider_failed, record_event
from tastemaker.searches.run.page import MOST_PAGES, FetchedPage, Kept, can_ask_ahead, keep_page, next_state
from tastemaker.searches.run.provider_calls import ProviderAccess, call_within_limits, fetch_page, find_paid
from tastemaker.searches.run.queries import RunState
from tastemaker.searches.service import ContinueRun, end_run, end_search
from tastemaker.searches.types import EndReason

SLICE_SECONDS = 4.0
"""A run works that long before it queues again behind the others, so that nobody waits longer."""


AHEAD_FROM_SECONDS = 0.05
"""From a provider that takes so long the next page is asked for while the last one is kept."""


KEY_SECONDS = 600.0


NO_KEY = "Here the key of the list of suppressed people is missing; without it nothing may be stored."


SWITCHED_OFF_SECONDS = 15.0
"""How often a run looks whether its platform is switched on again: thousands may look at the same time."""


SPACE_SECONDS = 60.0
"""How long a search waits for space on the database's disk before it is tried again."""


log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PendingPage:
    """A page to be asked for, with the ledger's row of the call; one on its way; or one that was paid for."""

    state: RunState
    call_id: UUID | None
    paid: PaidPage | None = None
    ahead: "asyncio.Task[Page] | None" = None
    """Its page, where it was asked for while the one before was kept."""


async def continue_run(
    context: JobContext,
    message: ContinueRun,
    *,
    provider: Provider,
    http: httpx.AsyncClient,
    key: SuppressionKey | None = None,
) -> JobResult:
    """Work on the run until it ends, its slice is over, or the worker wants to stop."""
    slice_ends = monotonic() + SLICE_SECONDS
    pending: PendingPage | None = None
    try:
        while pending is not None or (not context.stopping.is_set() and monotonic() < slice_ends):
            access = ProviderAccess(
                provider=provider,
                http=http,
                platform=message.platform,
                source=message.source,
                config=context.config.snapshot(),  # one state of it for the whole page
                key=key,
            )
            if pending is None and not access.is_enabled:  # what is on its way is kept
                return await wait_for_provider(context, message, seconds=SWITCHED_OFF_SECONDS)
            step = await _one_page_or_wait_for_space(context, message, access, pending, slice_ends=slice_ends)
            if isinstance(step, Done | Again):
                return step
            pending = step
        return Again()
    finally:
        if pending is not None and pending.ahead is not None:
            await call_off(pending.ahead)


async def wait_for_provider(context: JobContext, message: ContinueRun, *, seconds: float) -> JobResult:
    """Nobody here can ask for the page: another worker may, until the search has run out of time."""

    async def look(session: Transaction) -> JobResult:
        state = await queries.find_run_state(session, ExternalUserId(message.user_id), RunId(message.run_id))
        if state is None:
            return Done()
        if state.timed_out and state.parked_for <= 0:
            await end_search(session, state.user_id, state.search_id, EndReason.TIMEOUT)
            return Done()
        return Again(seconds)

    return await in_transaction(context.database, Tenant(ExternalUserId(message.user_id)), look)


async def give_up_run(session: Transaction, message: ContinueRun) -> None:
    """The message failed for good: the run ends, so that its search does; what it found is kept."""
    state = await queries.find_run_state(session, ExternalUserId(message.user_id), RunId(message.run_id))
    if state is None:
        return
    await lock_search(session, state.user_id, state.search_id)
    await queries.count_failure(
        session, state, error_kind="internal", error="The search stopped on a fault of its own; see the log."
    )
    await end_run(session, state.user_id, state.search_id, state.run_id, EndReason.PROVIDER_FAILED)


async def _one_page_or_wait_for_space(
    context: JobContext,
    message: ContinueRun,
    access: ProviderAccess,
    pending: PendingPage | None,
    *,
    slice_ends: float,
) -> PendingPage | JobResult | None:
    try:
        return await _one_page(context, message, access, pending, slice_ends=slice_ends)
    except psycopg.Error as error:
        if not is_full(error):
            raise
        log.warning("the database's disk is full, run %s waits", message.run_id)
    with suppress(*DATABASE_TROUBLE):  # the note needs a little space itself
        claim = Tenant(ExternalUserId(message.user_id))
        await in_transaction(context.database, claim, partial(_park_for_space, message=message))
    return Again(SPACE_SECONDS)


async def _park_for_space(session: Transaction, *, message: ContinueRun) -> None:
    state = await queries.find_run_state(session, ExternalUserId(message.user_id), RunId(message.run_id))
    if state is not None:
        await park(session, state, seconds=SPACE_SECONDS, reason="The database's disk is full.")


async def _one_page(
    context: JobContext,
    message: ContinueRun,
    access: ProviderAccess,
    next_: PendingPage | None,
    *,
    slice_ends: float,
) -> PendingPage | JobResult | None:
    """The run goes on with what has pending; None: with what is still to begin."""
    database, claim = context.database, Tenant(ExternalUserId(message.user_id))
    pending = next_ or await _begin_first(database, claim, message, access)
    if not isinstance(pending, PendingPage):
        return pending
    asked = monotonic()
    try:
        page = await _page_of(database, access, pending)
    except Throttled as wait:
        return await in_transaction(database, claim, partial(postpone, state=pending.state, wait=wait))
    except ProviderError as error:
        failed = partial(
            provider_failed,
            job=context.job,
            state=pending.state,
            call_id=pending.call_id,
            error=error,
            access=access,
        )
        return await in_transaction(database, claim, failed)
    fetched = FetchedPage(
        state=pending.state,
        job=context.job,
        call_id=pending.call_id,
        page=page,
        platform=message.platform,
        declaration=access.declaration,
        source=message.source,
        key=access.key,
        fetched_at=pending.paid.fetched_at if pending.paid else None,
        most_pages=_most_pages(access),
    )
    now = monotonic()  # after the call, which takes long
    next_access = replace(access, config=context.config.snapshot())  # the next page has a state of its own
    may_go_on = not context.stopping.is_set() and now < slice_ends and next_access.is_enabled
    is_slow = pending.ahead is not None or now - asked >= AHEAD_FROM_SECONDS
    if may_go_on and is_slow and can_ask_ahead(fetched):
        return await _keep_and_ask_ahead(database, claim, fetched, next_access)
    keep = partial(_keep, fetched=fetched, access=access, may_go_on=may_go_on)
    return await in_transaction(database, claim, keep)


async def _keep_and_ask_ahead(
    database: Database, claim: Tenant, fetched: FetchedPage, access: ProviderAccess
) -> PendingPage | JobResult | None:
    """The next page is on its way while this one is kept: a search takes as long as its provider does.

    It is in the ledger before, and kept after this one, by the state that this one leaves. Where there is no
    such state, since somebody else has ended the search or taken the run, it is called off.
    """
    pending = await in_transaction(database, claim, partial(_begin_next, fetched=fetched, access=access))
    if pending is None:
        return await in_transaction(
            database, claim, partial(_keep, fetched=fetched, access=access, may_go_on=False)
        )
    ahead = None if pending.paid else asyncio.create_task(_fetch_sampled(database, access, pending.state))
    kept: Kept | None = None
    try:
        kept = await in_transaction(database, claim, partial(keep_page, fetched=fetched, is_last=True))
    finally:
        if (kept is None or kept.next_state is None) and ahead is not None:
            await call_off(ahead)
    if kept.next_state is not None:
        return replace(pending, state=kept.next_state, ahead=ahead)
    if pending.call_id is not None:
        await in_transaction(
            database, claim, partial(call_queries.abandon_call, state=pending.state, call_id=pending.call_id)
        )
    return None if kept.goes_on else Done()


async def _begin_next(
    session: Transaction, *, fetched: FetchedPage, access: ProviderAccess
) -> PendingPage | None:
    """None where nobody wants it: somebody else has the run by now, or has ended or filled its search."""
    found = len(fetched.page.creators)
    if not await queries.is_next_wanted(session, fetched.state, fetched.job, found=found):
        return None
    return await _begin_call(session, next_state(fetched), access, unsettled=fetched.call_id)


async def _page_of(database: Database, access: ProviderAccess, pending: PendingPage) -> Page:
    if pending.paid is not None:
        return pending.paid.page
    return await (pending.ahead or _fetch_sampled(database, access, pending.state))


def _most_pages(access: ProviderAccess) -> int:
    """An end for keywords whose provider finds none."""
    return int(access.config[MAX_API_CALLS_TIKTOK]) if access.platform is Platform.TIKTOK else MOST_PAGES


async def _begin_first(
    database: Database, claim: Tenant, message: ContinueRun, access: ProviderAccess
) -> PendingPage | JobResult:
    return await in_transaction(database, claim, partial(_begin, message=message, access=access))


async def _keep(
    session: Transaction, *, fetched: FetchedPage, access: ProviderAccess, may_go_on: bool
) -> PendingPage | JobResult | None:
    """The page is kept and the next one pending in one transaction: a round of trips less for each page."""
    next_call = access.call if may_go_on else None
    kept = await keep_page(
        session, fetched, next_call=next_call, is_last=next_call is not None or not may_go_on
    )
    if not kept.goes_on:
        return Done()
    if kept.next_state is None or not may_go_on:
        return None
    if kept.next_call_id is not None:
        return PendingPage(kept.next_state, kept.next_call_id)
    return await _begin_call(session, kept.next_state, access)


async def _fetch_sampled(database: Database, access: ProviderAccess, state: RunState) -> Page:
    call = (
        partial(fetch_page, access, state)
        if access.gate is None
        else partial(call_within_limits, database, access, state)
    )
    return await sampled(database, access.declaration.name, "search_keyword", call)


async def _begin(
    session: Transaction,
    *,
    message: ContinueRun,
    access: ProviderAccess,
) -> PendingPage | JobResult:
    user_id, run_id = ExternalUserId(message.user_id), RunId(message.run_id)
    key_id = access.key.id if access.key else NO_KEY_ID
    state = await queries.find_run_state(session, user_id, run_id, key_id=key_id)
    if state is None:
        return Done()
    if state.parked_for > 0:  # whoever goes on with it in this moment is waited for, and believed
        await lock_search(session, user_id, state.search_id)
        state = await queries.find_run_state(session, user_id, run_id, key_id=key_id)
        if state is None:
            return Done()
    if state.parked_for > 0:
        return Again(state.parked_for)
    if state.timed_out:
        await end_search(session, state.user_id, state.search_id, EndReason.TIMEOUT)
        return Done()
    if state.lacks_key:
        await lock_search(session, state.user_id, state.search_id)
        return await park(session, state, seconds=KEY_SECONDS, reason=NO_KEY)
    if not state.is_begun:
        await _begin_search(session, state, time_limit=_time_limit(access.config, message.platform))
    return await _begin_call(session, state, access)


async def _begin_call(
    session: Transaction, state: RunState, access: ProviderAccess, *, unsettled: UUID | None = None
) -> PendingPage:
    if access.call is None:
        return PendingPage(state, None, await find_paid(session, access, state))
    return PendingPage(state, await call_queries.begin_call(session, state, access.call, unsettled=unsettled))


async def _begin_search(session: Transaction, state: RunState, *, time_limit: timedelta) -> None:
    moment = await queries.begin_search(session, state, time_limit=time_limit)
    if moment is not None:
        await record_event(session, SearchProcessing(), state, once=event_identifier(state, moment))


def _time_limit(config: Configuration, platform: Platform) -> timedelta:
    return config[INSTAGRAM_JOB_TIMEOUT if platform is Platform.INSTAGRAM else STANDARD_JOB_TIMEOUT]
