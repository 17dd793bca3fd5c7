"""The documents by which the catalog is searched: made out of a creator's rows, in the same transaction.

Code that writes values or posts of creators calls `write_documents`. Code that takes values away deletes the
documents; the job `index_catalog` makes what is missing.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from tastemaker.catalog.filtering import UNKNOWN
from tastemaker.catalog.terms import ANYBODY, VERSION, Document
from tastemaker.core.folding import fold
from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction

BANDS: Final = (0, 1_000, 10_000, 100_000, 1_000_000)
"""Where the ranges of followers begin."""

BUCKETS: Final = 32
LETTERS: Final = "plcevb"
MOST_TEXT: Final = 30_000
"""Characters of a creator's posts; the newest come first."""

_YEAR: Final = 365.25 * 86_400
_FIRST_YEAR: Final = datetime(2000, 1, 1, tzinfo=UTC)
_A_YEAR_IS_WORTH: Final = 0.3
"""In powers of ten of followers: a post a year later is worth twice the followers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """`texts` and `labels` of the posts, the newest first. A label is a hashtag without #, or a tag."""

    id: int
    platform: str
    handle: str | None
    name: str | None
    bio: str | None
    followers: int | None
    verified: bool | None
    country: str | None
    language: str | None
    has_email: bool
    made_up: bool
    fetched_at: datetime
    last_post_at: datetime | None
    texts: tuple[str, ...]
    hashtags: tuple[str, ...]


READ_SOURCES = statement(
    """
    SELECT c.id, c.platform, c.handle, c.name, c.bio, c.followers, c.verified, c.country,
           coalesce(c.language, c.detected_language) AS language,
           c.emails <> '{}' AS has_email, c.source = 'sandbox' AS made_up, c.fetched_at,
           posts.last_post_at, posts.texts, posts.hashtags
    FROM creators c
    CROSS JOIN LATERAL (
        SELECT max(p.published_at) AS last_post_at,
               coalesce(array_agg(concat_ws(E'\n', left(p.text, 4000), left(p.description, 4000),
                                            array_to_string(p.tags, E'\n'))
                        ORDER BY p.published_at DESC NULLS LAST, p.id), '{}') AS texts,
               coalesce(array_agg('#' || array_to_string(p.hashtags, ' #')
                        ORDER BY p.published_at DESC NULLS LAST, p.id)
                        FILTER (WHERE p.hashtags <> '{}'), '{}') AS hashtags
        FROM (SELECT * FROM posts own WHERE own.creator_id = c.id
              ORDER BY own.published_at DESC NULLS LAST LIMIT 100) p) posts
    WHERE c.id = ANY(CAST(%(ids)s AS bigint[])) AND (c.handle IS NOT NULL OR c.name IS NOT NULL)
    ORDER BY c.id
    """,
    _Source,
    not_null="has_email made_up texts hashtags",
)

WRITE = statement("""
    INSERT INTO creator_documents AS known (
        creator_id, rank, bucket, facets, made_up, followers, last_post_at, seen_at, names, terms, version)
    SELECT one.creator_id, one.rank, one.bucket, one.facets, one.made_up, one.followers, one.last_post_at,
           one.seen_at, one.names, CAST(one.terms AS tsvector), one.version
    FROM json_to_recordset(%(documents)s) AS one (
        creator_id bigint, rank real, bucket integer, facets text, made_up boolean, followers bigint,
        last_post_at timestamptz, seen_at timestamptz, names text, terms text, version integer)
    ORDER BY one.creator_id
    ON CONFLICT (creator_id) DO UPDATE SET
        rank = excluded.rank, bucket = excluded.bucket, facets = excluded.facets, made_up = excluded.made_up,
        followers = excluded.followers, last_post_at = excluded.last_post_at, seen_at = excluded.seen_at,
        names = excluded.names, terms = excluded.terms, version = excluded.version
""")

LIST_MISSING = statement(
    """
    SELECT c.id FROM creators c LEFT JOIN creator_documents d ON d.creator_id = c.id
    WHERE (c.handle IS NOT NULL OR c.name IS NOT NULL)
      AND (d.creator_id IS NULL OR d.version <> CAST(%(version)s AS integer))
    ORDER BY c.id LIMIT %(limit)s FOR NO KEY UPDATE OF c SKIP LOCKED
    """,
    int,
)
"""Locked as a page locks them, so that both never make the document of a creator at the same time."""

CLEAN = statement("SELECT clean_creator_indexes()", int, nullable=True)


async def write_documents(tx: Transaction, creator_ids: Sequence[int]) -> None:
    """Make the documents of these creators out of their rows as they are now in this transaction."""
    if not creator_ids:
        return
    sources = await tx.many(READ_SOURCES, ids=list(creator_ids))
    if sources:
        await tx.run(WRITE, documents=orjson.dumps([_document(one) for one in sources]).decode())


async def write_missing(tx: Transaction, *, limit: int) -> int:
    """Documents of creators without one, or with one of an earlier version; how many there were."""
    ids = await tx.many(LIST_MISSING, version=VERSION, limit=limit)
    await write_documents(tx, ids)
    return len(ids)


async def clean_indexes(tx: Transaction) -> None:
    """Move the indexes' new entries to their places. A search reads through those that wait."""
    await tx.only(CLEAN)


def band_of(followers: int | None) -> str:
    """`1000-9999`, the last one `1000000-`; or `unknown`."""
    if followers is None:
        return UNKNOWN
    place = bisect_right(BANDS, followers) - 1
    return f"{BANDS[place]}-{BANDS[place + 1] - 1 if place + 1 < len(BANDS) else ''}"


def _document(source: _Source) -> dict[str, Any]:
    facets = _facets(source)
    names = " ".join(filter(None, (source.name, source.handle)))
    document = Document()
    for text in (source.name, source.handle, _together(source.handle)):
        document.add(text or "", "A")
    document.add(source.bio or "", "B")
    left = MOST_TEXT
    for text in source.texts:
        document.add(text[:left])
        left -= len(text)
        if left <= 0:
            break
    for text in source.hashtags:
        document.add(text[:1000], "C")
    for term in (ANYBODY, *(f"{letter}:{value}" for letter, value in zip(LETTERS, facets, strict=True))):
        document.tag(term)
    return {
        "creator_id": source.id,
        "rank": _rank(source),
        "bucket": (source.id * 2_654_435_761 % 2**32) * BUCKETS >> 32,
        "facets": "|".join(facets),
        "made_up": source.made_up,
        "followers": source.followers,
        "last_post_at": source.last_post_at,
        "seen_at": source.fetched_at,
        "names": fold(names)[:400],
        "terms": document.tsvector(),
        "version": VERSION,
    }


def _facets(source: _Source) -> tuple[str, ...]:
    """Platform, language, country, e-mail, verified and band; their terms begin with the `LETTERS`."""
    return (
        source.platform,
        (source.language or UNKNOWN).replace("|", " "),
        (source.country or UNKNOWN).replace("|", " "),
        "known" if source.has_email else UNKNOWN,
        UNKNOWN if source.verified is None else "yes" if source.verified else "no",
        band_of(source.followers),
    )


def _rank(source: _Source) -> float:
    years = (
        0.0 if source.last_post_at is None else (source.last_post_at - _FIRST_YEAR).total_seconds() / _YEAR
    )
    return math.log10(1 + (source.followers or 0)) + _A_YEAR_IS_WORTH * max(0.0, years)


def _together(handle: str | None) -> str | None:
    """A handle of several words is also one word, as people write it."""
    letters = "".join(character for character in handle or "" if character.isalnum())
    return letters if letters != handle else None
