"""The verbs of a search: start, resume, cancel, end. Each one is part of one transaction."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.billing.features import find_features
from tastemaker.billing.plan_limits import refuse_without_allowance
from tastemaker.campaigns.queries import Campaign
from tastemaker.campaigns.service import NAME_LENGTH, complete_if_idle, take_search
from tastemaker.core.clock import utc_now
from tastemaker.core.errors import Conflict, NotFound
from tastemaker.core.ids import ExternalUserId, RunId, SearchId, new_id
from tastemaker.core.platforms import Platform
from tastemaker.db.transaction import Transaction
from tastemaker.events.names import Source
from tastemaker.events.payloads import SearchFinished, SearchResumed, SearchSnapshot, SearchStarted
from tastemaker.events.service import NewEvent, record
from tastemaker.jobs.service import publish, rescue_chain
from tastemaker.jobs.types import JobType
from tastemaker.searches import queries
from tastemaker.searches.enrichment.service import enrich_ended_search
from tastemaker.searches.similar.ranking import admit_best
from tastemaker.searches.types import (
    LIVE,
    ChangedSearch,
    Ending,
    EndReason,
    Search,
    SearchRequest,
    Status,
    ending_of,
)


class ContinueRun(BaseModel):
    """Fetch the next pages of a run. Harmless when it comes twice."""

    model_config = ConfigDict(frozen=True)

    run_id: UUID
    user_id: str
    platform: Platform
    source: str


CONTINUE_RUN = JobType(name="continue_run", payload=ContinueRun, max_retries=10, records_end=False)


ID_PREFIX_LENGTH = 6

MOST_RUNS_AT_ONCE = 5
"""Keywords of one search that run at the same time; the next one starts when one has ended."""


async def start_search(
    tx: Transaction, user: CurrentUser, campaign: Campaign, request: SearchRequest, *, source: str
) -> Search:
    """Insert the search and its runs and publish one message per run. `source` is `sandbox` or `live`.

    Raises LimitReached, NotInPlan,
    Conflict (the campaign is archived, being deleted, or of the other search type).
    """
    _refuse_other_type(campaign, request)
    await refuse_without_allowance(tx, user.user_id)
    (await find_features(tx, user.user_id)).refuse_platform(request.platform)
    await take_search(tx, user.user_id, campaign, search_type=request.search_type)
    search_id = await queries.insert_search(tx, user.user_id, campaign.id, request, source=source)
    await record(
        tx,
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
    await publish_runs(tx, user.user_id, search_id)
    return await get_search(tx, user, str(search_id))


def default_name(keywords: Sequence[str], today: date) -> str:
    """`chess, makeup · 2026-11-23` or `like @chess · 2026-11-23`, within the length of a campaign's name."""
    ending = f" · {today.isoformat()}"
    most = NAME_LENGTH - len(ending)
    text = ", ".join(keywords)
    text = f"like {text}" if text.startswith("@") else text
    return (text if len(text) <= most else f"{text[: most - 1].rstrip()}…") + ending


def _refuse_other_type(campaign: Campaign, request: SearchRequest) -> None:
    """Raises Conflict: a campaign's searches are of one type."""
    if campaign.search_type != request.search_type:
        name = default_name(request.keywords, utc_now().date())
        raise Conflict(
            f"The campaign “{campaign.name}” holds {campaign.search_type} searches and takes no "
            f"{request.search_type} search. Without a name it goes into a campaign of its own, “{name}”."
        )


async def publish_runs(
    tx: Transaction, user_id: ExternalUserId, search_id: SearchId, *, counts_running: bool = True
) -> int:
    """Publish `continue_run` for as many open runs as may run at once; how many messages that were.

    A run has at most one pending message, and at most one in work. Runs that have one are skipped, so this
    also replaces a lost message. Without `counts_running` a run in work gets another message, because it may
    be about to wait for long.
    """
    due = await queries.list_unpublished_runs(
        tx, user_id, search_id, most=MOST_RUNS_AT_ONCE, counts_running=counts_running
    )
    for run in due:
        await publish(
            tx,
            CONTINUE_RUN,
            ContinueRun(run_id=run.id, user_id=user_id, platform=run.platform, source=run.source or LIVE),
            tenant_id=user_id,
            lock_key=f"run:{run.id}",
            dedupe_key=f"run:{run.id}",
            correlation_id=str(search_id),
        )
    return len(due)


async def get_search(tx: Transaction, user: CurrentUser, reference: str) -> Search:
    """By id or by the start of one. Raises NotFound, Conflict when it is ambiguous."""
    try:
        found = await queries.find_search(tx, user.user_id, SearchId(UUID(reference)))
        matches = [found] if found else []
    except ValueError:
        matches = await _by_prefix(tx, user, reference)
    if len(matches) > 1:
        raise Conflict(f"More than one search's id starts with {reference!r}.")
    if not matches:
        raise NotFound("There is no such search.")
    return matches[0]


async def resume_search(tx: Transaction, user: CurrentUser, search: Search) -> Search:
    """Continue an unfinished search now, also one that is parked or whose message was lost.

    Its time-out clock starts again. Raises Conflict when it has ended.
    """
    if not search.status.is_open:
        raise Conflict(f"This search has ended: it is {search.status}.")
    unparked = await queries.unpark(tx, user.user_id, search.id)
    if unparked is None:
        raise Conflict("This search has ended in this moment.")
    await record(
        tx,
        SearchResumed(was=unparked.was),
        aggregate_id=str(search.id),
        identifier=f"{search.id}_{unparked.at:%Y%m%dT%H%M%S%f}",
        source=Source.USER_ACTION,
        tenant_id=user.user_id,
        correlation_id=str(search.id),
    )
    await rescue_chain(tx, CONTINUE_RUN, correlation_id=str(search.id))
    # In this order: a message that begins to wait before this is woken, one that waits later has a successor.
    await publish_runs(tx, user.user_id, search.id, counts_running=False)
    await queries.wake_messages(tx, user.user_id, search.id)
    return await get_search(tx, user, str(search.id))


async def cancel_search(tx: Transaction, user: CurrentUser, search: Search) -> Search:
    """Stop within a page; what was found stays. Raises Conflict when it has ended."""
    reason, by_user = EndReason.CANCELLED, Source.USER_ACTION
    if await end_search(tx, user.user_id, search.id, reason, source=by_user) is None:
        raise Conflict("This search has ended already.")
    return await get_search(tx, user, str(search.id))


async def end_run(
    tx: Transaction,
    user_id: ExternalUserId,
    search_id: SearchId,
    run_id: RunId,
    reason: EndReason,
    *,
    error: str | None = None,
) -> None:
    """End one keyword. The search ends with its last keyword, else the next keyword starts."""
    await queries.end_runs(tx, user_id, search_id, reason, run_id=run_id, error=error)
    if await finish_if_done(tx, user_id, search_id, source=Source.SYSTEM_AUTOMATION) is None:
        await publish_runs(tx, user_id, search_id)


async def end_search(
    tx: Transaction,
    user_id: ExternalUserId,
    search_id: SearchId,
    reason: EndReason,
    *,
    source: Source = Source.SYSTEM_AUTOMATION,
) -> Ending | None:
    """End every open keyword for this reason. None when the search had ended already."""
    await queries.lock_search(tx, user_id, search_id)
    await queries.end_runs(tx, user_id, search_id, reason)
    return await finish_if_done(tx, user_id, search_id, source=source, without_runs=reason)


async def finish_if_done(
    tx: Transaction,
    user_id: ExternalUserId,
    search_id: SearchId,
    *,
    source: Source,
    without_runs: EndReason = EndReason.TIMEOUT,
) -> Ending | None:
    """End the search when no run is open, which is decided while the search is locked.

    `without_runs` is the reason where the search has no run at all.
    """
    state = await queries.find_end_state(tx, user_id, search_id)
    if state is None:
        return None
    reasons, stored, note = state.reasons or (without_runs,), state.stored, None
    if state.like is not None and not stored:
        ranked = await admit_best(tx, user_id, search_id)
        stored, note = ranked.admitted, ranked.note
        reasons = (*reasons, EndReason.PLAN_LIMIT) if ranked.is_limited else reasons
    ending = ending_of(reasons, stored=stored, target=state.target)
    finished = await queries.finish(tx, user_id, search_id, ending, note=note)
    if finished is None:
        return None
    await record(
        tx,
        SearchFinished(
            status=ending.status.value,
            outcome=ending.outcome.value,
            stored=finished.stored,
            pages=finished.pages,
        ),
        aggregate_id=str(search_id),
        source=source,
        tenant_id=user_id,
        correlation_id=str(search_id),
    )
    if finished.enrich and finished.stored and ending.status is not Status.CANCELLED:
        await enrich_ended_search(tx, user_id, search_id)
    if finished.campaign_id:
        await complete_if_idle(tx, user_id, finished.campaign_id)
    return ending


def snapshot(search: ChangedSearch, source: Source) -> NewEvent:
    """The event for a change of a search's results that no page made."""
    return NewEvent(
        payload=SearchSnapshot(
            campaign_id=search.campaign_id,
            platform=search.platform,
            target=search.target,
            status=search.status,
            outcome=search.outcome,
            stored=search.stored,
            pages=search.pages,
        ),
        aggregate_id=str(search.id),
        identifier=str(new_id()),
        source=source,
        tenant_id=search.user_id,
    )


async def _by_prefix(tx: Transaction, user: CurrentUser, reference: str) -> list[Search]:
    prefix = reference.strip().lower()
    if len(prefix) < ID_PREFIX_LENGTH or not set(prefix) <= set("0123456789abcdef-"):
        return []
    return await queries.list_searches_by_prefix(tx, user.user_id, prefix)
