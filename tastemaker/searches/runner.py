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
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.config_store.keys import (
    INSTAGRAM_JOB_TIMEOUT,
    MAX_API_CALLS_TIKTOK,
    STANDARD_JOB_TIMEOUT,
)
from tastemaker.config_store.live import Configuration
from tastemaker.core.clock import monotonic
from tastemaker.core.ids import ExternalUserId, RunId
from tastemaker.core.logging import get_logger
from tastemaker.core.platforms import Platform
from tastemaker.core.waiting import call_off
from tastemaker.db.claims import Tenant
from tastemaker.db.engine import DATABASE_TROUBLE, Database, in_transaction, is_full
from tastemaker.events.payloads import SearchProcessing
from tastemaker.jobs.types import Again, Answer, Done, JobContext
from tastemaker.providers.admission import NotNow
from tastemaker.providers.base import Page, Provider, ProviderError
from tastemaker.providers.page_store import PaidPage
from tastemaker.providers.samples import sampled
from tastemaker.searches import call_queries, page_queries, queries
from tastemaker.searches.failures import come_again, moment_of, park, provider_failed, tell
from tastemaker.searches.messages import ContinueRun
from tastemaker.searches.page import MOST_PAGES, Fetched, Kept, is_next_certain, keep_page, next_turn
from tastemaker.searches.provider_calls import (
    Door,
    ask,
    call_within_limits,
    find_paid,
)
from tastemaker.searches.service import end_run, end_search
from tastemaker.searches.states import EndReason
from tastemaker.searches.suppression_key import NO_KEY_ID, SuppressionKey
from tastemaker.searches.types import Turn

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
class _Begun:
    """A page to be asked for, with the ledger's row of the call; one on its way; or one that was paid for."""

    turn: Turn
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
) -> Answer:
    """Work on the run until it ends, its slice is over, or the worker wants to stop."""
    slice_ends = monotonic() + SLICE_SECONDS
    begun: _Begun | None = None
    try:
        while begun is not None or (not context.stopping.is_set() and monotonic() < slice_ends):
            door = Door(
                provider=provider,
                http=http,
                platform=message.platform,
                source=message.source,
                config=context.config.snapshot(),  # one state of it for the whole page
                key=key,
            )
            if begun is None and not door.is_open:  # what is on its way is kept
                return await wait_for_provider(context, message, seconds=SWITCHED_OFF_SECONDS)
            step = await _one_page_or_wait_for_space(context, message, door, begun, slice_ends=slice_ends)
            if isinstance(step, Done | Again):
                return step
            begun = step
        return Again()
    finally:
        if begun is not None and begun.ahead is not None:
            await call_off(begun.ahead)


async def wait_for_provider(context: JobContext, message: ContinueRun, *, seconds: float) -> Answer:
    """Nobody here can ask for the page: another worker may, until the search has run out of time."""

    async def look(session: AsyncSession) -> Answer:
        turn = await page_queries.find_turn(session, ExternalUserId(message.user_id), RunId(message.run_id))
        if turn is None:
            return Done()
        if turn.timed_out and turn.parked_for <= 0:
            await end_search(session, turn.user_id, turn.search_id, EndReason.TIMEOUT)
            return Done()
        return Again(seconds)

    return await in_transaction(context.database, Tenant(ExternalUserId(message.user_id)), look)


async def give_up_run(session: AsyncSession, message: ContinueRun) -> None:
    """The message failed for good: the run ends, so that its search does; what it found is kept."""
    turn = await page_queries.find_turn(session, ExternalUserId(message.user_id), RunId(message.run_id))
    if turn is None:
        return
    await queries.lock(session, turn.user_id, turn.search_id)
    await page_queries.count_failure(
        session, turn, error_kind="internal", error="The search stopped on a fault of its own; see the log."
    )
    await end_run(session, turn.user_id, turn.search_id, turn.run_id, EndReason.PROVIDER_FAILED)


async def _one_page_or_wait_for_space(
    context: JobContext, message: ContinueRun, door: Door, begun: _Begun | None, *, slice_ends: float
) -> _Begun | Answer | None:
    try:
        return await _one_page(context, message, door, begun, slice_ends=slice_ends)
    except (DBAPIError, psycopg.Error) as error:
        if not is_full(error):
            raise
        log.warning("the database's disk is full, run %s waits", message.run_id)
    with suppress(*DATABASE_TROUBLE):  # the note needs a little space itself
        claim = Tenant(ExternalUserId(message.user_id))
        await in_transaction(context.database, claim, partial(_park_for_space, message=message))
    return Again(SPACE_SECONDS)


async def _park_for_space(session: AsyncSession, *, message: ContinueRun) -> None:
    turn = await page_queries.find_turn(session, ExternalUserId(message.user_id), RunId(message.run_id))
    if turn is not None:
        await park(session, turn, seconds=SPACE_SECONDS, reason="The database's disk is full.")


async def _one_page(
    context: JobContext, message: ContinueRun, door: Door, next_: _Begun | None, *, slice_ends: float
) -> _Begun | Answer | None:
    """The run goes on with what has begun; None: with what is still to begin."""
    database, claim = context.database, Tenant(ExternalUserId(message.user_id))
    begun = next_ or await _begin_first(database, claim, message, door)
    if not isinstance(begun, _Begun):
        return begun
    asked = monotonic()
    try:
        page = await _page_of(database, door, begun)
    except NotNow as wait:
        return await in_transaction(database, claim, partial(come_again, turn=begun.turn, wait=wait))
    except ProviderError as error:
        failed = partial(
            provider_failed,
            job=context.job,
            turn=begun.turn,
            call_id=begun.call_id,
            error=error,
            door=door,
        )
        return await in_transaction(database, claim, failed)
    fetched = Fetched(
        turn=begun.turn,
        job=context.job,
        call_id=begun.call_id,
        page=page,
        platform=message.platform,
        declaration=door.declaration,
        source=message.source,
        key=door.key,
        fetched_at=begun.paid.fetched_at if begun.paid else None,
        most_pages=_most_pages(door),
    )
    now = monotonic()  # after the call, which takes long
    door_then = replace(door, config=context.config.snapshot())  # the next page has a state of its own
    may_go_on = not context.stopping.is_set() and now < slice_ends and door_then.is_open
    is_slow = begun.ahead is not None or now - asked >= AHEAD_FROM_SECONDS
    if may_go_on and is_slow and is_next_certain(fetched):
        return await _keep_and_ask_ahead(database, claim, fetched, door_then)
    keep = partial(_keep, fetched=fetched, door=door, may_go_on=may_go_on)
    return await in_transaction(database, claim, keep)


async def _keep_and_ask_ahead(
    database: Database, claim: Tenant, fetched: Fetched, door: Door
) -> _Begun | Answer | None:
    """The next page is on its way while this one is kept: a search takes as long as its provider does.

    It is in the ledger before, and kept after this one, by the turn that this one leaves. Where there is no
    such turn, since somebody else has ended the search or taken the run, it is called off.
    """
    begun = await in_transaction(database, claim, partial(_begin_ahead, fetched=fetched, door=door))
    if begun is None:
        return await in_transaction(
            database, claim, partial(_keep, fetched=fetched, door=door, may_go_on=False)
        )
    ahead = None if begun.paid else asyncio.create_task(_ask(database, door, begun.turn))
    kept: Kept | None = None
    try:
        kept = await in_transaction(database, claim, partial(keep_page, fetched=fetched, is_last=True))
    finally:
        if (kept is None or kept.next_turn is None) and ahead is not None:
            await call_off(ahead)
    if kept.next_turn is not None:
        return replace(begun, turn=kept.next_turn, ahead=ahead)
    if begun.call_id is not None:
        await in_transaction(
            database, claim, partial(call_queries.abandon_call, turn=begun.turn, call_id=begun.call_id)
        )
    return None if kept.goes_on else Done()


async def _begin_ahead(session: AsyncSession, *, fetched: Fetched, door: Door) -> _Begun | None:
    """None where nobody wants it: somebody else has the run by now, or has ended or filled its search."""
    found = len(fetched.page.creators)
    if not await page_queries.is_next_wanted(session, fetched.turn, fetched.job, found=found):
        return None
    return await _begin_call(session, next_turn(fetched), door, unsettled=fetched.call_id)


async def _page_of(database: Database, door: Door, begun: _Begun) -> Page:
    if begun.paid is not None:
        return begun.paid.page
    return await (begun.ahead or _ask(database, door, begun.turn))


def _most_pages(door: Door) -> int:
    """An end for keywords whose provider finds none."""
    return int(door.config[MAX_API_CALLS_TIKTOK]) if door.platform is Platform.TIKTOK else MOST_PAGES


async def _begin_first(
    database: Database, claim: Tenant, message: ContinueRun, door: Door
) -> _Begun | Answer:
    return await in_transaction(database, claim, partial(_begin, message=message, door=door))


async def _keep(
    session: AsyncSession, *, fetched: Fetched, door: Door, may_go_on: bool
) -> _Begun | Answer | None:
    """The page is kept and the next one begun in one transaction: a round of trips less for each page."""
    next_call = door.call if may_go_on else None
    kept = await keep_page(
        session, fetched, next_call=next_call, is_last=next_call is not None or not may_go_on
    )
    if not kept.goes_on:
        return Done()
    if kept.next_turn is None or not may_go_on:
        return None
    if kept.next_call_id is not None:
        return _Begun(kept.next_turn, kept.next_call_id)
    return await _begin_call(session, kept.next_turn, door)


async def _ask(database: Database, door: Door, turn: Turn) -> Page:
    call = (
        partial(ask, door, turn) if door.gate is None else partial(call_within_limits, database, door, turn)
    )
    return await sampled(database, door.declaration.name, "search_keyword", call)


async def _begin(
    session: AsyncSession,
    *,
    message: ContinueRun,
    door: Door,
) -> _Begun | Answer:
    user_id, run_id = ExternalUserId(message.user_id), RunId(message.run_id)
    key_id = door.key.id if door.key else NO_KEY_ID
    turn = await page_queries.find_turn(session, user_id, run_id, key_id=key_id)
    if turn is None:
        return Done()
    if turn.parked_for > 0:  # whoever goes on with it in this moment is waited for, and believed
        await queries.lock(session, user_id, turn.search_id)
        turn = await page_queries.find_turn(session, user_id, run_id, key_id=key_id)
        if turn is None:
            return Done()
    if turn.parked_for > 0:
        return Again(turn.parked_for)
    if turn.timed_out:
        await end_search(session, turn.user_id, turn.search_id, EndReason.TIMEOUT)
        return Done()
    if turn.lacks_key:
        await queries.lock(session, turn.user_id, turn.search_id)
        return await park(session, turn, seconds=KEY_SECONDS, reason=NO_KEY)
    if not turn.is_begun:
        await _begin_search(session, turn, time_limit=_time_limit(door.config, message.platform))
    return await _begin_call(session, turn, door)


async def _begin_call(
    session: AsyncSession, turn: Turn, door: Door, *, unsettled: UUID | None = None
) -> _Begun:
    if door.call is None:
        return _Begun(turn, None, await find_paid(session, door, turn))
    return _Begun(turn, await call_queries.begin_call(session, turn, door.call, unsettled=unsettled))


async def _begin_search(session: AsyncSession, turn: Turn, *, time_limit: timedelta) -> None:
    moment = await page_queries.begin_search(session, turn, time_limit=time_limit)
    if moment is not None:
        await tell(session, SearchProcessing(), turn, once=moment_of(turn, moment))


def _time_limit(config: Configuration, platform: Platform) -> timedelta:
    return config[INSTAGRAM_JOB_TIMEOUT if platform is Platform.INSTAGRAM else STANDARD_JOB_TIMEOUT]
