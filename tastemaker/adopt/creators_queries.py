"""Pages of creators, a batch of whole searches at a time: into the catalog, the claims and our pages.

Every statement works on the session's own temporary tables, which one COPY each has filled.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final

from psycopg import Connection, sql

from tastemaker.adopt.gathering import Gathered, Key, Readings, SearchClaim, SourcePage
from tastemaker.core.platforms import Platform

SOURCE: Final = "adoption"
POLICY: Final = "scrapecreators"
"""The original's provider: its terms are the ones under which the values were fetched."""

BATCH_BYTES: Final = 4_000_000
"""Stored, that is compressed, bytes of the pages in one transaction; a search is never cut."""

_QUEUE: Final = """
CREATE TABLE adoption_queue_pages AS
WITH pages AS (
    SELECT s.id, s.job_id, coalesce(s.job_id, s.id) AS whole, s.created_at, pg_column_size(s.creators)
        AS bytes
    FROM source_scraping_results s
), wholes AS (
    SELECT whole, min(created_at) AS first_at, sum(bytes) AS bytes FROM pages GROUP BY 1
), cut AS (
    SELECT whole, floor((sum(bytes) OVER (ORDER BY first_at, whole) - bytes) / %(bytes)s) AS slice FROM wholes
), numbered AS (SELECT whole, dense_rank() OVER (ORDER BY slice) AS batch FROM cut)
SELECT b.batch, row_number() OVER (ORDER BY b.batch, p.whole, p.created_at, p.id) AS n, p.id
FROM pages p JOIN numbered b USING (whole);
CREATE INDEX ON adoption_queue_pages (batch, n);
ANALYZE adoption_queue_pages;
CREATE TABLE adoption_identities (
    platform text, handle text, stable_id text, PRIMARY KEY (platform, handle, stable_id)
);
"""

_PAGES: Final = """
SELECT s.id, j.id, j.user_id, r.id, j.platform, s.creators::text,
       CASE WHEN s.created_at BETWEEN '1970-01-01' AND '2100-01-01' THEN s.created_at ELSE %(moment)s END
           AT TIME ZONE 'UTC'
FROM adoption_queue_pages q JOIN source_scraping_results s ON s.id = q.id
LEFT JOIN public.scraping_jobs j ON j.id = s.job_id
LEFT JOIN public.scraping_runs r ON r.job_id = j.id AND r.position = 0
WHERE q.batch = %(batch)s ORDER BY q.n
"""

_TEMPORARY: Final = """
CREATE TEMPORARY TABLE incoming_creators (
    platform text, stable_id text, handle text, name text, bio text, followers bigint, following bigint,
    posts_count bigint, verified boolean, private boolean, avatar_url text, emails text[], links text[],
    first_seen_at timestamptz, fetched_at timestamptz) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE incoming_identities (platform text, handle text, stable_id text) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE incoming_handles (
    platform text, stable_id text, handle text, first_seen_at timestamptz, last_seen_at timestamptz)
    ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE incoming_followers (
    platform text, stable_id text, observed_on date, followers bigint) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE incoming_posts (
    platform text, post_id text, stable_id text, text text, url text, published_at timestamptz, views bigint,
    likes bigint, comments bigint, shares bigint, duration_seconds integer, hashtags text[], short_code text,
    fetched_at timestamptz) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE incoming_claims (
    job_id uuid, tenant_id text, run_id uuid, platform text, stable_id text, page_id uuid, post_id text,
    place integer, seen_at timestamptz, latest_page_id uuid, latest_ordinal integer, document jsonb)
    ON COMMIT DELETE ROWS;
"""

_KNOWN: Final = """{0} = CASE WHEN excluded.fetched_at >= known.fetched_at
    THEN coalesce(excluded.{0}, known.{0}) ELSE coalesce(known.{0}, excluded.{0}) END"""
_KNOWN_LIST: Final = """{0} = CASE WHEN excluded.fetched_at >= known.fetched_at
    THEN coalesce(nullif(excluded.{0}, '{{}}'), known.{0}) ELSE coalesce(nullif(known.{0}, '{{}}'),
        excluded.{0}) END"""

_CREATORS: Final = (
    """
INSERT INTO public.creators AS known (
    platform, stable_id, handle, name, bio, followers, following, posts_count, verified, private, avatar_url,
    emails, links, source, policy, first_seen_at, fetched_at)
SELECT platform, stable_id, handle, name, bio, followers, following, posts_count, verified, private,
    avatar_url,
       emails, links, %(source)s, %(policy)s, first_seen_at, fetched_at
FROM incoming_creators ORDER BY platform, stable_id
ON CONFLICT (platform, stable_id) DO UPDATE SET
    first_seen_at = least(known.first_seen_at, excluded.first_seen_at),
    fetched_at = greatest(known.fetched_at, excluded.fetched_at), """
    + ", ".join(
        _KNOWN.format(name)
        for name in (
            "handle", "name", "bio", "followers", "following", "posts_count", "verified", "private",
            "avatar_url",
        )
    )
    + ", "
    + ", ".join(_KNOWN_LIST.format(name) for name in ("emails", "links"))
)  # fmt: skip

_HANDLES: Final = """
INSERT INTO public.creator_handles AS known (creator_id, handle, first_seen_at, last_seen_at)
SELECT c.id, h.handle, h.first_seen_at, h.last_seen_at
FROM incoming_handles h JOIN public.creators c USING (platform, stable_id) ORDER BY c.id, h.handle
ON CONFLICT (creator_id, handle) DO UPDATE SET
    first_seen_at = least(known.first_seen_at, excluded.first_seen_at),
    last_seen_at = greatest(known.last_seen_at, excluded.last_seen_at)
"""

_FOLLOWERS: Final = """
INSERT INTO public.follower_snapshots (creator_id, observed_on, followers, source)
SELECT c.id, f.observed_on, f.followers, %(source)s
FROM incoming_followers f JOIN public.creators c USING (platform, stable_id)
ON CONFLICT DO NOTHING
"""

_POSTS: Final = (
    """
INSERT INTO public.posts AS known (
    platform, post_id, creator_id, text, url, published_at, views, likes, comments, shares, duration_seconds,
    hashtags, short_code, source, fetched_at)
SELECT p.platform, p.post_id, c.id, p.text, p.url, p.published_at, p.views, p.likes, p.comments, p.shares,
       p.duration_seconds, p.hashtags, p.short_code, %(source)s, p.fetched_at
FROM incoming_posts p JOIN public.creators c USING (platform, stable_id) ORDER BY p.platform, p.post_id
ON CONFLICT (platform, post_id) DO UPDATE SET fetched_at = greatest(known.fetched_at, excluded.fetched_at),
    """
    + ", ".join(
        _KNOWN.format(name)
        for name in (
            "text", "url", "published_at", "views", "likes", "comments", "shares", "duration_seconds",
            "short_code",
        )
    )
    + ", "
    + _KNOWN_LIST.format("hashtags")
)  # fmt: skip

_OUR_PAGES: Final = """
WITH taken AS MATERIALIZED (
    SELECT s.id, s.job_id, s.creators, s.created_at FROM adoption_queue_pages q
    JOIN source_scraping_results s ON s.id = q.id WHERE q.batch = %(batch)s
), elements AS (
    SELECT t.id, e.ordinality, e.value FROM taken t
    CROSS JOIN LATERAL jsonb_array_elements(
        CASE jsonb_typeof(t.creators) WHEN 'array' THEN t.creators ELSE '[]' END) WITH ORDINALITY e
), documents AS (
    SELECT c.page_id, jsonb_agg(coalesce(c.document, e.value) ORDER BY c.place) AS creators
    FROM incoming_claims c LEFT JOIN elements e ON e.id = c.latest_page_id AND e.ordinality = c.latest_ordinal
    GROUP BY 1
), written AS (
    INSERT INTO public.scraping_results (id, job_id, creators, created_at)
    SELECT t.id, t.job_id, coalesce(d.creators, '[]'), coalesce(t.created_at, %(moment)s)
    FROM taken t LEFT JOIN documents d ON d.page_id = t.id LEFT JOIN public.scraping_jobs j ON j.id = t.job_id
    WHERE t.job_id IS NULL OR j.id IS NOT NULL
    ON CONFLICT DO NOTHING RETURNING id
), rejected AS (
    INSERT INTO adoption_rejected (table_name, row_id, reason)
    SELECT 'scraping_results', t.id::text, 'its search is gone' FROM taken t
    WHERE t.job_id IS NOT NULL AND NOT EXISTS (SELECT FROM public.scraping_jobs j WHERE j.id = t.job_id)
    RETURNING 1
)
SELECT (SELECT count(*) FROM taken), (SELECT count(*) FROM written), (SELECT count(*) FROM rejected)
"""

_CLAIMS: Final = """
INSERT INTO public.search_creators (job_id, platform, stable_id, tenant_id, run_id, result_id, creator_id,
    post_id,
                                    position, created_at)
SELECT i.job_id, i.platform, i.stable_id, i.tenant_id, i.run_id, i.page_id, c.id, p.id, i.place, i.seen_at
FROM incoming_claims i JOIN public.creators c USING (platform, stable_id)
LEFT JOIN public.posts p ON p.platform = i.platform AND p.post_id = i.post_id
WHERE i.job_id IS NOT NULL
"""

_SEARCHES: Final = """
WITH counted AS (SELECT job_id, count(*) AS found FROM incoming_claims WHERE job_id IS NOT NULL GROUP BY 1),
paged AS (
    SELECT s.job_id, count(*) AS pages FROM adoption_queue_pages q
    JOIN source_scraping_results s ON s.id = q.id WHERE q.batch = %(batch)s GROUP BY 1
), runs AS (
    UPDATE public.scraping_runs r SET stored = c.found, found = c.found, pages = p.pages,
        updated_at = r.updated_at + interval '1 microsecond'
    FROM counted c JOIN paged p USING (job_id) WHERE r.job_id = c.job_id AND r.position = 0
)
UPDATE public.scraping_jobs j
SET processed_results = c.found, outcome = CASE j.outcome WHEN 'nothing_found' THEN 'full'
        WHEN 'provider_failed' THEN 'partial' ELSE j.outcome END,
            updated_at = j.updated_at + interval '1 microsecond'
FROM counted c WHERE c.job_id = j.id
"""
"""A time that is set by hand stays, one that is not is touched by its trigger: hence the microsecond."""


def queue_pages(connection: Connection[Any]) -> None:
    connection.execute(_QUEUE.replace("%(bytes)s", str(BATCH_BYTES)))


def count_batches(connection: Connection[Any]) -> int:
    row = connection.execute("SELECT coalesce(max(batch), 0) FROM adoption_queue_pages").fetchone()
    return int(row[0]) if row else 0


def make_temporary_tables(connection: Connection[Any]) -> None:
    connection.execute(_TEMPORARY)


def read_batch(connection: Connection[Any], batch: int, *, moment: datetime) -> list[SourcePage]:
    rows = connection.execute(_PAGES, {"batch": batch, "moment": moment})
    return [
        SourcePage(
            id=page_id,
            job_id=job_id,
            owner=owner,
            run_id=run_id,
            platform=Platform(platform) if platform else None,
            seen_at=seen_at,
            text=text,
        )
        for page_id, job_id, owner, run_id, platform, text, seen_at in rows
    ]


def keep_identities(connection: Connection[Any], identities: Iterable[tuple[Platform, str, str]]) -> None:
    rows = sorted((platform.value, handle, stable_id) for platform, handle, stable_id in identities)
    _fill(connection, "incoming_identities", iter(rows))
    connection.execute(
        "INSERT INTO adoption_identities SELECT * FROM incoming_identities ON CONFLICT DO NOTHING"
    )


def find_identities(connection: Connection[Any], handles: Iterable[Key]) -> dict[Key, str]:
    """The id of each handle that belongs to exactly one account."""
    wanted = sorted((platform.value, handle) for platform, handle in handles)
    rows = connection.execute(
        """
        SELECT i.platform, i.handle, min(i.stable_id)
        FROM unnest(%(platforms)s::text[], %(handles)s::text[]) w (platform, handle)
        JOIN adoption_identities i USING (platform, handle) GROUP BY 1, 2 HAVING count(*) = 1
        """,
        {"platforms": [platform for platform, _ in wanted], "handles": [handle for _, handle in wanted]},
    )
    return {(Platform(platform), handle): stable_id for platform, handle, stable_id in rows}


def write_batch(
    connection: Connection[Any], batch: int, gathered: Gathered, *, moment: datetime
) -> tuple[int, int, int]:
    """Pages read, written and rejected."""
    _fill(connection, "incoming_creators", _creator_rows(gathered))
    _fill(connection, "incoming_handles", _handle_rows(gathered))
    _fill(connection, "incoming_followers", _follower_rows(gathered))
    _fill(connection, "incoming_posts", _post_rows(gathered))
    _fill(connection, "incoming_claims", (_claim_row(claim) for claim in gathered.claims))
    told = {"source": SOURCE, "policy": POLICY, "batch": batch, "moment": moment}
    for statement in (_CREATORS, _HANDLES, _FOLLOWERS, _POSTS):
        connection.execute(statement, told)
    row = connection.execute(_OUR_PAGES, told).fetchone()
    connection.execute(_CLAIMS)
    connection.execute(_SEARCHES, told)
    return tuple(row) if row else (0, 0, 0)


def reject_elements(connection: Connection[Any], readings: Readings) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO adoption_rejected (table_name, row_id, reason) VALUES ('scraping_results', %s, %s)",
            sorted((str(page_id), f"a creator: {reason}") for page_id, reason in readings.rejected_in),
        )


def _fill(connection: Connection[Any], table: str, rows: Iterator[tuple[Any, ...]]) -> None:
    statement = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _creator_rows(gathered: Gathered) -> Iterator[tuple[Any, ...]]:
    for (platform, stable_id), account in gathered.accounts.items():
        creator = account.creator
        yield (
            platform.value, stable_id, creator.handle, creator.name, creator.bio, creator.followers,
            creator.following, creator.posts_count, creator.verified, creator.private, creator.avatar_url,
            list(creator.emails), list(creator.links), account.first_seen_at, account.last_seen_at,
        )  # fmt: skip


def _handle_rows(gathered: Gathered) -> Iterator[tuple[Any, ...]]:
    for (platform, stable_id), account in gathered.accounts.items():
        for handle, (first, last) in account.handles.items():
            yield platform.value, stable_id, handle, first, last


def _follower_rows(gathered: Gathered) -> Iterator[tuple[Any, ...]]:
    for (platform, stable_id), account in gathered.accounts.items():
        for day, followers in account.followers.items():
            yield platform.value, stable_id, day, followers


def _post_rows(gathered: Gathered) -> Iterator[tuple[Any, ...]]:
    for (platform, post_id), (post, seen_at) in gathered.posts.items():
        yield (
            platform.value, post_id, post.creator_id, post.text, post.url, post.published_at, post.views,
            post.likes, post.comments, post.shares, post.duration_seconds, list(post.hashtags),
            post.short_code, seen_at,
        )  # fmt: skip


def _claim_row(claim: SearchClaim) -> tuple[Any, ...]:
    page, latest = claim.page, claim.latest
    platform, stable_id = claim.key
    is_wrapped = latest.item.ordinal is None
    return (
        page.job_id, page.owner, page.run_id, platform.value, stable_id, page.id,
        claim.post.post_id if claim.post else None, claim.position, page.seen_at, latest.page.id,
        latest.item.ordinal, latest.item.document if is_wrapped else None,
    )  # fmt: skip
