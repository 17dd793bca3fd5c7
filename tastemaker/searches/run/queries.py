"""The statements of a page's transaction, in the order in which it runs them.

Locks are taken in one order everywhere: search, run, creators and posts by key, the user's usage. So two
pages wait for each other and never deadlock. All searches of a user share the lock on the usage: without a
limit of creators it is taken last.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol
from uuid import UUID

import orjson

from tastemaker.core.ids import ExternalUserId, RunId, SearchId
from tastemaker.core.platforms import Platform
from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction
from tastemaker.providers.base import Cost
from tastemaker.searches.campaign_creators_queries import KEEP
from tastemaker.searches.exclusions.names import NO_KEY_ID
from tastemaker.searches.types import EndReason, Status

MOST_POSTS: Final = 100
"""Of one creator in one search."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """An open run: its next page, and the version that fences the page's commit.

    `criteria` are pairs of an address's query; None: a search without. It has looked at `looked_at` creators
    of `most_looked`, and has `room` for further ones. `pages_end`: why no further page is read. `parked_for`
    in seconds. `max_cost` of the whole search, in millionths of a US dollar. `lacks_key`:
    creators are suppressed under a key that is missing here. `like`: the creator of a similar search.
    """

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
    lacks_key: bool
    max_cost: int | None
    like: str | None
    criteria: Any
    looked_at: int
    most_looked: int | None
    room: int
    pages_end: EndReason | None


FIND_RUN_STATE = statement(
    """
    SELECT r.id AS run_id, r.job_id AS search_id, r.tenant_id AS user_id, r.keyword,
           j.search_params ->> 'region' AS region, r.cursor, r.version, j.status = 'processing' AS is_begun,
           coalesce(j.timeout_at < app_now(), false) AS timed_out,
           coalesce(extract(epoch FROM j.parked_until - app_now()), 0) AS parked_for,
           EXISTS (SELECT FROM suppressions WHERE key_id <> %(key_id)s) AS lacks_key,
           CAST(j.search_params ->> 'max_cost' AS bigint) AS max_cost, r.pages_end,
           j.search_params -> 'criteria' AS criteria, j.looked_at,
           CAST(j.search_params ->> 'most_looked' AS integer) AS most_looked,
           j.target_results - j.processed_results AS room, j.target_username AS like
    FROM scraping_runs r JOIN scraping_jobs j ON j.id = r.job_id AND j.user_id = r.tenant_id
    WHERE r.id = %(run_id)s AND r.tenant_id = %(user_id)s AND r.status IN ('pending', 'processing')
      AND j.status IN ('pending', 'processing')
    """,
    RunState,
    not_null="is_begun timed_out parked_for lacks_key room",
)

BEGIN_SEARCH = statement(
    """
    UPDATE scraping_jobs
    SET status = 'processing', started_at = coalesce(started_at, app_now()),
        timeout_at = coalesce(timeout_at, app_now() + make_interval(secs => %(timeout)s)),
        parked_until = NULL, parked_reason = NULL
    WHERE id = %(search_id)s AND user_id = %(user_id)s AND status = 'pending'
    RETURNING app_now()
    """,
    datetime,
    not_null="app_now",
)

IS_NEXT_WANTED = statement(
    """
    SELECT r.id FROM scraping_runs r JOIN scraping_jobs j ON j.id = r.job_id AND j.user_id = r.tenant_id
    WHERE r.id = %(run_id)s AND r.tenant_id = %(user_id)s AND r.version = %(version)s
      AND r.status = 'processing' AND j.status = 'processing' AND (j.timeout_at < app_now()) IS NOT TRUE
      AND j.target_results - j.processed_results > %(found)s
    """,
    RunId,
)
"""The run is where it was, and its search has room for more than those `found`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedRun:
    """A run and its search, locked.

    `excludes`, `suppresses`: there are lists to filter by; `lacks_key`: one under a key that is missing
    here. `has_to_wait`: the search is parked, or past its time limit.
    """

    search_status: Status
    target: int
    stored: int
    looked_at: int
    has_to_wait: bool
    now: datetime
    status: Status
    position: int
    version: int
    pages: int
    barren_pages: int
    failures: int
    seen_cursors: frozenset[str]
    excludes: bool
    suppresses: bool
    lacks_key: bool


LOCK_RUN = statement(
    """
    WITH search AS MATERIALIZED (
        SELECT id, user_id, status, target_results, processed_results, looked_at,
               coalesce(timeout_at < app_now() OR parked_until > app_now(), false) AS has_to_wait
        FROM scraping_jobs
        WHERE id = %(search_id)s AND user_id = %(user_id)s
        FOR NO KEY UPDATE
    ), run AS MATERIALIZED (
        SELECT r.status, r.position, r.version, r.pages, r.barren_pages, r.failures, r.seen_cursors
        FROM search JOIN scraping_runs r ON r.tenant_id = search.user_id
        WHERE r.id = %(run_id)s AND r.tenant_id = %(user_id)s
        FOR UPDATE OF r
    ), settled AS (
        UPDATE provider_calls
        SET status = 'charged', calls = %(calls)s, units = %(units)s, micros_usd = %(micros_usd)s,
            error_kind = NULL, finished_at = app_now()
        WHERE id = CAST(%(call_id)s AS uuid) AND tenant_id = %(user_id)s
    )
    SELECT search.status AS search_status, search.target_results AS target,
           search.processed_results AS stored, search.looked_at, search.has_to_wait, app_now() AS now, run.*,
           EXISTS (SELECT FROM exclusions e WHERE e.tenant_id = %(user_id)s) AS excludes,
           EXISTS (SELECT FROM suppressions) AS suppresses,
           EXISTS (SELECT FROM suppressions WHERE key_id <> %(key_id)s) AS lacks_key
    FROM search CROSS JOIN run
    """,
    LockedRun,
    not_null="search_status target stored looked_at has_to_wait now status position version pages"
    " barren_pages failures seen_cursors excludes suppresses lacks_key",
)
"""Search, then run: the order of locks. The call is settled even if its page is dropped."""


@dataclass(frozen=True, slots=True)
class HeldCreator:
    """A creator of the page that the search holds already. `is_known`: this keyword has found it before."""

    stable_id: str
    is_known: bool


LIST_HELD = statement(
    """
    SELECT stable_id, run_id = %(run_id)s OR %(position)s = ANY(also_found_by) AS is_known
    FROM search_creators
    WHERE job_id = %(search_id)s AND tenant_id = %(user_id)s AND platform = %(platform)s
      AND stable_id = ANY(%(stable_ids)s)
    """,
    HeldCreator,
    not_null="is_known",
)

MARK_FOUND = statement("""
    UPDATE search_creators SET also_found_by = also_found_by || CAST(%(position)s AS integer)
    WHERE job_id = %(search_id)s AND tenant_id = %(user_id)s AND platform = %(platform)s
      AND stable_id = ANY(%(stable_ids)s)
""")
"""This keyword has found creators that another one stored."""

INSERT_RESULTS = statement(f"""
    WITH page AS (
        INSERT INTO scraping_results (job_id, creators, expires_at)
        VALUES (%(search_id)s, CAST(%(creators)s AS jsonb), CAST(%(expires_at)s AS timestamptz))
        RETURNING id
    ), last AS (
        SELECT coalesce(max(position), 0) AS position FROM search_creators
        WHERE job_id = %(search_id)s AND tenant_id = %(user_id)s
    ), claimed AS (
        INSERT INTO search_creators (job_id, platform, stable_id, tenant_id, run_id, result_id, creator_id,
                                     post_id, position, matched_in, other_post_ids, created_at)
        SELECT %(search_id)s, %(platform)s, stable_id, %(user_id)s, %(run_id)s, page.id, creator_id, post_id,
               last.position + CAST(ordinality AS integer), string_to_array(matched_in, ','),
               CAST(string_to_array(other_post_ids, ',') AS bigint[]), %(now)s
        FROM page, last,
             unnest(CAST(%(stable_ids)s AS text[]), CAST(%(creator_ids)s AS bigint[]),
                    CAST(%(post_ids)s AS bigint[]), CAST(%(matched_in)s AS text[]),
                    CAST(%(other_post_ids)s AS text[]))
             WITH ORDINALITY AS new (stable_id, creator_id, post_id, matched_in, other_post_ids, ordinality)
        RETURNING *
    ) {KEEP}
""")  # noqa: S608 - of constants

ADD_POSTS = statement("""
    UPDATE search_creators s
    SET other_post_ids = s.other_post_ids || ARRAY(
        SELECT id FROM unnest(given.ids) AS id
        WHERE id IS DISTINCT FROM s.post_id AND id <> ALL (s.other_post_ids))
    FROM (SELECT stable_id, array_agg(post_id) AS ids
          FROM unnest(CAST(%(stable_ids)s AS text[]), CAST(%(post_ids)s AS bigint[]))
               AS one (stable_id, post_id)
          GROUP BY stable_id) given
    WHERE s.job_id = %(search_id)s AND s.tenant_id = %(user_id)s AND s.platform = %(platform)s
      AND s.stable_id = given.stable_id AND cardinality(s.other_post_ids) < %(most)s
      AND NOT given.ids <@ (s.other_post_ids || s.post_id)
""")
"""Posts of creators that the search has already."""

ADVANCE_RUN = statement("""
    WITH run AS (
        UPDATE scraping_runs
        SET version = version + 1, cursor = %(cursor)s, pages = pages + 1, found = found + %(found)s,
            skipped = skipped + %(skipped)s, stored = stored + %(stored)s, barren_pages = %(barren_pages)s,
            failures = 0, error = NULL, error_kind = NULL,
            seen_cursors = seen_cursors || CAST(%(seen)s AS text)
        WHERE id = %(run_id)s AND tenant_id = %(user_id)s
    )
    UPDATE scraping_jobs
    SET processed_runs = processed_runs + 1, processed_results = processed_results + %(stored)s,
        cursor = greatest(cursor, %(run_pages)s),
        progress = least(100, round(100.0 * (processed_results + %(stored)s) / target_results, 2))
    WHERE id = %(search_id)s AND user_id = %(user_id)s
""")

COUNT_FAILURE = statement(
    """
    UPDATE scraping_runs
    SET failures = failures + CAST(CAST(%(counts)s AS boolean) AS integer), error_kind = %(error_kind)s,
        error = %(error)s
    WHERE id = %(run_id)s AND tenant_id = %(user_id)s AND version = %(version)s
      AND status IN ('pending', 'processing')
    RETURNING failures
    """,
    int,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parking:
    """`is_new`: the search was not parked before; `stored` creators are in it."""

    until: datetime
    stored: int
    is_new: bool


PARK = statement(
    """
    WITH before AS (
        SELECT id, status FROM scraping_jobs
        WHERE id = %(search_id)s AND user_id = %(user_id)s FOR NO KEY UPDATE
    )
    UPDATE scraping_jobs j
    SET status = 'pending', parked_reason = %(reason)s,
        parked_until = greatest(parked_until, app_now() + make_interval(secs => %(seconds)s)),
        timeout_at = timeout_at + (greatest(parked_until, app_now() + make_interval(secs => %(seconds)s))
                                   - greatest(parked_until, app_now()))
    FROM before
    WHERE j.id = before.id AND j.user_id = %(user_id)s AND j.status IN ('pending', 'processing')
    RETURNING j.parked_until AS until, j.processed_results AS stored, before.status = 'processing' AS is_new
    """,
    Parking,
    not_null="until is_new",
)


async def find_run_state(
    tx: Transaction, user_id: ExternalUserId, run_id: RunId, *, key_id: str = NO_KEY_ID
) -> RunState | None:
    """None when the run, or its search, has ended."""
    return await tx.one(FIND_RUN_STATE, user_id=user_id, run_id=run_id, key_id=key_id)


async def begin_search(tx: Transaction, run: RunState, *, time_limit: timedelta) -> datetime | None:
    """When it began; None where another keyword has begun it."""
    return await tx.one(
        BEGIN_SEARCH, search_id=run.search_id, user_id=run.user_id, timeout=time_limit.total_seconds()
    )


async def lock_run(
    tx: Transaction, run: RunState, call_id: UUID | None, cost: Cost, *, key_id: str
) -> LockedRun | None:
    """Lock search and run, and settle the call where there is one. None when they were deleted."""
    return await tx.one(
        LOCK_RUN,
        **ids(run),
        key_id=key_id,
        call_id=call_id,
        calls=cost.calls,
        units=cost.units,
        micros_usd=cost.micros_usd,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class NewResults:
    """The creators of a page that are new to the search, in the order of the page."""

    platform: Platform
    documents: Sequence[Mapping[str, Any]]
    stable_ids: Sequence[str]
    creator_ids: Sequence[int]
    post_ids: Sequence[int | None]
    matched_in: Sequence[Sequence[str]]
    other_post_ids: Sequence[Sequence[int]]
    now: datetime
    expires_at: datetime | None


class RunOfSearch(Protocol):
    """A run, and the search that its results belong to."""

    @property
    def run_id(self) -> RunId: ...
    @property
    def search_id(self) -> SearchId: ...
    @property
    def user_id(self) -> ExternalUserId: ...
    @property
    def keyword(self) -> str: ...


async def insert_results(tx: Transaction, run: RunOfSearch, new: NewResults) -> None:
    """Claim the creators for the search, and store their documents."""
    await tx.run(
        INSERT_RESULTS,
        **ids(run),
        platform=new.platform.value,
        keyword=run.keyword,
        creators=orjson.dumps(new.documents).decode(),
        stable_ids=list(new.stable_ids),
        creator_ids=list(new.creator_ids),
        post_ids=list(new.post_ids),
        matched_in=[",".join(fields) for fields in new.matched_in],
        other_post_ids=[",".join(map(str, ids)) for ids in new.other_post_ids],
        now=new.now,
        expires_at=new.expires_at,
    )


async def add_posts(
    tx: Transaction, run: RunState, platform: Platform, posts: Sequence[tuple[str, int]]
) -> None:
    """Posts by stable id of their creator, whom the search has already."""
    if posts:
        await tx.run(
            ADD_POSTS,
            search_id=run.search_id,
            user_id=run.user_id,
            platform=platform.value,
            stable_ids=[stable_id for stable_id, _ in posts],
            post_ids=[post_id for _, post_id in posts],
            most=MOST_POSTS,
        )


async def count_failure(
    tx: Transaction, run: RunState, *, error_kind: str, error: str, counts: bool = True
) -> int | None:
    """Failures in a row of this run; None when its version has moved."""
    return await tx.one(
        COUNT_FAILURE,
        run_id=run.run_id,
        user_id=run.user_id,
        version=run.version,
        counts=counts,
        error_kind=error_kind,
        error=error,
    )


async def park(tx: Transaction, run: RunState, *, seconds: float, reason: str) -> Parking | None:
    """Let the search wait. Its time-out clock stands still, once however many runs park it."""
    return await tx.one(PARK, search_id=run.search_id, user_id=run.user_id, seconds=seconds, reason=reason)


def ids(run: RunOfSearch) -> dict[str, Any]:
    return {"search_id": run.search_id, "run_id": run.run_id, "user_id": run.user_id}
