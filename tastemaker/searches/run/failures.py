"""What becomes of a run whose page did not come: it waits, its search is parked, or it ends.

What was found before is kept in every case.
"""

from datetime import datetime, timedelta
from uuid import UUID

from tastemaker.config_store.hot_reload import Configuration
from tastemaker.config_store.keys import LONGEST_PARKING, PARK_ON_QUOTA
from tastemaker.db.transaction import Transaction
from tastemaker.events.names import Payload, Source
from tastemaker.events.payloads import ProviderMalformed, SearchParked
from tastemaker.events.service import record
from tastemaker.jobs import queries as job_queries
from tastemaker.jobs.types import Again, ClaimedJob, Done, JobResult
from tastemaker.providers.base import ErrorKind, ProviderError
from tastemaker.providers.limits import NO_CREDITS_SECONDS, Throttled, backoff
from tastemaker.searches.queries import lock_search
from tastemaker.searches.run import call_queries, queries
from tastemaker.searches.run.provider_calls import ProviderAccess, spread
from tastemaker.searches.run.queries import RunState
from tastemaker.searches.service import end_run
from tastemaker.searches.types import EndReason

MAX_FAILURES = 5
"""Provider failures in a row after which a run gives up."""


MAX_TIMEOUTS = 2
"""The same where nothing came within the deadline, which is up to 90 seconds each time."""


PARK_FROM_SECONDS = 120.0
"""A provider that asks for a longer pause parks the search: its time-out clock stands still."""


MAX_PARK = timedelta(days=2)


async def postpone(session: Transaction, *, state: RunState, wait: Throttled) -> JobResult:
    """A short pause is taken by the message, a long one parks the search; nothing has failed."""
    if wait.seconds <= PARK_FROM_SECONDS:
        return Again(wait.seconds + spread(wait.seconds))
    await lock_search(session, state.user_id, state.search_id)
    return await park(session, state, seconds=wait.seconds, reason=wait.reason)


async def provider_failed(
    session: Transaction,
    *,
    job: ClaimedJob,
    state: RunState,
    call_id: UUID | None,
    error: ProviderError,
    access: ProviderAccess,
) -> JobResult:
    """Wait and ask again, park the search, or end the run. `call_id`: a call that is still to be settled."""
    await lock_search(session, state.user_id, state.search_id)
    if call_id is not None:
        await call_queries.settle_call(
            session, state, call_id, error.cost, status="failed", error_kind=error.kind.value
        )
    if not await job_queries.holds(session, job):  # what fails here may succeed where the job is now
        return Done()
    is_failure = error.kind is not ErrorKind.QUOTA
    failures = await queries.count_failure(
        session, state, error_kind=error.kind.value, error=str(error), counts=is_failure
    )
    if failures is None:
        return Done()
    if error.kind is ErrorKind.NOT_FOUND:  # the provider's word for "no results"
        await _end_run(session, state, EndReason.EXHAUSTED)
        return Done()
    if error.kind is ErrorKind.QUOTA:
        return await _wait_for_quota(session, state, error, access.config)
    if error.final or failures >= _most_failures(error):
        if error.kind is ErrorKind.GARBAGE:
            await _record_malformed(session, state, error, access, attempts=failures)
        await _end_run(session, state, EndReason.PROVIDER_FAILED)
        return Done()
    delay = error.retry_after if error.retry_after is not None else backoff(failures)
    if delay <= PARK_FROM_SECONDS:
        return Again(delay)
    return await park(session, state, seconds=min(delay, MAX_PARK.total_seconds()), reason=str(error))


async def park(session: Transaction, state: RunState, *, seconds: float, reason: str) -> JobResult:
    """The search waits, and says why; the message comes again when it may go on."""
    seconds = max(seconds, 1.0)
    parking = await queries.park(session, state, seconds=seconds, reason=reason)
    if parking is None:
        return Done()
    if parking.is_new:
        event = SearchParked(until=parking.until, reason=reason, stored=parking.stored)
        await record_event(session, event, state, once=event_identifier(state, parking.until))
    return Again(seconds)


async def record_event(session: Transaction, event: Payload, state: RunState, *, once: str) -> None:
    """An event of the search; one with the same `once` is told already."""
    await record(
        session,
        event,
        aggregate_id=str(state.search_id),
        identifier=once,
        source=Source.SYSTEM_AUTOMATION,
        tenant_id=state.user_id,
        correlation_id=str(state.search_id),
    )


def event_identifier(state: RunState, moment: datetime) -> str:
    """What may happen to a search more than once is told apart by its moment."""
    return f"{state.search_id}_{moment:%Y%m%dT%H%M%S%f}"


async def _wait_for_quota(
    session: Transaction, state: RunState, error: ProviderError, config: Configuration
) -> JobResult:
    """Park until it is there again, unless it never will be, comes too late, or the operator says no."""
    seconds = error.retry_after or NO_CREDITS_SECONDS
    is_too_long = seconds > config[LONGEST_PARKING].total_seconds()
    if error.final or is_too_long or not config[PARK_ON_QUOTA]:
        await _end_run(session, state, EndReason.QUOTA)
        return Done()
    return await park(session, state, seconds=seconds, reason=str(error))


async def _record_malformed(
    session: Transaction, state: RunState, error: ProviderError, access: ProviderAccess, *, attempts: int
) -> None:
    malformed = ProviderMalformed(
        run_id=state.run_id,
        provider=access.declaration.name,
        platform=access.platform.value,
        attempts=attempts,
        reason=str(error),
        sample_id=error.sample_id,
    )
    await record_event(session, malformed, state, once=str(state.run_id))


async def _end_run(session: Transaction, state: RunState, reason: EndReason) -> None:
    await end_run(session, state.user_id, state.search_id, state.run_id, reason)


def _most_failures(error: ProviderError) -> int:
    """A call that was never sent has waited for its connection only."""
    was_sent = error.cost.calls > 0
    return MAX_TIMEOUTS if error.kind is ErrorKind.TIMEOUT and was_sent else MAX_FAILURES
