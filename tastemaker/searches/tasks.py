"""Who handles the messages of searches, and with which providers."""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from tastemaker.core.platforms import Platform
from tastemaker.jobs.types import Answer, Handlers, JobContext, Registered
from tastemaker.providers.base import Provider
from tastemaker.searches.messages import CONTINUE_RUN, ContinueRun
from tastemaker.searches.runner import continue_run, give_up_run, wait_for_provider

NOT_SERVED_HERE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Sources:
    """The providers by source (`sandbox` or `live`) and platform, and the client they are called with."""

    http: httpx.AsyncClient
    providers: Mapping[str, Mapping[Platform, Provider]]


def search_handlers(sources: Sources) -> Handlers:
    """The handlers for a worker that has these providers."""

    async def handle(context: JobContext, message: ContinueRun) -> Answer:
        provider = sources.providers.get(message.source, {}).get(message.platform)
        if provider is None:
            return await wait_for_provider(context, message, seconds=NOT_SERVED_HERE_SECONDS)
        return await continue_run(context, message, provider=provider, http=sources.http)

    return {CONTINUE_RUN.name: Registered(CONTINUE_RUN, handle, give_up_run)}
