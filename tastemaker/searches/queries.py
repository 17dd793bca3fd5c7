"""Questions about searches, and how one begins and ends. Keeping pages is in `page_queries`.

Every statement names the tenant, beside row-level security: the growth plan distributes by it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import RowMapping, text

from tastemaker.core.ids import CampaignId, ExternalUserId, RunId, SearchId
from tastemaker.core.platforms import Platform
from tastemaker.db.transaction import Transaction
from tastemaker.searches.types import Ending, EndReason, Outcome, Run, Search, SearchRequest, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class EndState:
    """Why each run ended, and what the search holds of what was asked."""

    reasons: tuple[EndReason, ...]
    stored: int
    target: int


INSERT_SEARCH = text("""
    INSERT INTO scraping_jobs (
        user_id, campaign_id, keywords, platform, search_params, target_results, region)
    VALUES (:user_id, :campaign_id, CAST(:keywords AS jsonb), :platform, CAST(:search_params AS jsonb),
            :target, coalesce(CAST(:region AS text), 'US'))
    RETURNING id
""")


INSERT_RUNS = text("""
    INSERT INTO scraping_runs (tenant_id, job_id, position, keyword)
    SELECT :user_id, :search_id, ordinality - 1, keyword
    FROM unnest(CAST(:keywords AS text[])) WITH ORDINALITY AS given (keyword, ordinality)
""")


LIST_UNPUBLISHED_RUNS = text("""
    WITH open_runs AS (
        SELECT r.id, r.position,
               EXISTS (SELECT FROM background_jobs b WHERE b.tenant_id = r.tenant_id
                       AND b.dedupe_key = 'run:' || r.id AND b.status = 'pending')
               OR CAST(:counts_running AS boolean) AND EXISTS (
                   SELECT FROM background_jobs b WHERE b.tenant_id = r.tenant_id
                   AND b.lock_key = 'run:' || r.id AND b.status = 'processing') AS is_published
        FROM scraping_runs r
        WHERE r.tenant_id = :user_id AND r.job_id = :search_id AND r.status IN ('pending', 'processing')
    )
    SELECT o.id, j.platform, j.search_params ->> 'source' AS source
    FROM open_runs o JOIN scraping_jobs j ON j.id = :search_id AND j.user_id = :user_id
    WHERE NOT o.is_published AND j.status IN ('pending', 'processing')
    ORDER BY o.position
    LIMIT greatest(0, :most - (SELECT count(*) FROM open_runs WHERE is_published))
""")


SELECT_SEARCH = """
    SELECT j.id, j.user_id, j.campaign_id, c.name AS campaign_name, j.platform, j.keywords, j.search_params,
           j.status, j.outcome, j.target_results, j.processed_results, j.processed_runs, j.progress, j.error,
           j.parked_until, j.parked_reason, j.created_at, j.started_at, j.completed_at
    FROM scraping_jobs j LEFT JOIN campaigns c ON c.id = j.campaign_id AND c.user_id = j.user_id
    WHERE j.user_id = :user_id AND c.deleting_since IS NULL {condition}
    ORDER BY j.created_at DESC, j.id
    LIMIT :limit
"""


FIND = text(SELECT_SEARCH.format(condition="AND j.id = :search_id"))


FIND_BY_PREFIX = text(SELECT_SEARCH.format(condition="AND j.id::text LIKE :prefix || '%'"))


LIST = text(SELECT_SEARCH.format(condition=""))


LIST_OF_CAMPAIGN = text(SELECT_SEARCH.format(condition="AND j.campaign_id = :campaign_id"))


FIND_UNFINISHED = text(
    SELECT_SEARCH.format(
        condition="""
        AND (CAST(:campaign_id AS uuid) IS NULL OR j.campaign_id = CAST(:campaign_id AS uuid))
        AND j.status IN ('pending', 'processing') AND j.search_params = CAST(:search_params AS jsonb)"""
    )
)


LIST_RUNS = text("""
    SELECT id, keyword, status, end_reason, pages, found, stored, failures, error FROM scraping_runs
    WHERE tenant_id = :user_id AND job_id = :search_id
    ORDER BY position
""")


END_STATE = text("""
    SELECT j.processed_results, j.target_results, array_agg(r.end_reason) AS reasons
    FROM scraping_jobs j JOIN scraping_runs r ON r.job_id = j.id AND r.tenant_id = j.user_id
    WHERE j.user_id = :user_id AND j.id = :search_id
    GROUP BY j.id
    HAVING bool_and(r.status NOT IN ('pending', 'processing'))
""")


LOCK = text("SELECT id FROM scraping_jobs WHERE user_id = :user_id AND id = :search_id FOR UPDATE")


WAKE_MESSAGES = text("""
    UPDATE background_jobs SET scheduled_for = app_now(), waits_for = NULL
    WHERE tenant_id = :user_id AND status = 'pending' AND scheduled_for > app_now()
      AND dedupe_key IN (
          SELECT 'run:' || id FROM scraping_runs WHERE tenant_id = :user_id AND job_id = :search_id)
""")


END_RUN = text("""
    UPDATE scraping_runs
    SET status = :status, end_reason = :end_reason, finished_at = app_now(), version = version + 1
    WHERE tenant_id = :user_id AND job_id = :search_id AND status IN ('pending', 'processing')
      AND (CAST(:run_id AS uuid) IS NULL OR id = :run_id)
""")


FINISH = text("""
    UPDATE scraping_jobs
    SET status = :status, outcome = :outcome, completed_at = app_now(), parked_until = NULL,
        parked_reason = NULL, error = :error,
        progress = CASE WHEN :is_complete THEN 100 ELSE progress END
    WHERE user_id = :user_id AND id = :search_id AND status IN ('pending', 'processing')
    RETURNING processed_results, processed_runs, campaign_id
""")


FIRST_ERROR = text("""
    SELECT error FROM scraping_runs
    WHERE tenant_id = :user_id AND job_id = :search_id AND error IS NOT NULL AND status = 'error'
    ORDER BY position LIMIT 1
""")


UNPARK = text("""
    WITH before AS (
        SELECT id, status FROM scraping_jobs
        WHERE user_id = :user_id AND id = :search_id AND status IN ('pending', 'processing')
        FOR UPDATE
    )
    UPDATE scraping_jobs j
    SET status = 'pending', parked_until = NULL, parked_reason = NULL, timeout_at = NULL
    FROM before WHERE j.id = before.id AND j.user_id = :user_id
    RETURNING before.status, app_now()
""")


def search_params(request: SearchRequest, source: str) -> dict[str, Any]:
    """The whole request, as `scraping_jobs.search_params` keeps it."""
    told = {
        "platform": request.platform.value,
        "keywords": list(request.keywords),
        "target": request.target,
        "region": request.region,
        "source": source,
    }
    return told if request.max_cost is None else {**told, "max_cost": request.max_cost}


async def insert_search(
    session: Transaction,
    user_id: ExternalUserId,
    campaign_id: CampaignId,
    request: SearchRequest,
    *,
    source: str,
) -> SearchId:
    """The search and one run per keyword, in the order of the keywords."""
    row = await session.execute(
        INSERT_SEARCH,
        {
            "user_id": user_id,
            "campaign_id": campaign_id,
            "keywords": orjson.dumps(request.keywords).decode(),
            "platform": request.platform.value,
            "search_params": orjson.dumps(search_params(request, source)).decode(),
            "target": request.target,
            "region": request.region,
        },
    )
    search_id = SearchId(row.scalar_one())
    await session.execute(
        INSERT_RUNS, {"user_id": user_id, "search_id": search_id, "keywords": list(request.keywords)}
    )
    return search_id


async def list_unpublished_runs(
    session: Transaction, user_id: ExternalUserId, search_id: SearchId, *, most: int, counts_running: bool
) -> list[tuple[RunId, Platform, str | None]]:
    """Open runs without a message, with platform and source: so many that `most` of the search have one.

    `counts_running`: a message that is being worked on counts.
    """
    asked = {"user_id": user_id, "search_id": search_id, "most": most, "counts_running": counts_running}
    rows = await session.execute(LIST_UNPUBLISHED_RUNS, asked)
    return [(RunId(run_id), Platform.parse(platform), source) for run_id, platform, source in rows]


async def find_search(session: Transaction, user_id: ExternalUserId, search_id: SearchId) -> Search | None:
    found = await _list(session, FIND, user_id=user_id, search_id=search_id, limit=1)
    return found[0] if found else None


async def list_searches_by_prefix(session: Transaction, user_id: ExternalUserId, prefix: str) -> list[Search]:
    """At most two: enough to know whether the start of an id says which one is meant."""
    return await _list(session, FIND_BY_PREFIX, user_id=user_id, prefix=prefix, limit=2)


async def list_searches(
    session: Transaction, user_id: ExternalUserId, *, campaign_id: CampaignId | None = None, limit: int
) -> list[Search]:
    """Newest first; of one campaign where given."""
    if campaign_id is None:
        return await _list(session, LIST, user_id=user_id, limit=limit)
    return await _list(session, LIST_OF_CAMPAIGN, user_id=user_id, campaign_id=campaign_id, limit=limit)


async def find_unfinished(
    session: Transaction,
    user_id: ExternalUserId,
    campaign_id: CampaignId | None,
    request: SearchRequest,
    *,
    source: str,
) -> Search | None:
    """The newest search for exactly this that has not ended: asking again goes on with it.

    Of one campaign where given, else of any.
    """
    parameters = orjson.dumps(search_params(request, source)).decode()
    found = await _list(
        session,
        FIND_UNFINISHED,
        user_id=user_id,
        campaign_id=campaign_id,
        search_params=parameters,
        limit=1,
    )
    return found[0] if found else None


async def list_runs(session: Transaction, user_id: ExternalUserId, search_id: SearchId) -> list[Run]:
    rows = await session.execute(LIST_RUNS, {"user_id": user_id, "search_id": search_id})
    return [_run(row) for row in rows.mappings()]


async def find_end_state(
    session: Transaction, user_id: ExternalUserId, search_id: SearchId
) -> EndState | None:
    """What the search came to; None while one of its runs is open."""
    rows = await session.execute(END_STATE, {"user_id": user_id, "search_id": search_id})
    row = rows.mappings().first()
    if row is None:
        return None
    return EndState(
        reasons=tuple(EndReason(reason) for reason in row["reasons"]),
        stored=row["processed_results"],
        target=row["target_results"],
    )


async def lock_search(session: Transaction, user_id: ExternalUserId, search_id: SearchId) -> None:
    """A page that is being kept is waited for; the next one waits for us."""
    await session.execute(LOCK, {"user_id": user_id, "search_id": search_id})


async def wake_messages(session: Transaction, user_id: ExternalUserId, search_id: SearchId) -> None:
    """Messages of the search that wait for a later time are due now."""
    await session.execute(WAKE_MESSAGES, {"user_id": user_id, "search_id": search_id})


async def end_runs(
    session: Transaction,
    user_id: ExternalUserId,
    search_id: SearchId,
    reason: EndReason,
    *,
    run_id: RunId | None = None,
) -> None:
    """End one open run, or all of the search; a page still on its way to them will not be kept."""
    await session.execute(
        END_RUN,
        {
            "user_id": user_id,
            "search_id": search_id,
            "run_id": run_id,
            "status": reason.run_status.value,
            "end_reason": reason.value,
        },
    )


async def finish(
    session: Transaction, user_id: ExternalUserId, search_id: SearchId, ending: Ending
) -> RowMapping | None:
    """End the search; None when it had ended already."""
    parameters = {"user_id": user_id, "search_id": search_id}
    error = (await session.execute(FIRST_ERROR, parameters)).scalar_one_or_none()
    rows = await session.execute(
        FINISH,
        {
            **parameters,
            "status": ending.status.value,
            "outcome": ending.outcome.value,
            "is_complete": ending.status is Status.COMPLETED,
            "error": error,
        },
    )
    return rows.mappings().first()


async def unpark(
    session: Transaction, user_id: ExternalUserId, search_id: SearchId
) -> tuple[str, datetime] | None:
    """Parked no longer; whoever fetches the next page gives it the whole time limit again.

    Which status it had, and when that was; None when it has ended.
    """
    row = (await session.execute(UNPARK, {"user_id": user_id, "search_id": search_id})).first()
    return (row[0], row[1]) if row else None


async def _list(session: Transaction, statement: Any, **parameters: object) -> list[Search]:  # noqa: ANN401 - a text clause
    rows = await session.execute(statement, parameters)
    return [_search(row) for row in rows.mappings()]


def _search(row: RowMapping) -> Search:
    return Search(
        id=SearchId(row["id"]),
        user_id=ExternalUserId(row["user_id"]),
        campaign_id=row["campaign_id"],
        campaign_name=row["campaign_name"],
        platform=Platform.parse(row["platform"]),
        keywords=tuple(row["keywords"] or ()),
        source=(row["search_params"] or {}).get("source"),
        status=Status(row["status"]),
        outcome=Outcome(row["outcome"]) if row["outcome"] else None,
        target=row["target_results"],
        stored=row["processed_results"],
        pages=row["processed_runs"],
        progress=float(row["progress"] or 0),
        error=row["error"],
        parked_until=row["parked_until"],
        parked_reason=row["parked_reason"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        completed_at=row["completed_at"],
    )


def _run(row: RowMapping) -> Run:
    return Run(
        id=RunId(row["id"]),
        keyword=row["keyword"],
        status=Status(row["status"]),
        end_reason=EndReason(row["end_reason"]) if row["end_reason"] else None,
        pages=row["pages"],
        found=row["found"],
        stored=row["stored"],
        failures=row["failures"],
        error=row["error"],
    )
