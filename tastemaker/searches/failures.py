"""What becomes of a run whose page did not come: it waits, its search is parked, or it ends.

What was found before is kept in every case.
"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.config_store.keys import LONGEST_PARKING, PARK_ON_QUOTA
from tastemaker.config_store.live import Configuration
from tastemaker.events.names import Source
from tastemaker.events.payload_base import Payload
from tastemaker.events.payloads import ProviderMalformed, SearchParked
from tastemaker.events.service import record
from tastemaker.jobs import queries as job_queries
from tastemaker.jobs.types import Again, Answer, ClaimedJob, Done
from tastemaker.providers.admission import NO_CREDITS_SECONDS, NotNow, backoff
from tastemaker.providers.base import ErrorKind, ProviderError
from tastemaker.searches import call_queries, page_queries, queries
from tastemaker.searches.provider_calls import Door, spread
from tastemaker.searches.service import end_run
from tastemaker.searches.states import EndReason
from tastemaker.searches.types import Turn

MAX_FAILURES = 5
"""Provider failures in a row after which a run gives up."""

MAX_SILENCES = 2
"""The same where nothing came within the deadline, which is up to 90 seconds each time."""

PARK_FROM_SECONDS = 120.0
"""A provider that asks for a longer pause parks the search: its time-out clock stands still."""

MAX_PARK = timedelta(days=2)


async def come_again(session: AsyncSession, *, turn: Turn, wait: NotNow) -> Answer:
    """A short pause is taken by the message, a long one parks the search; nothing has failed."""
    if wait.seconds <= PARK_FROM_SECONDS:
        return Again(wait.seconds + spread(wait.seconds))
    await queries.lock(session, turn.user_id, turn.search_id)
    return await park(session, turn, seconds=wait.seconds, reason=wait.reason)


async def provider_failed(
    session: AsyncSession,
    *,
    job: ClaimedJob,
    turn: Turn,
    call_id: UUID | None,
    error: ProviderError,
    door: Door,
) -> Answer:
    """Wait and ask again, park the search, or end the run. `call_id`: a call that is still to be settled."""
    await queries.lock(session, turn.user_id, turn.search_id)
    if call_id is not None:
        await call_queries.settle_call(
            session, turn, call_id, error.cost, status="failed", error_kind=error.kind.value
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
    return await park(session, turn, seconds=min(delay, MAX_PARK.total_seconds()), reason=str(error))


async def park(session: AsyncSession, turn: Turn, *, seconds: float, reason: str) -> Answer:
    """The search waits, and says why; the message comes again when it may go on."""
    seconds = max(seconds, 1.0)
    parking = await page_queries.park(session, turn, seconds=seconds, reason=reason)
    if parking is None:
        return Done()
    if parking.is_new:
        event = SearchParked(until=parking.until, reason=reason, stored=parking.stored)
        await tell(session, event, turn, once=moment_of(turn, parking.until))
    return Again(seconds)


async def tell(session: AsyncSession, event: Payload, turn: Turn, *, once: str) -> None:
    """An event of the search; one with the same `once` is told already."""
    await record(
        session,
        event,
        aggregate_id=str(turn.search_id),
        identifier=once,
        source=Source.SYSTEM_AUTOMATION,
        tenant_id=turn.user_id,
        correlation_id=str(turn.search_id),
    )


def moment_of(turn: Turn, moment: datetime) -> str:
    """What may happen to a search more than once is told apart by its moment."""
    return f"{turn.search_id}_{moment:%Y%m%dT%H%M%S%f}"


async def _wait_for_quota(
    session: AsyncSession, turn: Turn, error: ProviderError, config: Configuration
) -> Answer:
    """Park until it is there again, unless it never will be, comes too late, or the operator says no."""
    seconds = error.retry_after or NO_CREDITS_SECONDS
    is_too_long = seconds > config[LONGEST_PARKING].total_seconds()
    if error.final or is_too_long or not config[PARK_ON_QUOTA]:
        await _end_run(session, turn, EndReason.QUOTA)
        return Done()
    return await park(session, turn, seconds=seconds, reason=str(error))


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
    await tell(session, malformed, turn, once=str(turn.run_id))


async def _end_run(session: AsyncSession, turn: Turn, reason: EndReason) -> None:
    await end_run(session, turn.user_id, turn.search_id, turn.run_id, reason)


def _most_failures(error: ProviderError) -> int:
    """A call that was never sent has waited for its connection only."""
    was_sent = error.cost.calls > 0
    return MAX_SILENCES if error.kind is ErrorKind.TIMEOUT and was_sent else MAX_FAILURES
