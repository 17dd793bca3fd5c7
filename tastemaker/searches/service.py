"""What one does with a search: start it, go on with it, cancel it. Each verb is one transaction's work."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.billing.service import refuse_without_allowance
from tastemaker.campaigns import queries as campaign_queries
from tastemaker.campaigns.queries import Campaign
from tastemaker.core.errors import Conflict, NotFound
from tastemaker.core.ids import ExternalUserId, RunId, SearchId
from tastemaker.core.platforms import Platform
from tastemaker.events.names import Source
from tastemaker.events.payloads import SearchFinished, SearchStarted
from tastemaker.events.service import record
from tastemaker.jobs.service import publish, take_from_the_dead
from tastemaker.searches import queries
from tastemaker.searches.messages import CONTINUE_RUN, ContinueRun
from tastemaker.searches.requests import SearchRequest
from tastemaker.searches.states import Ending, EndReason, ending_of
from tastemaker.searches.types import Search

ID_PREFIX_LENGTH = 6


async def start_search(
    session: AsyncSession, user: CurrentUser, campaign: Campaign, request: SearchRequest, *, source: str
) -> Search:
    """Insert the search and its runs and publish one message per run. `source` is `sandbox` or `live`.

    Raises LimitReached, Conflict (the campaign is archived, or of the other search type).
    """
    if campaign.status == "archived" or campaign.search_type != "keyword":
        raise Conflict(f"The campaign {campaign.name!r} takes no keyword search.")
    await refuse_without_allowance(session, user.user_id)
    search_id, run_ids = await queries.insert_search(
        session, user.user_id, campaign.id, request, source=source
    )
    await campaign_queries.activate(session, user.user_id, campaign.id)
    await record(
        session,
        SearchStarted(
            campaign_id=campaign.id,
            platform=request.platform.value,
            keywords=list(request.keywords),
            target=request.target,
        ),
        aggregate_id=str(search_id),
        source=Source.USER_ACTION,
        tenant_id=user.user_id,
        correlation_id=str(search_id),
    )
    for run_id in run_ids:
        await publish_run(session, user.user_id, run_id, request.platform, source, search_id)
    return await get_search(session, user, str(search_id))


async def publish_run(
    session: AsyncSession,
    user_id: ExternalUserId,
    run_id: RunId,
    platform: Platform,
    source: str,
    search_id: SearchId,
) -> None:
    """`Continue run R`: at most one such message waits, at most one is worked on."""
    await publish(
        session,
        CONTINUE_RUN,
        ContinueRun(run_id=run_id, user_id=user_id, platform=platform, source=source),
        tenant_id=user_id,
        lock_key=f"run:{run_id}",
        dedupe_key=f"run:{run_id}",
        correlation_id=str(search_id),
    )


async def get_search(session: AsyncSession, user: CurrentUser, reference: str) -> Search:
    """By id or by the start of one. Raises NotFound, Conflict when it is ambiguous."""
    try:
        found = await queries.find_search(session, user.user_id, SearchId(UUID(reference)))
        matches = [found] if found else []
    except ValueError:
        matches = await _by_prefix(session, user, reference)
    if len(matches) > 1:
        raise Conflict(f"More than one search's id starts with {reference!r}.")
    if not matches:
        raise NotFound("There is no such search.")
    return matches[0]


async def resume_search(session: AsyncSession, user: CurrentUser, search: Search) -> Search:
    """Go on with an unfinished search now: also one that is parked, or whose message was lost.

    Its time-out clock starts anew: nobody worked on it in the nights between.
    Raises Conflict when it has ended.
    """
    if not search.status.is_open:
        raise Conflict(f"This search has ended: it is {search.status}.")
    await queries.wind_up(session, user.user_id, search.id)
    await take_from_the_dead(session, CONTINUE_RUN, correlation_id=str(search.id))
    await queries.wake_messages(session, user.user_id, search.id)
    for run in await queries.list_runs(session, user.user_id, search.id):
        if run.status.is_open:
            await publish_run(
                session, user.user_id, run.id, search.platform, search.source or "live", search.id
            )
    return await get_search(session, user, str(search.id))


async def cancel_search(session: AsyncSession, user: CurrentUser, search: Search) -> Search:
    """Stop within a page; what was found stays. Raises Conflict when it has ended."""
    await queries.lock(session, user.user_id, search.id)
    await queries.end_runs(session, user.user_id, search.id, EndReason.CANCELLED)
    if not await finish_if_done(session, user.user_id, search.id, source=Source.USER_ACTION):
        raise Conflict("This search has ended already.")
    return await get_search(session, user, str(search.id))


async def finish_if_done(
    session: AsyncSession, user_id: ExternalUserId, search_id: SearchId, *, source: Source
) -> Ending | None:
    """End the search when no run is open: a fact about rows, decided while the search is locked."""
    state = await queries.find_end_state(session, user_id, search_id)
    if state is None:
        return None
    ending = ending_of(state.reasons, stored=state.stored, target=state.target)
    finished = await queries.finish(session, user_id, search_id, ending)
    if finished is None:
        return None
    await record(
        session,
        SearchFinished(
            status=ending.status.value,
            outcome=ending.outcome.value,
            stored=finished["processed_results"],
            pages=finished["processed_runs"],
        ),
        aggregate_id=str(search_id),
        source=source,
        tenant_id=user_id,
        correlation_id=str(search_id),
    )
    if finished["campaign_id"]:
        await campaign_queries.complete_if_idle(session, user_id, finished["campaign_id"])
    return ending


async def _by_prefix(session: AsyncSession, user: CurrentUser, reference: str) -> list[Search]:
    prefix = reference.strip().lower()
    if len(prefix) < ID_PREFIX_LENGTH or not set(prefix) <= set("0123456789abcdef-"):
        return []
    return await queries.list_searches_by_prefix(session, user.user_id, prefix)
