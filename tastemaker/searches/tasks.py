"""The handlers and schedules of searches, and the providers that they use."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import httpx

from tastemaker.core.platforms import Platform
from tastemaker.jobs.registry import handles, registered_handlers
from tastemaker.jobs.schedules import Schedule, scheduled
from tastemaker.jobs.types import Handlers, JobContext, JobResult
from tastemaker.mail.mailer import Mailer
from tastemaker.providers.base import ProfileLookup, Provider
from tastemaker.searches.enrichment.runner import enrich
from tastemaker.searches.enrichment.service import ENRICH_BATCH, EnrichBatch
from tastemaker.searches.exclusions.names import SuppressionKey
from tastemaker.searches.exports.service import WRITE_EXPORT, ExportFolder
from tastemaker.searches.exports.writing import (
    DELETE_OLD_EXPORTS,
    delete_old_exports,
    give_up_export,
    write_export,
)
from tastemaker.searches.maintenance import (
    ERASE_CAMPAIGN,
    EXPIRE_VALUES,
    MERGE_CREATORS,
    SWEEP_SEARCHES,
    erase_campaign,
    expire_values,
    merge_creators,
    sweep,
)
from tastemaker.searches.run.runner import continue_run, give_up_run, wait_for_provider
from tastemaker.searches.service import CONTINUE_RUN, ContinueRun

NOT_SERVED_HERE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Sources:
    """The providers of pages and of profiles (`lookups`) by source (`sandbox` or `live`) and platform.

    `key`: the suppression key, where this machine has it.
    """

    http: httpx.AsyncClient
    providers: Mapping[str, Mapping[Platform, Provider]]
    key: SuppressionKey | None = None
    lookups: Mapping[str, Mapping[Platform, ProfileLookup]] = field(default_factory=dict)


@handles(CONTINUE_RUN, needs=(Sources,), given_up=give_up_run)
async def handle_run(context: JobContext, message: ContinueRun) -> JobResult:
    sources = context.resource(Sources)
    provider = sources.providers.get(message.source, {}).get(message.platform)
    if provider is None:
        return await wait_for_provider(context, message, seconds=NOT_SERVED_HERE_SECONDS)
    return await continue_run(
        context,
        message,
        provider=provider,
        http=sources.http,
        key=sources.key,
        lookup=sources.lookups.get(message.source, {}).get(message.platform),
    )


@handles(ENRICH_BATCH, needs=(Sources,))
async def handle_enrichment(context: JobContext, message: EnrichBatch) -> JobResult:
    sources = context.resource(Sources)
    return await enrich(context, message, lookups=sources.lookups, http=sources.http, key=sources.key)


handles(ERASE_CAMPAIGN)(erase_campaign)
handles(SWEEP_SEARCHES)(sweep)


handles(MERGE_CREATORS)(merge_creators)


handles(EXPIRE_VALUES)(expire_values)


SEARCH_SWEEPER = scheduled(
    Schedule(
        name="search_sweeper",
        every=timedelta(seconds=15),
        job=SWEEP_SEARCHES,
        meaning="Ends searches past their time-out, and publishes lost jobs again.",
    )
)


VALUES_EXPIRE = scheduled(
    Schedule(
        name="expire_values",
        every=timedelta(hours=1),
        job=EXPIRE_VALUES,
        meaning="Deletes values past the retention of the provider's policy. A later fetch extends it.",
    )
)


handles(WRITE_EXPORT, needs=(ExportFolder, Mailer), given_up=give_up_export)(write_export)
handles(DELETE_OLD_EXPORTS, needs=(ExportFolder,))(delete_old_exports)


EXPORTS_EXPIRE = scheduled(
    Schedule(
        name="delete_old_exports",
        every=timedelta(hours=1),
        job=DELETE_OLD_EXPORTS,
        meaning="Deletes expired exports with their files, and files whose export is gone.",
    )
)


SEARCH_JOBS = (CONTINUE_RUN, ENRICH_BATCH, ERASE_CAMPAIGN, MERGE_CREATORS, SWEEP_SEARCHES)


def search_handlers(sources: Sources) -> Handlers:
    """For a worker that only works on searches, with these providers."""
    known = registered_handlers({Sources: sources})
    return {kind.name: known[kind.name] for kind in SEARCH_JOBS}
