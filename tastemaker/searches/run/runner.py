"""The page loop: fetch a page with no transaction open, commit it in one transaction, fenced by version.

A kill at any line loses nothing and repeats nothing: the cursor is committed together with the creators of
its page, and the next worker continues from there.
"""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from uuid import UUID

import httpx
import psycopg

from tastemaker.catalog.languages import detect
from tastemaker.config_store.hot_reload import Configuration
from tastemaker.config_store.keys import (
    INSTAGRAM_JOB_TIMEOUT,
    KEEP_PROFILES_FOR,
    MAX_API_CALLS_TIKTOK,
    STANDARD_JOB_TIMEOUT,
)
from tastemaker.core.clock import monotonic
from tastemaker.core.ids import ExternalUserId, RunId
from tastemaker.core.logging import get_logger
from tastemaker.core.platforms import Platform
from tastemaker.core.waiting import call_off
from tastemaker.db.claims import Tenant
from tastemaker.db.pool import Database
from tastemaker.db.transaction import DATABASE_TROUBLE, Transaction, in_transaction, is_full
from tastemaker.events.payloads import SearchProcessing
from tastemaker.jobs.types import Again, Done, JobContext, JobResult
from tastemaker.providers.base import Page, ProfileLookup, Provider, ProviderError
from tastemaker.providers.limits import Throttled
from tastemaker.providers.samples import sampled
from tastemaker.searches.enrichment.queries import ABANDON_CALLS
from tastemaker.searches.exclusions.names import NO_KEY_ID, SuppressionKey
from tastemaker.searches.queries import lock_search
from tastemaker.searches.run import call_queries, queries
from tastemaker.searches.run.candidate_step import (
    PendingCandidates,
    commit_candidates,
    fetch_candidates,
    profile_access,
)
from tastemaker.searches.run.candidates import list_waiting
from tastemaker.searches.run.failures import event_identifier, park, postpone, provider_failed, record_event
from tastemaker.searches.run.page import (
    MOST_PAGES,
    Continue,
    FetchedPage,
    PendingPage,
    can_ask_ahead,
    commit_page,
    is_next_wanted,
    next_state,
)
from tastemaker.searches.run.provider_calls import ProviderAccess, call_within_limits, fetch_page, find_paid
from tastemaker.searches.run.queries import RunState
from tastemaker.searches.service import ContinueRun, end_run, end_search
from tastemaker.searches.types import EndReason

SLICE_SECONDS = 4.0
"""The time slice of a run; then it queues again behind the others."""

AHEAD_FROM_SECONDS = 0.05
"""From a provider at least so slow the next page is requested during the commit of the last one."""

KEY_SECONDS = 600.0
NO_KEY = "Here the key of the list of suppressed people is missing; without it nothing may be stored."
SWITCHED_OFF_SECONDS = 15.0
"""How often a run checks whether its platform is switched on again; thousands may check at a time."""

SPACE_SECONDS = 60.0
"""How long a search waits for space on the database's disk before the next attempt."""

Step = Continue | Done | Again
"""What a run does after a page: the next page, nothing more, or the same message later."""

log = get_logger(__name__)


async def continue_run(
    context: JobContext,
    message: ContinueRun,
    *,
    provider: Provider,
    http: httpx.AsyncClient,
    key: SuppressionKey | None = None,
    lookup: ProfileLookup | None = None,
) -> JobResult:
    """Work on the run until it ends, its time slice is over, or the worker stops."""
    slice_ends = monotonic() + SLICE_SECONDS
    pending: PendingPage | None = None
    try:
        while pending is not None or (not context.stopping.is_set() and monotonic() < slice_ends):
            access = ProviderAccess(
                provider=provider,
                http=http,
                platform=message.platform,
                source=message.source,
                config=context.config.snapshot(),  # the same for the whole page
                key=key,
                lookup=lookup,
            )
            if pending is None and not access.is_enabled:  # a page under way is still committed
                return await wait_for_provider(context, message, seconds=SWITCHED_OFF_SECONDS)
            step = await _one_page_or_wait_for_space(context, message, access, pending, slice_ends=slice_ends)
            if not isinstance(step, Continue):
                return step
            pending = step.next
        return Again()
    finally:
        if pending is not None and pending.ahead is not None:
            await call_off(pending.ahead)


async def wait_for_provider(context: JobContext, message: ContinueRun, *, seconds: float) -> JobResult:
    """Retry later, as another worker may fetch the page, until the search times out."""

    async def look(tx: Transaction) -> JobResult:
        run = await queries.find_run_state(tx, ExternalUserId(message.user_id), RunId(message.run_id))
        if run is None:
            return Done()
        if run.timed_out and run.parked_for <= 0:
            await end_search(tx, run.user_id, run.search_id, EndReason.TIMEOUT)
            return Done()
        return Again(seconds)

    return await in_transaction(context.database, Tenant(ExternalUserId(message.user_id)), look)


async def give_up_run(tx: Transaction, message: ContinueRun) -> None:
    """End the run, as its message failed for good, so that its search ends too. What it found stays."""
    run = await queries.find_run_state(tx, ExternalUserId(message.user_id), RunId(message.run_id))
    if run is None:
        return
    await lock_search(tx, run.user_id, run.search_id)
    await queries.count_failure(
        tx, run, error_kind="internal", error="The search stopped on a fault of its own; see the log."
    )
    await end_run(tx, run.user_id, run.search_id, run.run_id, EndReason.PROVIDER_FAILED)


async def _one_page_or_wait_for_space(
    context: JobContext,
    message: ContinueRun,
    access: ProviderAccess,
    pending: PendingPage | None,
    *,
    slice_ends: float,
) -> Step:
    try:
        return await _one_page(context, message, access, pending, slice_ends=slice_ends)
    except psycopg.Error as error:
        if not is_full(error):
            raise
        log.warning("the database's disk is full, run %s waits", message.run_id)
    with suppress(*DATABASE_TROUBLE):  # parking needs a little space itself
        claim = Tenant(ExternalUserId(message.user_id))
        await in_transaction(context.database, claim, partial(_park_for_space, message=message))
    return Again(SPACE_SECONDS)


async def _park_for_space(tx: Transaction, *, message: ContinueRun) -> None:
    run = await queries.find_run_state(tx, ExternalUserId(message.user_id), RunId(message.run_id))
    if run is not None:
        await park(tx, run, seconds=SPACE_SECONDS, reason="The database's disk is full.")


async def _one_page(
    context: JobContext,
    message: ContinueRun,
    access: ProviderAccess,
    pending: PendingPage | None,
    *,
    slice_ends: float,
) -> Step:
    """Begin a page where none is pending, fetch it, and commit it."""
    database, claim = context.database, Tenant(ExternalUserId(message.user_id))
    if pending is None:
        begun = await in_transaction(database, claim, partial(_begin, message=message, access=access))
        if isinstance(begun, PendingCandidates):
            return await _judge_candidates(context, access, begun)
        if not isinstance(begun, PendingPage):
            return begun
        pending = begun
    requested = monotonic()
    try:
        page = await _fetch(database, access, pending)
    except Throttled as wait:
        return await in_transaction(database, claim, partial(postpone, run=pending.run, wait=wait))
    except ProviderError as error:
        failed = partial(
            provider_failed,
            job=context.job,
            run=pending.run,
            call_id=pending.call_id,
            error=error,
            access=access,
        )
        return await in_transaction(database, claim, failed)
    fetched = FetchedPage(
        run=pending.run,
        progress=pending.progress,
        job=context.job,
        call_id=pending.call_id,
        page=page,
        platform=message.platform,
        declaration=access.declaration,
        source=message.source,
        key=access.key,
        fetched_at=pending.paid.fetched_at if pending.paid else None,
        most_pages=_most_pages(access),
        fresh=None if access.lookup is None else access.config[KEEP_PROFILES_FOR],
    )
    await _learn_languages(fetched)
    now = monotonic()  # after the call, which takes long
    next_access = replace(access, config=context.config.snapshot())  # the next page has its own snapshot
    may_go_on = not context.stopping.is_set() and now < slice_ends and next_access.is_enabled
    may_go_on = may_go_on and pending.run.criteria is None  # candidates come before the next page
    is_slow = pending.ahead is not None or now - requested >= AHEAD_FROM_SECONDS
    if may_go_on and is_slow and can_ask_ahead(fetched):
        return await _commit_and_ask_ahead(database, claim, fetched, next_access)
    commit = (
        partial(_commit_and_begin_next, fetched=fetched, access=access)
        if may_go_on
        else partial(_commit_last, fetched=fetched)
    )
    return await in_transaction(database, claim, commit)


async def _learn_languages(fetched: FetchedPage) -> None:
    """Known to the page's transaction then, which does not wait for the model."""
    if fetched.provenance.derives:
        page = fetched.page
        texts = [*(one.bio for one in page.creators), *(one.text for one in page.posts)]
        await asyncio.to_thread(detect, texts)


async def _judge_candidates(context: JobContext, access: ProviderAccess, pending: PendingCandidates) -> Step:
    """Fetch the profiles of candidates, and commit what they say."""
    profiles = profile_access(access)
    fetched = await fetch_candidates(context.database, profiles, pending) if profiles else []
    commit = partial(
        commit_candidates,
        job=context.job,
        pending=pending,
        access=access,
        profiles=profiles,
        fetched=fetched,
    )
    result = await in_transaction(context.database, Tenant(pending.run.user_id), commit)
    return Continue() if result is None else result


async def _begin(
    tx: Transaction, *, message: ContinueRun, access: ProviderAccess
) -> PendingPage | PendingCandidates | JobResult:
    """The run's next candidates, else its next page with its row in the ledger, unless it waits or ends."""
    user_id, run_id = ExternalUserId(message.user_id), RunId(message.run_id)
    key_id = access.key.id if access.key else NO_KEY_ID
    run = await queries.find_run_state(tx, user_id, run_id, key_id=key_id)
    if run is not None and run.parked_for > 0:  # locks the search first, so that a concurrent resume is seen
        await lock_search(tx, user_id, run.search_id)
        run = await queries.find_run_state(tx, user_id, run_id, key_id=key_id)
    if run is None:
        return Done()
    if run.parked_for > 0:
        return Again(run.parked_for)
    if run.timed_out:
        await end_search(tx, user_id, run.search_id, EndReason.TIMEOUT)
        return Done()
    if run.lacks_key:
        await lock_search(tx, user_id, run.search_id)
        return await park(tx, run, seconds=KEY_SECONDS, reason=NO_KEY)
    if not run.is_begun:
        await _begin_search(tx, run, time_limit=_time_limit(access.config, message.platform))
    if run.criteria is not None:
        if waiting := await list_waiting(tx, run):
            await tx.run(ABANDON_CALLS, user_id=run.user_id, owner_id=run.run_id)
            return PendingCandidates(run, waiting)
        if (end := _end_of_looking(run)) is not None:
            reason, error = end
            await lock_search(tx, user_id, run.search_id)
            await end_run(tx, user_id, run.search_id, run.run_id, reason, error=error)
            return Done()
    return await _begin_call(tx, PendingPage(run=run), access)


def _end_of_looking(run: RunState) -> tuple[EndReason, str | None] | None:
    """Why a search with criteria reads no further page of the keyword, and the sentence about it."""
    if run.pages_end is not None:
        return run.pages_end, None
    if run.most_looked is not None and run.looked_at >= run.most_looked:
        said = f"{run.looked_at:,} creators were looked at, which is the limit. A higher limit finds more."
        return EndReason.PAGE_CAP, said
    return None


async def _begin_search(tx: Transaction, run: RunState, *, time_limit: timedelta) -> None:
    moment = await queries.begin_search(tx, run, time_limit=time_limit)
    if moment is not None:
        await record_event(tx, SearchProcessing(), run, once=event_identifier(run, moment))


async def _begin_call(
    tx: Transaction, pending: PendingPage, access: ProviderAccess, *, unsettled: UUID | None = None
) -> PendingPage:
    if access.call is None:
        return replace(pending, paid=await find_paid(tx, access, pending.run))
    call_id = await call_queries.begin_call(tx, pending.run, access.call, unsettled=unsettled)
    return replace(pending, call_id=call_id)


async def _fetch(database: Database, access: ProviderAccess, pending: PendingPage) -> Page:
    if pending.paid is not None:
        return pending.paid.page
    return await (pending.ahead or _call(database, access, pending.run))


async def _call(database: Database, access: ProviderAccess, run: RunState) -> Page:
    if access.account is None:
        call = partial(fetch_page, access, run)
    else:
        call = partial(call_within_limits, database, access, run)
    return await sampled(database, access.ledger_name, "search_keyword", call)


async def _commit_last(tx: Transaction, *, fetched: FetchedPage) -> Step:
    """Commit the page of a run whose slice is over."""
    step = await commit_page(tx, fetched)
    return step if isinstance(step, Done) else Continue()


async def _commit_and_begin_next(tx: Transaction, *, fetched: FetchedPage, access: ProviderAccess) -> Step:
    """Commit the page and begin the next one in one transaction."""
    step = await commit_page(tx, fetched, next_call=access.call)
    if isinstance(step, Done) or step.next is None or step.next.call_id is not None:
        return step
    return Continue(await _begin_call(tx, step.next, access))


async def _commit_and_ask_ahead(
    database: Database, claim: Tenant, fetched: FetchedPage, access: ProviderAccess
) -> Step:
    """Request the next page, and commit this one meanwhile: a search takes as long as its provider does.

    The next page is in the ledger before its call. It is cancelled where the commit shows that it is not
    wanted: another worker has ended the search or taken the run.
    """
    begun = await in_transaction(database, claim, partial(_begin_next, fetched=fetched, access=access))
    if isinstance(begun, Done):
        return await in_transaction(database, claim, partial(_commit_last, fetched=fetched))
    ahead = None if begun.paid else asyncio.create_task(_call(database, access, begun.run))
    step: Continue | Done = Done()
    try:
        step = await in_transaction(database, claim, partial(commit_page, fetched=fetched))
    finally:
        is_wanted = isinstance(step, Continue) and step.next is not None
        if not is_wanted and ahead is not None:
            await call_off(ahead)
    if isinstance(step, Continue) and step.next is not None:
        return Continue(replace(begun, run=step.next.run, progress=step.next.progress, ahead=ahead))
    if begun.call_id is not None:
        abandon = partial(call_queries.abandon_call, run=begun.run, call_id=begun.call_id)
        await in_transaction(database, claim, abandon)
    return step


async def _begin_next(tx: Transaction, *, fetched: FetchedPage, access: ProviderAccess) -> PendingPage | Done:
    """Done: another worker has the run, or the search has ended or is full."""
    if not await is_next_wanted(tx, fetched):
        return Done()
    following = PendingPage(run=next_state(fetched))
    return await _begin_call(tx, following, access, unsettled=fetched.call_id)


def _most_pages(access: ProviderAccess) -> int:
    """The end of keywords whose provider has no end."""
    is_tiktok = access.platform is Platform.TIKTOK
    return int(access.config[MAX_API_CALLS_TIKTOK]) if is_tiktok else MOST_PAGES


def _time_limit(config: Configuration, platform: Platform) -> timedelta:
    return config[INSTAGRAM_JOB_TIMEOUT if platform is Platform.INSTAGRAM else STANDARD_JOB_TIMEOUT]
