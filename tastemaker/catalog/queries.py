"""Upserts of a page's creators and posts into the catalog, which never replace a known value by an unknown.

Rows are written in the order of their keys, so that two pages with the same creators cannot deadlock.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

import orjson

from tastemaker.catalog.document_queries import write_documents
from tastemaker.catalog.languages import detect
from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction
from tastemaker.providers.base import Creator, Declaration, Post


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a value came from. `keep_days` None: its source sets no retention.

    `derives`: whether its policy lets us derive values, such as a language, from what it tells.
    """

    source: str
    policy: str
    keep_days: int | None
    derives: bool = True

    @classmethod
    def of(cls, declaration: Declaration, *, made_up: bool) -> "Provenance":
        """Creators of the sandbox are made up: no policy limits them."""
        if made_up:
            return cls(source="sandbox", policy="sandbox", keep_days=None)
        policy = declaration.policy
        return cls(
            source=declaration.name,
            policy=policy.name,
            keep_days=policy.keep_days,
            derives=policy.derived_metrics,
        )

    def expires_at(self, fetched_at: datetime) -> datetime | None:
        return None if self.keep_days is None else fetched_at + timedelta(days=self.keep_days)


@dataclass(frozen=True, slots=True)
class CreatorId:
    stable_id: str
    id: int


@dataclass(frozen=True, slots=True)
class PostId:
    post_id: str
    id: int


@dataclass(frozen=True, slots=True)
class UpsertedCreator(CreatorId):
    """`known_by_handle`: the row that knows the creator by its handle alone."""

    known_by_handle: int | None


UPSERT_CREATORS = statement(
    """
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
            source = excluded.source, policy = excluded.policy,
            fetched_at = greatest(excluded.fetched_at, known.fetched_at),
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
        SELECT kept.id, CAST(CAST(%(now)s AS timestamptz) AT TIME ZONE 'UTC' AS date), given.followers,
               given.posts_count, given.views_total, %(source)s, %(expires_at)s
        FROM kept JOIN given USING (stable_id) WHERE given.followers IS NOT NULL ORDER BY kept.id
        ON CONFLICT (creator_id, observed_on) DO UPDATE SET
            followers = excluded.followers,
            posts_count = coalesce(excluded.posts_count, follower_snapshots.posts_count),
            views_total = coalesce(excluded.views_total, follower_snapshots.views_total),
            source = excluded.source, expires_at = least(follower_snapshots.expires_at, excluded.expires_at)
    )
    SELECT kept.stable_id, kept.id, known.id AS known_by_handle
    FROM kept JOIN named USING (stable_id)
         LEFT JOIN creators known ON known.platform = named.platform AND known.stable_id = named.surrogate
    """,
    UpsertedCreator,
    not_null="stable_id id",
)
"""All creators of a page, their handles and today's follower counts; beside each the row of the catalog that
knows its handle but not its id. `named` is made first: behind row-level policies no index is used for a
comparison with the result of a function that is not leakproof, such as lower()."""

UPSERT_POSTS = statement(
    """
    INSERT INTO posts AS known (
        platform, post_id, creator_id, text, description, url, published_at, views, likes, comments, shares,
        saves, duration_seconds, hashtags, tags, language, sponsored, thumbnail_url, short_code,
        source, fetched_at, expires_at)
    SELECT one.platform, one.post_id, creators.id, one.text, one.description, one.url, one.published_at,
           one.views, one.likes, one.comments, one.shares, one.saves, one.duration_seconds, one.hashtags,
           one.tags, one.language, one.sponsored, one.thumbnail_url, one.short_code,
           %(source)s, %(now)s, %(expires_at)s
    FROM json_to_recordset(%(posts)s) AS one (
        platform text, post_id text, creator_id text, text text, description text, url text,
        published_at timestamptz, views bigint, likes bigint, comments bigint, shares bigint, saves bigint,
        duration_seconds integer, hashtags text[], tags text[], language text, sponsored boolean,
        thumbnail_url text, short_code text)
    JOIN creators ON creators.platform = one.platform AND creators.stable_id = one.creator_id
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
    """,
    PostId,
)

LATEST_TEXTS = 12
"""Of a creator's posts, beside the bio: enough to tell the language."""


@dataclass(frozen=True, slots=True)
class CreatorTexts:
    creator_id: int
    texts: tuple[str, ...]


LIST_TEXTS = statement(
    """
    SELECT c.id AS creator_id, array_remove(c.bio || ARRAY(
        SELECT p.text FROM posts p WHERE p.creator_id = c.id
        ORDER BY p.published_at DESC NULLS LAST, p.id DESC LIMIT %(most)s), NULL) AS texts
    FROM creators c WHERE c.id = ANY(CAST(%(ids)s AS bigint[]))
    """,
    CreatorTexts,
    not_null="texts",
)

SET_LANGUAGES = statement("""
    UPDATE creators c
    SET detected_language = given.language, language_share = given.share, language_texts = given.n
    FROM (SELECT * FROM unnest(CAST(%(ids)s AS bigint[]), CAST(%(languages)s AS text[]),
                               CAST(%(shares)s AS real[]), CAST(%(ns)s AS integer[]))
                        AS one (id, language, share, n)) given
    WHERE c.id = given.id AND (c.detected_language, c.language_share, c.language_texts)
                              IS DISTINCT FROM (given.language, given.share, given.n)
""")
"""The rows are locked by the upsert before it."""


NEWER_CREATORS = statement(
    """
    SELECT stable_id, id FROM creators
    WHERE platform = ANY(%(platforms)s) AND stable_id = ANY(%(ids)s) AND fetched_at >= %(since)s
    """,
    CreatorId,
)
NEWER_POSTS = statement(
    """
    SELECT post_id, id FROM posts
    WHERE platform = ANY(%(platforms)s) AND post_id = ANY(%(ids)s) AND fetched_at >= %(since)s
    """,
    PostId,
)


@dataclass(frozen=True, slots=True)
class AvatarRow:
    platform: str
    url: str | None
    name: str | None
    handle: str | None


@dataclass(frozen=True, slots=True)
class ThumbnailRow:
    platform: str
    url: str | None


FIND_AVATAR = statement(
    """
    SELECT platform, avatar_url AS url, name, handle FROM creators
    WHERE id = %(id)s
    """,
    AvatarRow,
    not_null="platform",
)
FIND_THUMBNAIL = statement(
    """
    SELECT platform, thumbnail_url AS url FROM posts
    WHERE id = %(id)s
    """,
    ThumbnailRow,
    not_null="platform",
)
"""Of any creator: the catalog belongs to the installation, and every user may search it."""


@dataclass(frozen=True, slots=True)
class CatalogIds:
    """The catalog's ids: of creators by stable id, of posts by post id."""

    creators: Mapping[str, int]
    posts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class UpsertedIds(CatalogIds):
    """`known_by_handle`: the rows that know one of these creators by its handle alone."""

    known_by_handle: Sequence[int]


NO_IDS = CatalogIds({}, {})


async def upsert(
    tx: Transaction,
    creators: Sequence[Creator],
    posts: Sequence[Post],
    *,
    provenance: Provenance,
    now: datetime,
) -> UpsertedIds:
    """Write a page's creators, the posts of creators that the catalog then has, and their documents."""
    origin = {"source": provenance.source, "now": now, "expires_at": provenance.expires_at(now)}
    kept: list[UpsertedCreator] = []
    kept_posts: list[PostId] = []
    if creators:
        rows = [_row(one, _CREATOR) | {"extra_ids": dict(one.extra_ids)} for one in _distinct(creators)]
        kept = await tx.many(UPSERT_CREATORS, creators=_json(rows), policy=provenance.policy, **origin)
    if posts:
        by_id = {post.post_id: _row(post, _POST) for post in posts}
        kept_posts = await tx.many(UPSERT_POSTS, posts=_json([*by_id.values()]), **origin)
    if provenance.derives and kept:
        await _detect_languages(tx, [row.id for row in kept])
    await write_documents(tx, [row.id for row in kept])
    return UpsertedIds(
        {row.stable_id: row.id for row in kept},
        {row.post_id: row.id for row in kept_posts},
        sorted({row.known_by_handle for row in kept if row.known_by_handle is not None}),
    )


async def list_newer(
    tx: Transaction, creators: Sequence[Creator], posts: Sequence[Post], since: datetime
) -> CatalogIds:
    """Creators and posts that were fetched at that moment or later."""
    platforms = [*{one.platform.value for one in creators}]
    stable_ids, post_ids = [one.stable_id for one in creators], [one.post_id for one in posts]
    newer = await tx.many(NEWER_CREATORS, ids=stable_ids, platforms=platforms, since=since)
    newer_posts = await tx.many(NEWER_POSTS, ids=post_ids, platforms=platforms, since=since)
    return CatalogIds({row.stable_id: row.id for row in newer}, {row.post_id: row.id for row in newer_posts})


async def _detect_languages(tx: Transaction, ids: Sequence[int]) -> None:
    """From all that the catalog has of these creators, not from the page alone."""
    rows = await tx.many(LIST_TEXTS, ids=list(ids), most=LATEST_TEXTS)
    found = [(row.creator_id, detect(row.texts)) for row in sorted(rows, key=lambda row: row.creator_id)]
    told = [(creator_id, one) for creator_id, one in found if one is not None]
    if told:
        await tx.run(
            SET_LANGUAGES,
            ids=[creator_id for creator_id, _ in told],
            languages=[one.language for _, one in told],
            shares=[one.share for _, one in told],
            ns=[one.n for _, one in told],
        )


def _distinct(creators: Sequence[Creator]) -> Iterable[Creator]:
    return {creator.stable_id: creator for creator in creators}.values()


def _row(given: Creator | Post, columns: Sequence[str]) -> dict[str, Any]:
    """A row by the names of its columns."""
    return {name: getattr(given, name) for name in columns}


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    return orjson.dumps(rows).decode()


_CREATOR = tuple(field.name for field in fields(Creator))
_POST = tuple(field.name for field in fields(Post))
