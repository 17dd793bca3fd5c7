"""A run, page after page: fetch with no transaction open, keep in one transaction, fenced by version.

A kill at any line loses nothing and repeats nothing: what is committed is the cursor together with the
creators it was reached by, and whoever comes later goes on from there.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import httpx
import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.config_store.keys import (
    INSTAGRAM_JOB_TIMEOUT,
    LONGEST_PARKING,
    MAX_API_CALLS_TIKTOK,
    PARK_ON_QUOTA,
    STANDARD_JOB_TIMEOUT,
)
from tastemaker.config_store.live import Configuration
from tastemaker.core.clock import monotonic
from tastemaker.core.ids import ExternalUserId, RunId
from tastemaker.core.logging import get_logger
from tastemaker.core.platforms import Platform
from tastemaker.db.claims import Tenant
from tastemaker.db.engine import DATABASE_TROUBLE, Database, in_transaction, is_full
from tastemaker.events.names import Source
from tastemaker.events.payload_base import Payload
from tastemaker.events.payloads import ProviderMalformed, SearchParked, SearchProcessing
from tastemaker.events.service import record
from tastemaker.jobs import queries as job_queries
from tastemaker.jobs.types import Again, Answer, ClaimedJob, Done, JobContext
from tastemaker.providers.admission import NO_CREDITS_SECONDS, NotNow, backoff
from tastemaker.providers.base import ErrorKind, Page, Provider, ProviderError
from tastemaker.providers.page_store import PaidPage
from tastemaker.providers.samples import sampled
from tastemaker.searches import page_queries, queries
from tastemaker.searches.calling import (
    Door,
    ask,
    call_within_limits,
    find_paid,
    spread,
)
from tastemaker.searches.messages import ContinueRun
from tastemaker.searches.page import MOST_PAGES, Fetched, keep_page
from tastemaker.searches.service import end_run, end_search
from tastemaker.searches.states import EndReason
from tastemaker.searches.suppression_key import NO_KEY_ID, SuppressionKey
from tastemaker.searches.types import Turn

SLICE_SECONDS = 4.0
"""A run works that long before it queues again behind the others, so that nobody waits longer."""

MAX_FAILURES = 5
"""Provider failures in a row after which a run gives up."""

MAX_SILENCES = 2
"""The same where nothing came within the deadline, which is up to 90 seconds each time."""

PARK_FROM_SECONDS = 120.0
"""A provider that asks for a longer pause parks the search: its time-out clock stands still."""

MAX_PARK = timedelta(days=2)
KEY_SECONDS = 600.0
NO_KEY = "Here the key of the list of suppressed people is missing; without it nothing may be stored."
SWITCHED_OFF_SECONDS = 4.0
"""How often a search looks whether the operator has switched its platform on again."""

SPACE_SECONDS = 60.0
"""How long a search waits for space on the database's disk before it is tried again."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Begun:
    """A page to be asked for, with the ledger's row of the call; or one that was paid for already."""

    turn: Turn
    call_id: UUID | None
    paid: PaidPage | None = None


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
    while begun is not None or (not context.stopping.is_set() and monotonic() < slice_ends):
        door = Door(
            provider=provider,
            http=http,
            platform=message.platform,
            source=message.source,
            config=context.config.snapshot(),  # one state of it for the whole page
            key=key,
        )
        if not door.is_open:
            return await wait_for_provider(context, message, seconds=SWITCHED_OFF_SECONDS)
        step = await _one_page_or_wait_for_space(context, message, door, begun, slice_ends=slice_ends)
        if isinstance(step, Done | Again):
            return step
        begun = step
    return Again()


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
    await _end_run(session, turn, EndReason.PROVIDER_FAILED)


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
        await _park(session, turn, seconds=SPACE_SECONDS, reason="The database's disk is full.")


async def _one_page(
    context: JobContext, message: ContinueRun, door: Door, next_: _Begun | None, *, slice_ends: float
) -> _Begun | Answer | None:
    """The run goes on with what has begun; None: with what is still to begin."""
    database, claim = context.database, Tenant(ExternalUserId(message.user_id))
    begun = next_ or await _begin_first(database, claim, message, door)
    if not isinstance(begun, _Begun):
        return begun
    try:
        page = begun.paid.page if begun.paid else await _ask(database, door, begun.turn)
    except NotNow as wait:
        return await in_transaction(database, claim, partial(_come_again, turn=begun.turn, wait=wait))
    except ProviderError as error:
        failed = partial(_provider_failed, job=context.job, begun=begun, error=error, door=door)
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
    may_go_on = not context.stopping.is_set() and monotonic() < slice_ends  # after the call, which takes long
    keep = partial(_keep, fetched=fetched, door=door, may_go_on=may_go_on)
    return await in_transaction(database, claim, keep)


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
    if turn.parked_for > 0:
        return Again(turn.parked_for)
    if turn.timed_out:
        await end_search(session, turn.user_id, turn.search_id, EndReason.TIMEOUT)
        return Done()
    if turn.lacks_key:
        await queries.lock(session, turn.user_id, turn.search_id)
        return await _park(session, turn, seconds=KEY_SECONDS, reason=NO_KEY)
    if not turn.is_begun:
        await _begin_search(session, turn, time_limit=_time_limit(door.config, message.platform))
    return await _begin_call(session, turn, door)


async def _begin_call(session: AsyncSession, turn: Turn, door: Door) -> _Begun:
    if door.call is None:
        return _Begun(turn, None, await find_paid(session, door, turn))
    return _Begun(turn, await page_queries.begin_call(session, turn, door.call))


async def _begin_search(session: AsyncSession, turn: Turn, *, time_limit: timedelta) -> None:
    moment = await page_queries.begin_search(session, turn, time_limit=time_limit)
    if moment is not None:
        await _tell(session, SearchProcessing(), turn, moment)


async def _come_again(session: AsyncSession, *, turn: Turn, wait: NotNow) -> Answer:
    """A short pause is taken by the message, a long one parks the search; nothing has failed."""
    if wait.seconds <= PARK_FROM_SECONDS:
        return Again(wait.seconds + spread(wait.seconds))
    await queries.lock(session, turn.user_id, turn.search_id)
    return await _park(session, turn, seconds=wait.seconds, reason=wait.reason)


async def _provider_failed(
    session: AsyncSession,
    *,
    job: ClaimedJob,
    begun: _Begun,
    error: ProviderError,
    door: Door,
) -> Answer:
    """Wait and ask again, park the search, or end the run: what was found is kept in every case."""
    turn = begun.turn
    await queries.lock(session, turn.user_id, turn.search_id)
    if begun.call_id is not None:
        await page_queries.settle_call(
            session, turn, begun.call_id, error.cost, status="failed", error_kind=error.kind.value
        )
    if not await job_queries.holds(session, job):  # what fails here may succeed where the job is now
        return Done()
    is_failure = error.kind is not ErrorKind.QUOTA
    failures = await page_queries.count_failure(
        session, turn, error_kind=error.kind.value, error=str(error), counts=is_failure
    )
    if failures is None:
        return Done()
    if error.kind is ErrorKind.NOT_FOUND:  # the provider's word for "no results"
        await _end_run(session, turn, EndReason.EXHAUSTED)
        return Done()
    if error.kind is ErrorKind.QUOTA:
        return await _wait_for_quota(session, turn, error, door.config)
    if error.final or failures >= _most_failures(error):
        if error.kind is ErrorKind.GARBAGE:
            await _tell_malformed(session, turn, error, door, attempts=failures)
        await _end_run(session, turn, EndReason.PROVIDER_FAILED)
        return Done()
    delay = error.retry_after if error.retry_after is not None else backoff(failures)
    if delay <= PARK_FROM_SECONDS:
        return Again(delay)
    return await _park(session, turn, seconds=min(delay, MAX_PARK.total_seconds()), reason=str(error))


async def _wait_for_quota(
    session: AsyncSession, turn: Turn, error: ProviderError, config: Configuration
) -> Answer:
    """Park until it is there again, unless it never will be, comes too late, or the operator says no."""
    seconds = error.retry_after or NO_CREDITS_SECONDS
    is_too_long = seconds > config[LONGEST_PARKING].total_seconds()
    if error.final or is_too_long or not config[PARK_ON_QUOTA]:
        await _end_run(session, turn, EndReason.QUOTA)
        return Done()
    return await _park(session, turn, seconds=seconds, reason=str(error))


async def _park(session: AsyncSession, turn: Turn, *, seconds: float, reason: str) -> Answer:
    seconds = max(seconds, 1.0)
    parking = await page_queries.park(session, turn, seconds=seconds, reason=reason)
    if parking is None:
        return Done()
    if parking.is_new:
        event = SearchParked(until=parking.until, reason=reason, stored=parking.stored)
        await _tell(session, event, turn, parking.until)
    return Again(seconds)


async def _end_run(session: AsyncSession, turn: Turn, reason: EndReason) -> None:
    await end_run(session, turn.user_id, turn.search_id, turn.run_id, reason)


async def _tell(session: AsyncSession, event: Payload, turn: Turn, moment: datetime) -> None:
    """What may happen to a search more than once is told apart by its moment."""
    await record(
        session,
        event,
        aggregate_id=str(turn.search_id),
        identifier=f"{turn.search_id}_{moment:%Y%m%dT%H%M%S%f}",
        source=Source.SYSTEM_AUTOMATION,
        tenant_id=turn.user_id,
        correlation_id=str(turn.search_id),
    )


async def _tell_malformed(
    session: AsyncSession, turn: Turn, error: ProviderError, door: Door, *, attempts: int
) -> None:
    malformed = ProviderMalformed(
        run_id=turn.run_id,
        provider=door.declaration.name,
        platform=door.platform.value,
        attempts=attempts,
        reason=str(error),
        sample_id=error.sample_id,
    )
    await record(
        session,
        malformed,
        aggregate_id=str(turn.search_id),
        identifier=str(turn.run_id),
        source=Source.SYSTEM_AUTOMATION,
        tenant_id=turn.user_id,
        correlation_id=str(turn.search_id),
    )


def _time_limit(config: Configuration, platform: Platform) -> timedelta:
    return config[INSTAGRAM_JOB_TIMEOUT if platform is Platform.INSTAGRAM else STANDARD_JOB_TIMEOUT]


def _most_failures(error: ProviderError) -> int:
    """A call that was never sent has waited for its connection only."""
    was_sent = error.cost.calls > 0
    return MAX_SILENCES if error.kind is ErrorKind.TIMEOUT and was_sent else MAX_FAILURES
