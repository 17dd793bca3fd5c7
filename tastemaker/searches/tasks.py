"""Who handles the messages of searches, and with which providers."""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from tastemaker.core.clock import monotonic
from tastemaker.core.ids import CampaignId, ExternalUserId
from tastemaker.core.platforms import Platform
from tastemaker.jobs.types import Again, Answer, Done, Handlers, JobContext, Registered
from tastemaker.providers.base import Provider
from tastemaker.searches.erasing import erase_some
from tastemaker.searches.merging import merge_creators
from tastemaker.searches.messages import (
    CONTINUE_RUN,
    ERASE_CAMPAIGN,
    MERGE_CREATORS,
    SWEEP_SEARCHES,
    ContinueRun,
    EraseCampaign,
)
from tastemaker.searches.runner import SLICE_SECONDS, continue_run, give_up_run, wait_for_provider
from tastemaker.searches.suppression_key import SuppressionKey
from tastemaker.searches.sweeping import sweep

NOT_SERVED_HERE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Sources:
    """The providers by source (`sandbox` or `live`) and platform, and the client they are called with.

    `key` is the one under which people are suppressed, where this machine has it.
    """

    http: httpx.AsyncClient
    providers: Mapping[str, Mapping[Platform, Provider]]
    key: SuppressionKey | None = None


def search_handlers(sources: Sources) -> Handlers:
    """The handlers for a worker that has these providers."""

    async def handle(context: JobContext, message: ContinueRun) -> Answer:
        provider = sources.providers.get(message.source, {}).get(message.platform)
        if provider is None:
            return await wait_for_provider(context, message, seconds=NOT_SERVED_HERE_SECONDS)
        return await continue_run(context, message, provider=provider, http=sources.http, key=sources.key)

    return {
        CONTINUE_RUN.name: Registered(CONTINUE_RUN, handle, give_up_run),
        ERASE_CAMPAIGN.name: Registered(ERASE_CAMPAIGN, erase_campaign),
        MERGE_CREATORS.name: Registered(MERGE_CREATORS, merge_creators),
        SWEEP_SEARCHES.name: Registered(SWEEP_SEARCHES, sweep),
    }


async def erase_campaign(context: JobContext, message: EraseCampaign) -> Answer:
    """Batch after batch for a time slice; a kill between two loses nothing."""
    slice_ends = monotonic() + SLICE_SECONDS
    user_id, campaign_id = ExternalUserId(message.user_id), CampaignId(message.campaign_id)
    while await erase_some(context.database, user_id, campaign_id) is not None:
        if context.stopping.is_set() or monotonic() >= slice_ends:
            return Again()
    return Done()
