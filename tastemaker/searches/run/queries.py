"""The statements of one page's transaction, in the order in which the runner uses them.

Locks are taken in one order everywhere: search, run, creators and posts by key, the user's usage. So two
pages wait for each other and never deadlock. The usage is the lock that all searches of a user share: without
a limit of creators it is taken last of all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from tastemaker.billing.plan_limits import ask_what_is_left, ask_whether_unlimited
from tastemaker.core.ids import ExternalUserId, RunId, SearchId
from tastemaker.core.platforms import Platform
from tastemaker.db.messages import Message, in_one_message
from tastemaker.db.transaction import Transaction
from tastemaker.jobs.queries import HOLDS, PROGRESSED
from tastemaker.jobs.types import ClaimedJob
from tastemaker.providers.base import Cost
from tastemaker.searches.exclusions.names import NO_KEY_ID
from tastemaker.searches.types import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """The next page to fetch, and the version that fences its commit. `max_cost`: millionths of a dollar."""

    run_id: RunId
    search_id: SearchId
    user_id: ExternalUserId
    keyword: str
    region: str | None
    cursor: str | None
    version: int
    is_begun: bool
    timed_out: bool
    parked_for: float
    lacks_key: bool = False
    max_cost: int | None = None
    progress: "RunProgress | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProgress:
    """How a run stood when its last page was kept: `room` is what the search still had for creators."""

    room: int
    pages: int
    barren_pages: int
    seen_cursors: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedSearch:
    """`excludes`, `suppresses`: there are lists to look into; `lacks_key`: one that we cannot read.

    `has_to_wait`: it is parked, or its time is over.
    """

    status: Status
    target: int
    stored: int
    now: datetime
    excludes: bool
    suppresses: bool
    lacks_key: bool
    has_to_wait: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedRun:
    status: Status
    version: int
    pages: int
    barren_pages: int
    seen_cursors: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parking:
    """`is_new`: it was not parked before; `stored` is what the search holds."""

    until: datetime
    stored: int
    is_new: bool


FIND_RUN_STATE = text("""
    SELECT r.id AS run_id, r.job_id, r.keyword, r.cursor, r.version, j.status,
           j.search_params ->> 'region' AS region,
           CAST(j.search_params ->> 'max_cost' AS bigint) AS max_cost, j.timeout_at < app_now() AS timed_out,
           extract(epoch FROM j.parked_until - app_now()) AS parked_for,
           EXISTS (SELECT FROM suppressions WHERE key_id <> :key_id) AS lacks_key
    FROM scraping_runs r JOIN scraping_jobs j ON j.id = r.job_id AND j.user_id = r.tenant_id
    WHERE r.id = :run_id AND r.tenant_id = :user_id AND r.status IN ('pending', 'processing')
      AND j.status IN ('pending', 'processing')
""")


BEGIN_SEARCH = text("""
    UPDATE scraping_jobs
    SET status = 'processing', started_at = coalesce(started_at, app_now()),
        timeout_at = coalesce(timeout_at, app_now() + make_interval(secs => :timeout)),
        parked_until = NULL, parked_reason = NULL
    WHERE id = :search_id AND user_id = :user_id AND status = 'pending'
    RETURNING app_now()
""")


IS_NEXT_WANTED = text("""
    SELECT FROM scraping_runs r JOIN scraping_jobs j ON j.id = r.job_id AND j.user_id = r.tenant_id
    WHERE r.id = :run_id AND r.tenant_id = :user_id AND r.version = :version AND r.status = 'processing'
      AND j.status = 'processing' AND (j.timeout_at < app_now()) IS NOT TRUE
      AND j.target_results - j.processed_results > :found
""")


OPEN_PAGE = text("""
    WITH search AS MATERIALIZED (
        SELECT id, user_id, status, target_results, processed_results,
               coalesce(timeout_at < app_now() OR parked_until > app_now(), false) AS has_to_wait
        FROM scraping_jobs
        WHERE id = :search_id AND user_id = :user_id
        FOR UPDATE
    ), run AS MATERIALIZED (
        SELECT r.status, r.version, r.pages, r.barren_pages, r.seen_cursors
        FROM search JOIN scraping_runs r ON r.tenant_id = search.user_id
        WHERE r.id = :run_id AND r.tenant_id = :user_id
        FOR UPDATE OF r
    ), settled AS (
        UPDATE provider_calls
        SET status = 'charged', calls = :calls, units = :units, micros_usd = :micros, error_kind = NULL,
            finished_at = app_now()
        WHERE id = CAST(:call_id AS uuid) AND tenant_id = :user_id
    )
    SELECT search.status AS search_status, search.target_results, search.processed_results,
           search.has_to_wait,
           app_now() AS now, run.*,
           EXISTS (SELECT FROM exclusions e WHERE e.tenant_id = :user_id) AS excludes,
           EXISTS (SELECT FROM suppressions) AS suppresses,
           EXISTS (SELECT FROM suppressions WHERE key_id <> :key_id) AS lacks_key
    FROM search CROSS JOIN run
""")
"""Search, then run: the order of locks. The call is settled whatever becomes of its page."""


LIST_CLAIMED = text("""
    SELECT stable_id FROM search_creators
    WHERE job_id = :search_id AND tenant_id = :user_id AND platform = :platform
      AND stable_id = ANY(:stable_ids)
""")


KEEP_FOUND = text("""
    WITH page AS (
        INSERT INTO scraping_results (job_id, creators, expires_at)
        VALUES (:search_id, CAST(:creators AS jsonb), CAST(:expires_at AS timestamptz))
        RETURNING id
    ), last AS (
        SELECT coalesce(max(position), 0) AS position FROM search_creators
        WHERE job_id = :search_id AND tenant_id = :user_id
    )
    INSERT INTO search_creators (job_id, platform, stable_id, tenant_id, run_id, result_id, creator_id,
                                 post_id, position, matched_in, created_at)
    SELECT :search_id, :platform, stable_id, :user_id, :run_id, page.id, creator_id, post_id,
           last.position + CAST(ordinality AS integer), string_to_array(matched_in, ','),
           :now
    FROM page, last,
         unnest(CAST(:stable_ids AS text[]), CAST(:creator_ids AS bigint[]), CAST(:post_ids AS bigint[]),
                CAST(:matched_in AS text[]))
         WITH ORDINALITY AS new (stable_id, creator_id, post_id, matched_in, ordinality)
""")


ADVANCE = text("""
    WITH run AS (
        UPDATE scraping_runs
        SET version = version + 1, cursor = :cursor, pages = pages + 1, found = found + :found,
            stored = stored + :stored, barren_pages = :barren_pages, failures = 0, error = NULL,
            error_kind = NULL, seen_cursors = seen_cursors || CAST(:seen AS text[])
        WHERE id = :run_id AND tenant_id = :user_id
    )
    UPDATE scraping_jobs
    SET processed_runs = processed_runs + 1, processed_results = processed_results + :stored,
        cursor = greatest(cursor, :run_pages),
        progress = least(100, round(100.0 * (processed_results + :stored) / target_results, 2))
    WHERE id = :search_id AND user_id = :user_id
""")


COUNT_FAILURE = text("""
    UPDATE scraping_runs
    SET failures = failures + CAST(:counts AS integer), error_kind = :error_kind, error = :error
    WHERE id = :run_id AND tenant_id = :user_id AND version = :version
      AND status IN ('pending', 'processing')
    RETURNING failures
""")


PARK = text("""
    WITH before AS (
        SELECT id, status FROM scraping_jobs WHERE id = :search_id AND user_id = :user_id FOR UPDATE
    )
    UPDATE scraping_jobs j
    SET status = 'pending', parked_reason = :reason,
        parked_until = greatest(parked_until, app_now() + make_interval(secs => :seconds)),
        timeout_at = timeout_at + (greatest(parked_until, app_now() + make_interval(secs => :seconds))
                                   - greatest(parked_until, app_now()))
    FROM before
    WHERE j.id = before.id AND j.user_id = :user_id AND j.status IN ('pending', 'processing')
    RETURNING j.parked_until, j.processed_results AS stored, before.status = 'processing' AS is_new
""")


@dataclass(frozen=True, slots=True)
class OpenPage:
    """Search and run, locked; `held` are those of the page's creators that the search holds already.

    `is_unlimited`: the user's plan has no limit of creators.
    """

    search: LockedSearch
    run: LockedRun
    held: frozenset[str]
    is_unlimited: bool


async def find_run_state(
    session: Transaction, user_id: ExternalUserId, run_id: RunId, *, key_id: str = NO_KEY_ID
) -> RunState | None:
    """Where the run stands; None when it, or its search, has ended."""
    asked = {"user_id": user_id, "run_id": run_id, "key_id": key_id}
    row = (await session.execute(FIND_RUN_STATE, asked)).mappings().first()
    if row is None:
        return None
    return RunState(
        run_id=run_id,
        search_id=SearchId(row["job_id"]),
        user_id=user_id,
        keyword=row["keyword"],
        region=row["region"],
        cursor=row["cursor"],
        version=row["version"],
        is_begun=row["status"] == Status.PROCESSING,
        timed_out=bool(row["timed_out"]),
        parked_for=float(row["parked_for"] or 0),
        lacks_key=row["lacks_key"],
        max_cost=row["max_cost"],
    )


async def begin_search(session: Transaction, state: RunState, *, time_limit: timedelta) -> datetime | None:
    """When; None where another keyword has pending it."""
    moment: datetime | None = await session.scalar(
        BEGIN_SEARCH, {**_ids(state), "timeout": time_limit.total_seconds()}
    )
    return moment


async def is_next_wanted(session: Transaction, state: RunState, job: ClaimedJob, *, found: int) -> bool:
    """Whether the run is ours still, and search and plan have room now for more than those `found`."""
    async with in_one_message(session) as message:
        held = await message.ask(HOLDS, {"id": job.id, "attempt": job.attempt})
        stands = await message.ask(IS_NEXT_WANTED, {**_ids(state), "version": state.version, "found": found})
        read_left = await ask_what_is_left(message, state.user_id)
    if await held.fetchone() is None or await stands.fetchone() is None:
        return False
    return await read_left() > found


async def open_page(
    session: Transaction,
    state: RunState,
    call_id: UUID | None,
    cost: Cost,
    *,
    key_id: str,
    job: ClaimedJob,
    platform: Platform,
    stable_ids: Sequence[str],
) -> OpenPage | None:
    """Lock search and run, and settle the call where that is still to do; None when they are gone.

    Also None where the job is not ours any more; where it is, it has got ahead.
    """
    spent = {"call_id": call_id, "calls": cost.calls, "units": cost.units, "micros": cost.micros_usd}
    asked = {"platform": platform.value, "stable_ids": list(stable_ids)}
    async with in_one_message(session) as message:
        opened = await message.ask(OPEN_PAGE, {**_ids(state), **spent, "key_id": key_id})
        progressed = await message.ask(PROGRESSED, {"id": job.id, "attempt": job.attempt})
        claimed = await message.ask(LIST_CLAIMED, {**_ids(state), **asked})
        read_unlimited = await ask_whether_unlimited(message, state.user_id)
    row = await opened.fetchone()
    is_ours = await progressed.fetchone() is not None
    if row is None or not is_ours:
        return None
    held = frozenset(found["stable_id"] for found in await claimed.fetchall())
    return OpenPage(_locked_search(row), _locked_run(row), held, await read_unlimited())


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The page's new creators, as documents and one by one, in the order of the page."""

    platform: Platform
    documents: Sequence[Mapping[str, Any]]
    first_position: int
    stable_ids: Sequence[str]
    creator_ids: Sequence[int]
    post_ids: Sequence[int | None]
    matched_in: Sequence[Sequence[str]]
    now: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How far the page brings the run: its cursor, its version and the search's counters move together."""

    cursor: str | None
    seen: Sequence[str]
    found: int
    stored: int
    barren_pages: int
    run_pages: int


async def store(message: Message, state: RunState, found: Found) -> None:
    """The page's new creators enter the search."""
    await message.ask(KEEP_FOUND, {**_ids(state), **_found_values(found)})


async def advance(message: Message, state: RunState, step: Step) -> None:
    """The page is kept."""
    moved = {name: getattr(step, name) for name in Step.__slots__}
    await message.ask(ADVANCE, {**_ids(state), **moved, "seen": list(step.seen)})


async def count_failure(
    session: Transaction, state: RunState, *, error_kind: str, error: str, counts: bool = True
) -> int | None:
    """Failures in a row of this run; None when somebody else has moved it meanwhile."""
    said = {"counts": counts, "error_kind": error_kind, "error": error}
    row = await session.execute(COUNT_FAILURE, {**_ids(state), "version": state.version, **said})
    return row.scalar_one_or_none()


async def park(session: Transaction, state: RunState, *, seconds: float, reason: str) -> Parking | None:
    """The search waits; its time-out clock stands still, once however many runs park it."""
    rows = await session.execute(PARK, {**_ids(state), "seconds": seconds, "reason": reason})
    row = rows.mappings().first()
    return Parking(until=row["parked_until"], stored=row["stored"], is_new=row["is_new"]) if row else None


def _found_values(found: Found) -> dict[str, Any]:
    return {
        "platform": found.platform.value,
        "creators": orjson.dumps(found.documents).decode(),
        "first_position": found.first_position,
        "stable_ids": list(found.stable_ids),
        "creator_ids": list(found.creator_ids),
        "post_ids": list(found.post_ids),
        "matched_in": [",".join(fields) for fields in found.matched_in],
        "now": found.now,
        "expires_at": found.expires_at,
    }


def _locked_search(row: Mapping[str, Any]) -> LockedSearch:
    return LockedSearch(
        status=Status(row["search_status"]),
        target=row["target_results"],
        stored=row["processed_results"],
        now=row["now"],
        excludes=row["excludes"],
        suppresses=row["suppresses"],
        lacks_key=row["lacks_key"],
        has_to_wait=row["has_to_wait"],
    )


def _locked_run(row: Mapping[str, Any]) -> LockedRun:
    return LockedRun(
        status=Status(row["status"]),
        version=row["version"],
        pages=row["pages"],
        barren_pages=row["barren_pages"],
        seen_cursors=frozenset(row["seen_cursors"]),
    )


def _ids(state: RunState) -> dict[str, object]:
    return {"search_id": state.search_id, "run_id": state.run_id, "user_id": state.user_id}
