"""Writing what a page told into the catalog: pipelined upserts that never replace known by unknown.

Rows go in by key order, so that two pages with the same creators cannot block each other for good.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, LiteralString

from psycopg.types.json import Jsonb
from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.catalog.types import Provenance
from tastemaker.db.engine import driver_connection
from tastemaker.providers.base import Creator, Post

UPSERT_CREATOR: LiteralString = """
    INSERT INTO creators AS known (
        platform, stable_id, handle, name, bio, followers, following, posts_count, views_total, verified,
        private, avatar_url, profile_url, emails, links, country, language, extra_ids,
        source, policy, fetched_at, expires_at, first_seen_at)
    VALUES (
        %(platform)s, %(stable_id)s, %(handle)s, %(name)s, %(bio)s, %(followers)s, %(following)s,
        %(posts_count)s, %(views_total)s, %(verified)s, %(private)s, %(avatar_url)s, %(profile_url)s,
        %(emails)s, %(links)s, %(country)s, %(language)s, %(extra_ids)s,
        %(source)s, %(policy)s, %(fetched_at)s, %(expires_at)s, %(fetched_at)s)
    ON CONFLICT (platform, stable_id) DO UPDATE SET
        handle = coalesce(excluded.handle, known.handle),
        name = coalesce(excluded.name, known.name),
        bio = coalesce(excluded.bio, known.bio),
        followers = coalesce(excluded.followers, known.followers),
        following = coalesce(excluded.following, known.following),
        posts_count = coalesce(excluded.posts_count, known.posts_count),
        views_total = coalesce(excluded.views_total, known.views_total),
        verified = coalesce(excluded.verified, known.verified),
        private = coalesce(excluded.private, known.private),
        avatar_url = coalesce(excluded.avatar_url, known.avatar_url),
        profile_url = coalesce(excluded.profile_url, known.profile_url),
        emails = CASE WHEN excluded.emails = '{}' THEN known.emails ELSE excluded.emails END,
        links = CASE WHEN excluded.links = '{}' THEN known.links ELSE excluded.links END,
        country = coalesce(excluded.country, known.country),
        language = coalesce(excluded.language, known.language),
        extra_ids = known.extra_ids || excluded.extra_ids,
        source = excluded.source, policy = excluded.policy,
        fetched_at = excluded.fetched_at, expires_at = excluded.expires_at
    RETURNING id
"""

UPSERT_POST: LiteralString = """
    INSERT INTO posts AS known (
        platform, post_id, creator_id, text, description, url, published_at, views, likes, comments, shares,
        saves, duration_seconds, hashtags, tags, language, sponsored, thumbnail_url, short_code,
        source, fetched_at, expires_at)
    VALUES (
        %(platform)s, %(post_id)s, %(catalog_id)s, %(text)s, %(description)s, %(url)s, %(published_at)s,
        %(views)s, %(likes)s, %(comments)s, %(shares)s, %(saves)s, %(duration_seconds)s, %(hashtags)s,
        %(tags)s, %(language)s, %(sponsored)s, %(thumbnail_url)s, %(short_code)s,
        %(source)s, %(fetched_at)s, %(expires_at)s)
    ON CONFLICT (platform, post_id) DO UPDATE SET
        text = coalesce(excluded.text, known.text),
        description = coalesce(excluded.description, known.description),
        url = coalesce(excluded.url, known.url),
        published_at = coalesce(excluded.published_at, known.published_at),
        views = coalesce(excluded.views, known.views),
        likes = coalesce(excluded.likes, known.likes),
        comments = coalesce(excluded.comments, known.comments),
        shares = coalesce(excluded.shares, known.shares),
        saves = coalesce(excluded.saves, known.saves),
        duration_seconds = coalesce(excluded.duration_seconds, known.duration_seconds),
        hashtags = CASE WHEN excluded.hashtags = '{}' THEN known.hashtags ELSE excluded.hashtags END,
        tags = CASE WHEN excluded.tags = '{}' THEN known.tags ELSE excluded.tags END,
        language = coalesce(excluded.language, known.language),
        sponsored = coalesce(excluded.sponsored, known.sponsored),
        thumbnail_url = coalesce(excluded.thumbnail_url, known.thumbnail_url),
        short_code = coalesce(excluded.short_code, known.short_code),
        source = excluded.source, fetched_at = excluded.fetched_at, expires_at = excluded.expires_at
    RETURNING id
"""

SEE_HANDLES: LiteralString = """
    INSERT INTO creator_handles (creator_id, handle, first_seen_at, last_seen_at)
    SELECT creator_id, handle, %(now)s, %(now)s
    FROM unnest(%(creator_ids)s::bigint[], %(handles)s::text[]) AS seen (creator_id, handle)
    ORDER BY creator_id
    ON CONFLICT (creator_id, handle) DO UPDATE SET last_seen_at = excluded.last_seen_at
"""

TAKE_SNAPSHOTS: LiteralString = """
    INSERT INTO follower_snapshots (creator_id, observed_on, followers, posts_count, views_total, source)
    SELECT creator_id, (%(now)s::timestamptz AT TIME ZONE 'UTC')::date, followers, posts_count, views_total,
           %(source)s
    FROM unnest(%(creator_ids)s::bigint[], %(followers)s::bigint[], %(posts_counts)s::bigint[],
                %(views_totals)s::bigint[]) AS seen (creator_id, followers, posts_count, views_total)
    ORDER BY creator_id
    ON CONFLICT (creator_id, observed_on) DO UPDATE SET
        followers = excluded.followers,
        posts_count = coalesce(excluded.posts_count, follower_snapshots.posts_count),
        views_total = coalesce(excluded.views_total, follower_snapshots.views_total),
        source = excluded.source
"""


async def upsert_creators(
    session: AsyncSession, creators: Sequence[Creator], *, provenance: Provenance, now: datetime
) -> dict[str, int]:
    """Keep what the page told of each creator; the catalog's id by stable id."""
    ordered = sorted(creators, key=lambda creator: creator.stable_id)
    ids = await _upsert(
        session, UPSERT_CREATOR, [_creator_row(creator, provenance, now) for creator in ordered]
    )
    by_stable_id = dict(zip((creator.stable_id for creator in ordered), ids, strict=True))
    await _see_handles(session, ordered, by_stable_id, now)
    await _take_snapshots(session, ordered, by_stable_id, provenance, now)
    return by_stable_id


async def upsert_posts(
    session: AsyncSession,
    posts: Sequence[Post],
    creator_ids: Mapping[str, int],
    *,
    provenance: Provenance,
    now: datetime,
) -> dict[str, int]:
    """Keep the posts of creators that are in `creator_ids`; the catalog's id by post id."""
    known = {post.post_id: post for post in posts if post.creator_id in creator_ids}
    ordered = sorted(known.values(), key=lambda post: post.post_id)
    rows = [_post_row(post, creator_ids[post.creator_id], provenance, now) for post in ordered]
    ids = await _upsert(session, UPSERT_POST, rows)
    return dict(zip((post.post_id for post in ordered), ids, strict=True))


async def _upsert(
    session: AsyncSession, statement: LiteralString, rows: Sequence[Mapping[str, Any]]
) -> list[int]:
    """One pipelined batch; the ids in the order of `rows`."""
    if not rows:
        return []
    connection = await driver_connection(session)
    ids: list[int] = []
    async with connection.cursor() as cursor:
        await cursor.executemany(statement, rows, returning=True)
        async for result in cursor.results():
            ids.extend(row[0] for row in await result.fetchall())
    return ids


async def _see_handles(
    session: AsyncSession, creators: Sequence[Creator], ids: Mapping[str, int], now: datetime
) -> None:
    seen = [(ids[creator.stable_id], creator.handle) for creator in creators if creator.handle]
    if seen:
        creator_ids, handles = zip(*seen, strict=True)
        connection = await driver_connection(session)
        await connection.execute(
            SEE_HANDLES, {"now": now, "creator_ids": list(creator_ids), "handles": list(handles)}
        )


async def _take_snapshots(
    session: AsyncSession,
    creators: Sequence[Creator],
    ids: Mapping[str, int],
    provenance: Provenance,
    now: datetime,
) -> None:
    told = [creator for creator in creators if creator.followers is not None]
    if told:
        connection = await driver_connection(session)
        await connection.execute(
            TAKE_SNAPSHOTS,
            {
                "now": now,
                "source": provenance.source,
                "creator_ids": [ids[creator.stable_id] for creator in told],
                "followers": [creator.followers for creator in told],
                "posts_counts": [creator.posts_count for creator in told],
                "views_totals": [creator.views_total for creator in told],
            },
        )


def _creator_row(creator: Creator, provenance: Provenance, now: datetime) -> dict[str, Any]:
    return {
        **asdict(creator),
        **_provenance_row(provenance, now),
        "platform": creator.platform.value,
        "emails": list(creator.emails),
        "links": list(creator.links),
        "extra_ids": Jsonb(dict(creator.extra_ids)),
        "policy": provenance.policy,
    }


def _post_row(post: Post, creator_id: int, provenance: Provenance, now: datetime) -> dict[str, Any]:
    return {
        **asdict(post),
        **_provenance_row(provenance, now),
        "platform": post.platform.value,
        "catalog_id": creator_id,
        "hashtags": list(post.hashtags),
        "tags": list(post.tags),
    }


def _provenance_row(provenance: Provenance, now: datetime) -> dict[str, Any]:
    return {"source": provenance.source, "fetched_at": now, "expires_at": provenance.expires_at(now)}
