"""What happens to a run whose page failed: it waits, its search is parked, or it ends.

What it found before stays in every case.
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
"""The same for time-outs, which take up to 90 seconds each."""

PARK_FROM_SECONDS = 120.0
"""A provider that asks for a longer pause parks the search: its time-out clock stands still."""

MAX_PARK = timedelta(days=2)


async def postpone(tx: Transaction, *, run: RunState, wait: Throttled) -> JobResult:
    """A short wait delays the message, a long one parks the search. Neither counts as a failure."""
    if wait.seconds <= PARK_FROM_SECONDS:
        return Again(wait.seconds + spread(wait.seconds))
    await lock_search(tx, run.user_id, run.search_id)
    return await park(tx, run, seconds=wait.seconds, reason=wait.reason)


async def provider_failed(
    tx: Transaction,
    *,
    job: ClaimedJob,
    run: RunState,
    call_id: UUID | None,
    error: ProviderError,
    access: ProviderAccess,
) -> JobResult:
    """Retry later, park the search, or end the run. `call_id`: a call that is not settled yet."""
    await lock_search(tx, run.user_id, run.search_id)
    if call_id is not None:
        await call_queries.settle_call(
            tx, run, call_id, error.cost, status="failed", error_kind=error.kind.value
        )
    if not await job_queries.holds(tx, job):  # another worker has the job by now
        return Done()
    is_failure = error.kind is not ErrorKind.QUOTA
    asks_for_itself = run.like is not None and run.cursor is None
    is_unknown = asks_for_itself and error.kind is ErrorKind.NOT_FOUND
    said = f"{access.platform.value} has no account {run.keyword}." if is_unknown else str(error)
    failures = await queries.count_failure(
        tx, run, error_kind=error.kind.value, error=said, counts=is_failure
    )
    if failures is None:
        return Done()
    if error.kind is ErrorKind.NOT_FOUND and not is_unknown:  # its word for: no results
        await _end_run(tx, run, EndReason.EXHAUSTED)
        return Done()
    if error.kind is ErrorKind.QUOTA:
        return await _wait_for_quota(tx, run, error, access.config)
    if error.final or failures >= _most_failures(error):
        if error.kind is ErrorKind.GARBAGE:
            await _record_malformed(tx, run, error, access, attempts=failures)
        await _end_run(tx, run, EndReason.PROVIDER_FAILED)
        return Done()
    delay = error.retry_after if error.retry_after is not None else backoff(failures)
    if delay <= PARK_FROM_SECONDS:
        return Again(delay)
    return await park(tx, run, seconds=min(delay, MAX_PARK.total_seconds()), reason=str(error))


async def park(tx: Transaction, run: RunState, *, seconds: float, reason: str) -> JobResult:
    """Park the search with its reason, and run the message again when the parking is over."""
    seconds = max(seconds, 1.0)
    parking = await queries.park(tx, run, seconds=seconds, reason=reason)
    if parking is None:
        return Done()
    if parking.is_new:
        event = SearchParked(until=parking.until, reason=reason, stored=parking.stored)
        await record_event(tx, event, run, once=event_identifier(run, parking.until))
    return Again(seconds)


async def record_event(tx: Transaction, event: Payload, run: RunState, *, once: str) -> None:
    """Record an event of the search, unless one with the same `once` is recorded already."""
    await record(
        tx,
        event,
        aggregate_id=str(run.search_id),
        identifier=once,
        source=Source.SYSTEM_AUTOMATION,
        tenant_id=run.user_id,
        correlation_id=str(run.search_id),
    )


def event_identifier(run: RunState, moment: datetime) -> str:
    """The identifier of an event that may happen to a search more than once."""
    return f"{run.search_id}_{moment:%Y%m%dT%H%M%S%f}"


async def _wait_for_quota(
    tx: Transaction, run: RunState, error: ProviderError, config: Configuration
) -> JobResult:
    """Park until the quota renews, unless it never does, it takes too long, or the operator forbids it."""
    seconds = error.retry_after or NO_CREDITS_SECONDS
    is_too_long = seconds > config[LONGEST_PARKING].total_seconds()
    if error.final or is_too_long or not config[PARK_ON_QUOTA]:
        await _end_run(tx, run, EndReason.QUOTA)
        return Done()
    return await park(tx, run, seconds=seconds, reason=str(error))


async def _record_malformed(
    tx: Transaction, run: RunState, error: ProviderError, access: ProviderAccess, *, attempts: int
) -> None:
    malformed = ProviderMalformed(
        run_id=run.run_id,
        provider=access.ledger_name,
        platform=access.platform.value,
        attempts=attempts,
        reason=str(error),
        sample_id=error.sample_id,
    )
    await record_event(tx, malformed, run, once=str(run.run_id))


async def _end_run(tx: Transaction, run: RunState, reason: EndReason) -> None:
    await end_run(tx, run.user_id, run.search_id, run.run_id, reason)


def _most_failures(error: ProviderError) -> int:
    """A call that was not sent has only waited for a connection."""
    was_sent = error.cost.calls > 0
    return MAX_TIMEOUTS if error.kind is ErrorKind.TIMEOUT and was_sent else MAX_FAILURES
