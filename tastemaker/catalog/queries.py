"""Writing what a page told into the catalog: one upsert for all of it, that never replaces known by unknown.

Rows go in by key order, so that two pages with the same creators cannot block each other for good.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, LiteralString

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.catalog.types import Provenance
from tastemaker.db.engine import driver_connection
from tastemaker.providers.base import Creator, Post

KEEP_CREATORS: LiteralString = """
    WITH given AS MATERIALIZED (
        SELECT * FROM json_to_recordset(%(creators)s) AS one (
            platform text, stable_id text, handle text, name text, bio text, followers bigint,
            following bigint, posts_count bigint, views_total bigint, verified boolean, private boolean,
            avatar_url text, profile_url text, emails text[], links text[], country text, language text,
            extra_ids jsonb)
    ), named AS MATERIALIZED (
        SELECT platform, stable_id, 'handle:' || lower(handle) AS surrogate FROM given
    ), kept AS (
        INSERT INTO creators AS known (
            platform, stable_id, handle, name, bio, followers, following, posts_count, views_total, verified,
            private, avatar_url, profile_url, emails, links, country, language, extra_ids,
            source, policy, fetched_at, expires_at, first_seen_at)
        SELECT given.*, %(source)s, %(policy)s, %(now)s, %(expires_at)s, %(now)s
        FROM given ORDER BY stable_id
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
            source = excluded.source, policy = excluded.policy, fetched_at = excluded.fetched_at,
            expires_at = CASE WHEN excluded.source = known.source AND excluded.expires_at IS NOT NULL
                              THEN excluded.expires_at ELSE least(known.expires_at, excluded.expires_at) END
        RETURNING id, stable_id
    ), handles AS (
        INSERT INTO creator_handles (creator_id, handle, first_seen_at, last_seen_at)
        SELECT kept.id, given.handle, %(now)s, %(now)s
        FROM kept JOIN given USING (stable_id) WHERE given.handle IS NOT NULL ORDER BY kept.id
        ON CONFLICT (creator_id, handle) DO UPDATE SET last_seen_at = excluded.last_seen_at
    ), snapshots AS (
        INSERT INTO follower_snapshots (creator_id, observed_on, followers, posts_count, views_total, source,
                                        expires_at)
        SELECT kept.id, (%(now)s::timestamptz AT TIME ZONE 'UTC')::date, given.followers, given.posts_count,
               given.views_total, %(source)s, %(expires_at)s
        FROM kept JOIN given USING (stable_id) WHERE given.followers IS NOT NULL ORDER BY kept.id
        ON CONFLICT (creator_id, observed_on) DO UPDATE SET
            followers = excluded.followers,
            posts_count = coalesce(excluded.posts_count, follower_snapshots.posts_count),
            views_total = coalesce(excluded.views_total, follower_snapshots.views_total),
            source = excluded.source, expires_at = least(follower_snapshots.expires_at, excluded.expires_at)
    )
    SELECT kept.stable_id, kept.id, known.id
    FROM kept JOIN named USING (stable_id)
         LEFT JOIN creators known ON known.platform = named.platform AND known.stable_id = named.surrogate
"""
"""All creators of a page, their handles and today's follower counts, in one round trip; and beside each the
row of the catalog that knew its handle but not its id. `named` is made first: behind row-level policies no
index is used for a comparison with what a function gives that is not leakproof, such as lower()."""

KEEP_POSTS: LiteralString = """
    INSERT INTO posts AS known (
        platform, post_id, creator_id, text, description, url, published_at, views, likes, comments, shares,
        saves, duration_seconds, hashtags, tags, language, sponsored, thumbnail_url, short_code,
        source, fetched_at, expires_at)
    SELECT one.*, %(source)s, %(now)s, %(expires_at)s
    FROM json_to_recordset(%(posts)s) AS one (
        platform text, post_id text, creator_id bigint, text text, description text, url text,
        published_at timestamptz, views bigint, likes bigint, comments bigint, shares bigint, saves bigint,
        duration_seconds integer, hashtags text[], tags text[], language text, sponsored boolean,
        thumbnail_url text, short_code text)
    ORDER BY one.post_id
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
        source = excluded.source, fetched_at = excluded.fetched_at,
        expires_at = CASE WHEN excluded.source = known.source AND excluded.expires_at IS NOT NULL
                          THEN excluded.expires_at ELSE least(known.expires_at, excluded.expires_at) END
    RETURNING post_id, id
"""


NEWER_CREATORS: LiteralString = """
    SELECT stable_id, id FROM creators
    WHERE platform = ANY(%(platforms)s) AND stable_id = ANY(%(ids)s) AND fetched_at >= %(since)s
"""
NEWER_POSTS: LiteralString = """
    SELECT post_id, id FROM posts
    WHERE platform = ANY(%(platforms)s) AND post_id = ANY(%(ids)s) AND fetched_at >= %(since)s
"""


@dataclass(frozen=True, slots=True)
class KeptCreators:
    """The catalog's ids by stable id, and the rows that know one of these by its handle alone."""

    ids: Mapping[str, int]
    known_by_handle: Sequence[int]


async def upsert_creators(
    session: AsyncSession, creators: Sequence[Creator], *, provenance: Provenance, now: datetime
) -> KeptCreators:
    """Keep what the page told of each creator."""
    if not creators:
        return KeptCreators({}, ())
    distinct = {creator.stable_id: creator for creator in creators}
    rows = [_creator_row(creator) for creator in distinct.values()]
    origin = _origin(provenance, now)
    kept = await _keep(session, KEEP_CREATORS, {"creators": orjson.dumps(rows).decode(), **origin})
    known_by_handle = sorted({surrogate for _, _, surrogate in kept if surrogate is not None})
    return KeptCreators({stable_id: id_ for stable_id, id_, _ in kept}, known_by_handle)


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
    if not known:
        return {}
    rows = [_post_row(post, creator_ids[post.creator_id]) for post in known.values()]
    origin = _origin(provenance, now)
    return dict(await _keep(session, KEEP_POSTS, {"posts": orjson.dumps(rows).decode(), **origin}))


async def list_newer(session: AsyncSession, creators: Sequence[Creator], since: datetime) -> dict[str, int]:
    """Those of whom the catalog was told at that moment or later: its ids by stable id."""
    platforms = {creator.platform.value for creator in creators}
    asked = {"ids": [creator.stable_id for creator in creators], "platforms": [*platforms], "since": since}
    return dict(await _keep(session, NEWER_CREATORS, asked))


async def list_newer_posts(session: AsyncSession, posts: Sequence[Post], since: datetime) -> dict[str, int]:
    platforms = {post.platform.value for post in posts}
    asked = {"ids": [post.post_id for post in posts], "platforms": [*platforms], "since": since}
    return dict(await _keep(session, NEWER_POSTS, asked))


async def _keep(session: AsyncSession, statement: LiteralString, parameters: Mapping[str, Any]) -> list[Any]:
    connection = await driver_connection(session)
    cursor = await connection.execute(statement, parameters)
    return await cursor.fetchall()


def _creator_row(creator: Creator) -> dict[str, Any]:
    """By the names of the columns, in any order."""
    return {**{name: getattr(creator, name) for name in _CREATOR}, "extra_ids": dict(creator.extra_ids)}


def _post_row(post: Post, creator_id: int) -> dict[str, Any]:
    return {**{name: getattr(post, name) for name in _POST}, "creator_id": creator_id}


def _origin(provenance: Provenance, now: datetime) -> dict[str, Any]:
    return {
        "source": provenance.source,
        "policy": provenance.policy,
        "now": now,
        "expires_at": provenance.expires_at(now),
    }


_CREATOR = tuple(field.name for field in fields(Creator))
_POST = tuple(field.name for field in fields(Post))
