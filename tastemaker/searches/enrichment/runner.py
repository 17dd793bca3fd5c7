"""The batches of an enrichment: fetch a few profiles with no transaction open, write them in one transaction.

A kill at any line repeats at most the calls that were under way, which the ledger then shows as `abandoned`:
what was answered live is stored with its settlement, and found again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import httpx

from tastemaker.config_store.hot_reload import Configuration
from tastemaker.core.backoff import backoff
from tastemaker.core.clock import monotonic
from tastemaker.core.ids import ExternalUserId
from tastemaker.core.platforms import Platform
from tastemaker.db.claims import Tenant
from tastemaker.db.enums import Enhancement, EnrichmentStatus
from tastemaker.db.transaction import Transaction, in_transaction
from tastemaker.jobs import queries as job_queries
from tastemaker.jobs.types import Again, Done, JobContext, JobResult
from tastemaker.providers.base import ErrorKind, ProfileLookup
from tastemaker.providers.lookups import CallOwner
from tastemaker.searches.enrichment import queries
from tastemaker.searches.enrichment.profiles import (
    BATCH,
    FetchedProfile,
    ProfileAccess,
    fetch_profiles,
    set_states,
    write_profiles,
)
from tastemaker.searches.enrichment.queries import Enrichment, WantedCreator
from tastemaker.searches.enrichment.service import EnrichBatch, ask_for_profiles, get_enrichment
from tastemaker.searches.exclusions.names import SuppressionKey

SLICE_SECONDS: Final = 4.0
MOST_FAILURES: Final = 3
"""Batches in a row in which a provider fails, after which those creators are given up."""

LONGEST_WAIT_SECONDS: Final = 600.0
NOBODY_TELLS: Final = "No provider here tells profiles of {platform}."

Lookups = Mapping[str, Mapping[Platform, ProfileLookup]]


@dataclass(frozen=True, slots=True)
class Batch:
    user_id: ExternalUserId
    enrichment: Enrichment
    wanted: Sequence[WantedCreator]

    @property
    def owner(self) -> CallOwner:
        one = self.enrichment
        return CallOwner(search_id=one.id, run_id=one.id, max_cost=one.max_cost)


async def enrich(
    context: JobContext,
    message: EnrichBatch,
    *,
    lookups: Lookups,
    http: httpx.AsyncClient,
    key: SuppressionKey | None,
) -> JobResult:
    """Batch after batch until nobody waits, the time slice is over, or the worker stops."""
    user_id = ExternalUserId(message.user_id)
    claim = Tenant(user_id)
    slice_ends = monotonic() + SLICE_SECONDS
    while not context.stopping.is_set() and monotonic() < slice_ends:
        begin = partial(_begin, message=message, config=context.config.snapshot())
        batch = await in_transaction(context.database, claim, begin)
        if batch is None:
            return Done()
        platform = batch.wanted[0].platform
        adapter = lookups.get(batch.enrichment.source, {}).get(platform)
        if adapter is None:
            skip = partial(_skip_platform, batch=batch, platform=platform)
            await in_transaction(context.database, claim, skip)
            continue
        access = ProfileAccess(
            adapter=adapter,
            http=http,
            platform=platform,
            source=batch.enrichment.source,
            config=context.config.snapshot(),
            key=key,
        )
        fetched = await fetch_profiles(context.database, access, user_id, batch.wanted, batch.owner)
        commit = partial(_commit, context=context, batch=batch, access=access, fetched=fetched)
        result = await in_transaction(context.database, claim, commit)
        if result is not None:
            return result
    return Again()


async def _begin(tx: Transaction, *, message: EnrichBatch, config: Configuration) -> Batch | None:
    """The next creators of one platform; None where the enrichment has ended."""
    user_id = ExternalUserId(message.user_id)
    if await tx.one(queries.LOCK_ENRICHMENT, user_id=user_id, id=message.enrichment_id) is None:
        return None
    enrichment = await get_enrichment(tx, user_id, message.enrichment_id)
    enrichment = await ask_for_profiles(tx, user_id, enrichment, config)
    await tx.run(queries.ABANDON_CALLS, user_id=user_id, owner_id=enrichment.id)
    wanted = await tx.many(queries.LIST_NEXT, user_id=user_id, id=message.enrichment_id, limit=BATCH)
    if not wanted:  # they were erased, or another look-up has answered
        await _advance(tx, user_id, message.enrichment_id)
        return None
    return Batch(user_id, enrichment, [one for one in wanted if one.platform is wanted[0].platform])


async def _commit(
    tx: Transaction,
    *,
    context: JobContext,
    batch: Batch,
    access: ProfileAccess,
    fetched: Sequence[FetchedProfile],
) -> JobResult | None:
    """None: the next batch may begin at once."""
    user_id = batch.user_id
    if await tx.one(queries.LOCK_ENRICHMENT, user_id=user_id, id=batch.enrichment.id) is None:
        return Done()
    if not await job_queries.progressed(tx, context.job):
        return Done()
    await write_profiles(tx, user_id, access.origin, fetched)
    troubled = [one for one in fetched if one.error is not None and not one.is_absent]
    if not troubled:
        return _after(await _advance(tx, user_id, batch.enrichment.id))
    error = troubled[0].error
    assert error is not None  # noqa: S101 - chosen for it
    is_waiting = error.kind in {ErrorKind.QUOTA, ErrorKind.RATE_LIMITED}
    if is_waiting and not error.final:
        await _advance(
            tx, user_id, batch.enrichment.id, failures=batch.enrichment.failures, reason=str(error)
        )
        return Again(min(error.retry_after or 1.0, LONGEST_WAIT_SECONDS))
    failures = batch.enrichment.failures + 1
    if not error.final and failures < MOST_FAILURES:
        await _advance(tx, user_id, batch.enrichment.id, failures=failures, reason=str(error))
        return Again(backoff(failures, first=0.5, longest=30.0, least=0.1))
    if error.kind is ErrorKind.QUOTA:  # nothing is left for the others either
        waiting = await tx.many(queries.LIST_NEXT, user_id=user_id, id=batch.enrichment.id, limit=1_000_000)
        ended = {one.creator_id: Enhancement.SKIPPED for one in waiting}
    else:
        ended = {one.wanted.creator_id: Enhancement.FAILED for one in troubled}
    await set_states(tx, user_id, ended)
    return _after(await _advance(tx, user_id, batch.enrichment.id, reason=str(error)))


async def _skip_platform(tx: Transaction, *, batch: Batch, platform: Platform) -> None:
    user_id = batch.user_id
    await tx.run(queries.SKIP_PLATFORM, user_id=user_id, id=batch.enrichment.id, platform=platform.value)
    reason = NOBODY_TELLS.format(platform=platform.value)
    await _advance(tx, user_id, batch.enrichment.id, reason=reason)


async def _advance(
    tx: Transaction,
    user_id: ExternalUserId,
    enrichment_id: object,
    *,
    failures: int = 0,
    reason: str | None = None,
) -> EnrichmentStatus:
    return await tx.only(queries.ADVANCE, user_id=user_id, id=enrichment_id, failures=failures, reason=reason)


def _after(status: EnrichmentStatus) -> JobResult | None:
    return Done() if status is EnrichmentStatus.COMPLETED else None
