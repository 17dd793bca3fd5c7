"""Statements that read, start and end searches. Those of a page are in `run/queries.py`.

Every statement names the tenant, beside row-level security: the growth plan distributes rows by it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from tastemaker.catalog.filtering import filter_query
from tastemaker.core.ids import CampaignId, ExternalUserId, RunId, SearchId, new_id
from tastemaker.core.platforms import Platform
from tastemaker.db.statements import any_of, composed, statement
from tastemaker.db.transaction import Transaction
from tastemaker.events.context import current_cause
from tastemaker.searches.types import Ending, EndReason, Run, Search, SearchRequest, Status

INSERT_SEARCH = statement(
    """
    INSERT INTO scraping_jobs (
        user_id, campaign_id, run_id, keywords, platform, search_params, target_results, region,
        target_username)
    VALUES (%(user_id)s, %(campaign_id)s, %(run_id)s, CAST(%(keywords)s AS jsonb), %(platform)s,
            CAST(%(search_params)s AS jsonb), %(target)s, coalesce(CAST(%(region)s AS text), 'US'),
            %(like)s)
    RETURNING id
    """,
    SearchId,
)

INSERT_RUNS = statement("""
    INSERT INTO scraping_runs (tenant_id, job_id, position, keyword)
    SELECT %(user_id)s, %(search_id)s, ordinality - 1, keyword
    FROM unnest(CAST(%(keywords)s AS text[])) WITH ORDINALITY AS given (keyword, ordinality)
""")


@dataclass(frozen=True, slots=True)
class UnpublishedRun:
    """An open run without a message."""

    id: RunId
    platform: Platform
    source: str | None


LIST_UNPUBLISHED_RUNS = statement(
    """
    WITH open_runs AS (
        SELECT r.id, r.position,
               EXISTS (SELECT FROM background_jobs b WHERE b.tenant_id = r.tenant_id
                       AND b.dedupe_key = 'run:' || r.id AND b.status = 'pending')
               OR CAST(%(counts_running)s AS boolean) AND EXISTS (
                   SELECT FROM background_jobs b WHERE b.tenant_id = r.tenant_id
                   AND b.lock_key = 'run:' || r.id AND b.status = 'processing') AS is_published
        FROM scraping_runs r
        WHERE r.tenant_id = %(user_id)s AND r.job_id = %(search_id)s AND r.status IN ('pending', 'processing')
    )
    SELECT o.id, j.platform, j.search_params ->> 'source' AS source
    FROM open_runs o JOIN scraping_jobs j ON j.id = %(search_id)s AND j.user_id = %(user_id)s
    WHERE NOT o.is_published AND j.status IN ('pending', 'processing')
    ORDER BY o.position
    LIMIT greatest(0, %(most)s - (SELECT count(*) FROM open_runs WHERE is_published))
    """,
    UnpublishedRun,
)

LIST_SEARCHES = composed(
    """
    SELECT j.id, j.user_id, j.campaign_id, c.name AS campaign_name, j.platform,
           coalesce(j.keywords, '[]') AS keywords, j.search_params ->> 'source' AS source, j.status,
           j.outcome, j.target_results AS target, j.processed_results AS stored, j.processed_runs AS pages,
           coalesce(j.progress, 0) AS progress, j.error, j.parked_until, j.parked_reason, j.created_at,
           j.started_at, j.completed_at, j.target_username AS like, j.looked_at,
           coalesce(j.search_params ? 'criteria', false) AS has_criteria,
           coalesce((SELECT sum(r.skipped) FROM scraping_runs r
                     WHERE r.tenant_id = j.user_id AND r.job_id = j.id), 0) AS skipped
    FROM scraping_jobs j LEFT JOIN campaigns c ON c.id = j.campaign_id AND c.user_id = j.user_id
    WHERE j.user_id = %(user_id)s AND c.deleting_since IS NULL {filters}
    ORDER BY j.created_at DESC, j.id
    LIMIT %(limit)s
    """,
    Search,
    not_null="keywords progress skipped has_criteria",
    filters=any_of(
        id="AND j.id = %(search_id)s",
        prefix="AND j.id::text LIKE %(prefix)s || '%%'",
        campaign="AND j.campaign_id = %(campaign_id)s",
        open="AND j.status IN ('pending', 'processing')",
        request="AND j.search_params = CAST(%(search_params)s AS jsonb)",
    ),
)

LIST_RUNS = statement(
    """
    SELECT id, keyword, status, end_reason, pages, found, skipped, stored, failures, error
    FROM scraping_runs
    WHERE tenant_id = %(user_id)s AND job_id = %(search_id)s
    ORDER BY position
    """,
    Run,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndState:
    """Why each run ended, how many creators the search holds, and its target; `like` of a similar search."""

    reasons: tuple[EndReason, ...]
    stored: int
    target: int
    like: str | None


FIND_END_STATE = statement(
    """
    SELECT j.processed_results AS stored, j.target_results AS target, j.target_username AS like,
           coalesce(array_agg(r.end_reason) FILTER (WHERE r.id IS NOT NULL), '{}') AS reasons
    FROM scraping_jobs j LEFT JOIN scraping_runs r ON r.job_id = j.id AND r.tenant_id = j.user_id
    WHERE j.user_id = %(user_id)s AND j.id = %(search_id)s
    GROUP BY j.id
    HAVING coalesce(bool_and(r.status NOT IN ('pending', 'processing')), true)
    """,
    EndState,
    not_null="reasons",
)

LOCK_SEARCH = statement(
    "SELECT id FROM scraping_jobs WHERE user_id = %(user_id)s AND id = %(search_id)s FOR NO KEY UPDATE",
    SearchId,
)

WAKE_MESSAGES = statement("""
    UPDATE background_jobs SET scheduled_for = app_now(), waits_for = NULL
    WHERE tenant_id = %(user_id)s AND status = 'pending' AND scheduled_for > app_now()
      AND dedupe_key IN (
          SELECT 'run:' || id FROM scraping_runs WHERE tenant_id = %(user_id)s AND job_id = %(search_id)s)
""")

END_RUNS = composed(
    """
    UPDATE scraping_runs
    SET status = %(status)s, end_reason = %(end_reason)s, finished_at = app_now(), version = version + 1,
        error = coalesce(%(error)s, error)
    WHERE tenant_id = %(user_id)s AND job_id = %(search_id)s AND status IN ('pending', 'processing') {only}
    """,
    type(None),
    only=any_of(run="AND id = %(run_id)s"),
)


@dataclass(frozen=True, slots=True)
class EndedSearch:
    """`enrich`: its profiles are fetched now."""

    stored: int
    pages: int
    campaign_id: CampaignId | None
    enrich: bool


FINISH = statement(
    """
    WITH forgotten AS (
        DELETE FROM search_candidates WHERE job_id = %(search_id)s AND tenant_id = %(user_id)s
    )
    UPDATE scraping_jobs
    SET status = %(status)s, outcome = %(outcome)s, completed_at = app_now(), parked_until = NULL,
        parked_reason = NULL, error = coalesce((
            SELECT error FROM scraping_runs
            WHERE tenant_id = %(user_id)s AND job_id = %(search_id)s AND error IS NOT NULL
              AND (status = 'error' OR end_reason = 'page_cap')
            ORDER BY status <> 'error', position LIMIT 1), CAST(%(note)s AS text)),
        progress = CASE WHEN %(is_complete)s THEN 100 ELSE progress END
    WHERE user_id = %(user_id)s AND id = %(search_id)s AND status IN ('pending', 'processing')
    RETURNING processed_results AS stored, processed_runs AS pages, campaign_id,
              coalesce(CAST(search_params ->> 'enrich' AS boolean), false) AS enrich
    """,
    EndedSearch,
    not_null="enrich",
)


@dataclass(frozen=True, slots=True)
class Unparked:
    """The status that the search had, and when it was changed."""

    was: str
    at: datetime


UNPARK = statement(
    """
    WITH before AS (
        SELECT id, status FROM scraping_jobs
        WHERE user_id = %(user_id)s AND id = %(search_id)s AND status IN ('pending', 'processing')
        FOR NO KEY UPDATE
    )
    UPDATE scraping_jobs j
    SET status = 'pending', parked_until = NULL, parked_reason = NULL, timeout_at = NULL
    FROM before WHERE j.id = before.id AND j.user_id = %(user_id)s
    RETURNING before.status AS was, app_now() AS at
    """,
    Unparked,
    not_null="was at",
)


def search_params(request: SearchRequest, source: str) -> str:
    """The whole request, as `scraping_jobs.search_params` keeps it."""
    params: dict[str, Any] = {
        "platform": request.platform.value,
        "keywords": list(request.keywords),
        "target": request.target,
        "region": request.region,
        "source": source,
    }
    if request.max_cost is not None:
        params["max_cost"] = request.max_cost
    if request.criteria is not None:
        params["criteria"] = filter_query(request.criteria)
        params["most_looked"] = request.most_looked
    if request.enrich:
        params["enrich"] = True
    if request.like is not None:
        params["like"] = request.like
    return orjson.dumps(params).decode()


async def insert_search(
    tx: Transaction,
    user_id: ExternalUserId,
    campaign_id: CampaignId,
    request: SearchRequest,
    *,
    source: str,
) -> SearchId:
    """The search and one run per keyword, in the order of the keywords."""
    search_id = await tx.only(
        INSERT_SEARCH,
        user_id=user_id,
        campaign_id=campaign_id,
        run_id=current_cause().correlation_id or str(new_id()),
        keywords=orjson.dumps(request.keywords).decode(),
        platform=request.platform.value,
        search_params=search_params(request, source),
        target=request.target,
        region=request.region,
        like=request.like,
    )
    await tx.run(INSERT_RUNS, user_id=user_id, search_id=search_id, keywords=list(request.keywords))
    return search_id


async def list_unpublished_runs(
    tx: Transaction, user_id: ExternalUserId, search_id: SearchId, *, most: int, counts_running: bool
) -> list[UnpublishedRun]:
    """So many runs that `most` of the search have a message.

    `counts_running`: a message that is being worked on counts.
    """
    return await tx.many(
        LIST_UNPUBLISHED_RUNS,
        user_id=user_id,
        search_id=search_id,
        most=most,
        counts_running=counts_running,
    )


async def find_search(tx: Transaction, user_id: ExternalUserId, search_id: SearchId) -> Search | None:
    return await tx.one(LIST_SEARCHES.choose(filters="id"), user_id=user_id, search_id=search_id, limit=1)


async def list_searches_by_prefix(tx: Transaction, user_id: ExternalUserId, prefix: str) -> list[Search]:
    """At most two: enough to know whether the start of an id is ambiguous."""
    return await tx.many(LIST_SEARCHES.choose(filters="prefix"), user_id=user_id, prefix=prefix, limit=2)


async def list_searches(
    tx: Transaction, user_id: ExternalUserId, *, campaign_id: CampaignId | None = None, limit: int
) -> list[Search]:
    """Newest first; of one campaign where given."""
    if campaign_id is None:
        return await tx.many(LIST_SEARCHES.choose(), user_id=user_id, limit=limit)
    of_campaign = LIST_SEARCHES.choose(filters="campaign")
    return await tx.many(of_campaign, user_id=user_id, campaign_id=campaign_id, limit=limit)


async def list_open_searches(tx: Transaction, user_id: ExternalUserId, *, limit: int) -> list[Search]:
    """Those that run or wait, newest first."""
    return await tx.many(LIST_SEARCHES.choose(filters="open"), user_id=user_id, limit=limit)


async def find_unfinished(
    tx: Transaction,
    user_id: ExternalUserId,
    campaign_id: CampaignId | None,
    request: SearchRequest,
    *,
    source: str,
) -> Search | None:
    """The newest open search for the same request, to continue it; of one campaign where given."""
    same: dict[str, Any] = {"user_id": user_id, "search_params": search_params(request, source), "limit": 1}
    if campaign_id is None:
        return await tx.one(LIST_SEARCHES.choose(filters=("open", "request")), **same)
    of_campaign = LIST_SEARCHES.choose(filters=("campaign", "open", "request"))
    return await tx.one(of_campaign, campaign_id=campaign_id, **same)


async def list_runs(tx: Transaction, user_id: ExternalUserId, search_id: SearchId) -> list[Run]:
    return await tx.many(LIST_RUNS, user_id=user_id, search_id=search_id)


async def find_end_state(tx: Transaction, user_id: ExternalUserId, search_id: SearchId) -> EndState | None:
    """None while one of its runs is open."""
    return await tx.one(FIND_END_STATE, user_id=user_id, search_id=search_id)


async def lock_search(tx: Transaction, user_id: ExternalUserId, search_id: SearchId) -> None:
    """Waits for the commit of a page; the next page waits for this transaction."""
    await tx.one(LOCK_SEARCH, user_id=user_id, search_id=search_id)


async def wake_messages(tx: Transaction, user_id: ExternalUserId, search_id: SearchId) -> None:
    """Makes the search's messages that wait for a later time due now."""
    await tx.run(WAKE_MESSAGES, user_id=user_id, search_id=search_id)


async def end_runs(
    tx: Transaction,
    user_id: ExternalUserId,
    search_id: SearchId,
    reason: EndReason,
    *,
    run_id: RunId | None = None,
    error: str | None = None,
) -> None:
    """End one open run, or all of the search. A page that is being fetched for them is not committed.

    `error`: the sentence that replaces the run's last one.
    """
    values: dict[str, Any] = {
        "user_id": user_id,
        "search_id": search_id,
        "status": reason.run_status.value,
        "end_reason": reason.value,
        "error": error,
    }
    if run_id is None:
        await tx.run(END_RUNS.choose(), **values)
    else:
        await tx.run(END_RUNS.choose(only="run"), run_id=run_id, **values)


async def finish(
    tx: Transaction, user_id: ExternalUserId, search_id: SearchId, ending: Ending, *, note: str | None = None
) -> EndedSearch | None:
    """End the search, with the error of its first failed run, else of the first that a page cap cut.

    `note`: what to say without such an error. None when it had ended already.
    """
    return await tx.one(
        FINISH,
        user_id=user_id,
        search_id=search_id,
        status=ending.status.value,
        outcome=ending.outcome.value,
        is_complete=ending.status is Status.COMPLETED,
        note=note,
    )


async def unpark(tx: Transaction, user_id: ExternalUserId, search_id: SearchId) -> Unparked | None:
    """End its parking and restart its time-out clock with the next page. None when it has ended."""
    return await tx.one(UNPARK, user_id=user_id, search_id=search_id)
