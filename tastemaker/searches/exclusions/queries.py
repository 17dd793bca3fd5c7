"""Exclusions and suppressions as rows, and the deletion of a suppressed creator from all results."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from tastemaker.core.ids import CampaignId, ExternalUserId, SearchId
from tastemaker.core.platforms import Platform
from tastemaker.db.keyset import KeysetPage, Place, checked_limit, page_of, read_cursor
from tastemaker.db.statements import any_of, composed, statement
from tastemaker.db.transaction import Transaction
from tastemaker.searches.exclusions.names import CreatorName
from tastemaker.searches.types import ChangedSearch

_LIST = "exclusions"

_SUPPRESSIONS = "suppressions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """`campaign_id` None: in every campaign of the user."""

    id: UUID
    campaign_id: UUID | None
    platform: str
    kind: str
    value: str
    note: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """The digest does not reveal who is meant."""

    digest: str
    platform: str
    kind: str
    reason: str | None
    created_at: datetime


ADD = statement("""
    INSERT INTO exclusions (tenant_id, campaign_id, platform, kind, value, note, batch_id, created_at)
    SELECT %(user_id)s, CAST(%(campaign_id)s AS uuid), given.platform, given.kind, given.value, %(note)s,
           CAST(%(batch_id)s AS uuid), app_now()
    FROM unnest(CAST(%(platforms)s AS text[]), CAST(%(kinds)s AS text[]), CAST(%(values)s AS text[]))
         AS given (platform, kind, value)
    ON CONFLICT DO NOTHING
""")

ADD_FOUND = statement("""
    INSERT INTO exclusions (tenant_id, campaign_id, platform, kind, value, note, created_at)
    SELECT %(user_id)s, CAST(%(campaign_id)s AS uuid), c.platform, 'stable_id', c.stable_id,
           CAST(%(note)s AS text), app_now()
    FROM campaign_creators held JOIN creators c ON c.id = held.creator_id
    WHERE held.tenant_id = %(user_id)s AND held.campaign_id = %(found_by)s
    ON CONFLICT DO NOTHING
""")

COUNT_FOUND = statement(
    """
    SELECT count(*) FROM campaign_creators
    WHERE tenant_id = %(user_id)s AND campaign_id = %(found_by)s
    """,
    int,
    not_null="count",
)

REMOVE = statement("""
    DELETE FROM exclusions
    WHERE tenant_id = %(user_id)s AND campaign_id IS NOT DISTINCT FROM CAST(%(campaign_id)s AS uuid)
      AND platform = %(platform)s AND kind = %(kind)s AND value = %(value)s
""")

REMOVE_BY_ID = statement(
    """
    DELETE FROM exclusions WHERE tenant_id = %(user_id)s AND id = %(id)s
    RETURNING id, campaign_id, platform, kind, value, note, created_at
    """,
    Exclusion,
)

REMOVE_BATCH = statement(
    "DELETE FROM exclusions WHERE tenant_id = %(user_id)s AND batch_id = %(batch_id)s RETURNING campaign_id",
    CampaignId,
    nullable=True,
)

LIST = composed(
    """
    SELECT id, campaign_id, platform, kind, value, left(note, 5000) AS note, created_at FROM exclusions
    WHERE tenant_id = %(user_id)s {filters}
    ORDER BY created_at DESC, id DESC
    LIMIT %(limit)s
    """,
    Exclusion,
    filters=any_of(
        campaign="AND campaign_id = %(campaign_id)s",
        after="AND (created_at, id) < (%(at)s, CAST(%(key)s AS uuid))",
    ),
)


@dataclass(frozen=True, slots=True)
class ExcludedName:
    kind: str
    value: str


LIST_EXCLUDED = statement(
    """
    SELECT e.kind, e.value
    FROM exclusions e JOIN scraping_jobs j ON j.user_id = e.tenant_id AND j.id = %(search_id)s
    WHERE e.tenant_id = %(user_id)s AND e.platform = %(platform)s
      AND (e.campaign_id IS NULL OR e.campaign_id = j.campaign_id)
      AND ((e.kind = 'stable_id' AND e.value = ANY(CAST(%(stable_ids)s AS text[])))
           OR (e.kind = 'handle' AND e.value = ANY(CAST(%(handles)s AS text[]))))
    """,
    ExcludedName,
)

LIST_SUPPRESSED = statement(
    "SELECT digest FROM suppressions WHERE digest = ANY(CAST(%(digests)s AS text[]))", str
)

ADD_SUPPRESSION = statement("""
    INSERT INTO suppressions (digest, key_id, platform, kind, reason, created_at)
    VALUES (%(digest)s, %(key_id)s, %(platform)s, %(kind)s, %(reason)s, app_now())
    ON CONFLICT DO NOTHING
""")

REMOVE_SUPPRESSION = statement("DELETE FROM suppressions WHERE digest = %(digest)s")

LIST_SUPPRESSIONS = statement(
    """
    SELECT digest, platform, kind, reason, created_at FROM suppressions
    ORDER BY created_at DESC, digest LIMIT %(limit)s
    """,
    Suppression,
)

HAS_OTHER_KEY = statement(
    "SELECT EXISTS (SELECT FROM suppressions WHERE key_id <> %(key_id)s)", bool, not_null="exists"
)


@dataclass(frozen=True, slots=True)
class KnownCreator:
    id: int
    stable_id: str
    handles: tuple[str, ...]


FIND_KNOWN_CREATORS = statement(
    """
    SELECT c.id, c.stable_id,
           ARRAY(SELECT h.handle FROM creator_handles h WHERE h.creator_id = c.id
                 UNION SELECT c.handle WHERE c.handle IS NOT NULL) AS handles
    FROM creators c
    WHERE c.platform = %(platform)s
      AND ((CAST(%(kind)s AS text) = 'stable_id' AND c.stable_id = %(value)s)
           OR (CAST(%(kind)s AS text) = 'handle' AND (lower(c.handle) = %(value)s OR EXISTS (
               SELECT FROM creator_handles h WHERE h.creator_id = c.id AND lower(h.handle) = %(value)s))))
    """,
    KnownCreator,
    not_null="handles",
)

LOCK_SEARCHES = statement(
    """
    SELECT j.id FROM scraping_jobs j
    WHERE EXISTS (SELECT FROM search_creators s WHERE s.job_id = j.id AND s.creator_id = %(id)s)
    ORDER BY j.id FOR NO KEY UPDATE
    """,
    SearchId,
)

BLANK_RESULTS = statement("""
    UPDATE scraping_results r
    SET creators = (
        SELECT coalesce(jsonb_agg(e.c ORDER BY e.n), '[]')
        FROM jsonb_array_elements(r.creators) WITH ORDINALITY AS e (c, n)
        WHERE NOT (coalesce(e.c #>> '{creator,channelId}', e.c ->> 'ownerId', '') = %(stable_id)s
                   OR lower(coalesce(e.c #>> '{creator,uniqueId}', e.c #>> '{creator,handle}', ''))
                      = ANY(CAST(%(handles)s AS text[]))))
    WHERE r.id IN (SELECT s.result_id FROM search_creators s WHERE s.creator_id = %(id)s)
""")

LOWER_RUNS = statement("""
    UPDATE scraping_runs r SET stored = r.stored - 1
    FROM search_creators s WHERE s.creator_id = %(id)s AND r.id = s.run_id
""")

LOWER_SEARCHES = statement(
    """
    UPDATE scraping_jobs j SET processed_results = j.processed_results - 1
    FROM search_creators s WHERE s.creator_id = %(id)s AND j.id = s.job_id
    RETURNING j.id, j.user_id, j.campaign_id, j.platform, j.target_results AS target, j.status, j.outcome,
              j.processed_results AS stored, j.processed_runs AS pages
    """,
    ChangedSearch,
)

BLANK_CHARGES = statement("""
    UPDATE usage_charges SET stable_id = 'suppressed:' || CAST(%(digest)s AS text)
    WHERE platform = %(platform)s AND stable_id = %(stable_id)s
""")

DELETE_IMPORTED = statement("""
    DELETE FROM search_results
    WHERE platform = %(platform)s
      AND (profile_id = %(stable_id)s OR lower(username) = ANY(CAST(%(handles)s AS text[])))
""")

DELETE = statement("DELETE FROM creators WHERE id = %(id)s")


async def add(
    tx: Transaction,
    user_id: ExternalUserId,
    campaign_id: CampaignId | None,
    names: Sequence[CreatorName],
    *,
    note: str | None,
    batch_id: UUID | None = None,
) -> int:
    """How many were not there before."""
    return await tx.run(
        ADD,
        user_id=user_id,
        campaign_id=campaign_id,
        note=note,
        batch_id=batch_id,
        platforms=[name.platform.value for name in names],
        kinds=[name.kind.value for name in names],
        values=[name.value for name in names],
    )


async def remove(
    tx: Transaction, user_id: ExternalUserId, campaign_id: CampaignId | None, name: CreatorName
) -> bool:
    removed = await tx.run(
        REMOVE,
        user_id=user_id,
        campaign_id=campaign_id,
        platform=name.platform.value,
        kind=name.kind.value,
        value=name.value,
    )
    return removed > 0


async def list_exclusions(
    tx: Transaction,
    user_id: ExternalUserId,
    campaign_id: CampaignId | None,
    *,
    limit: int,
    after: str | None = None,
) -> KeysetPage[Exclusion]:
    """Newest first; of one campaign where given."""
    place = read_cursor(after, of=_LIST)
    values: dict[str, Any] = {"user_id": user_id, "limit": checked_limit(limit) + 1}
    filters = []
    if campaign_id is not None:
        filters.append("campaign")
        values["campaign_id"] = campaign_id
    if place is not None:
        filters.append("after")
        values |= {"at": place.at, "key": place.key}
    found = await tx.many(LIST.choose(filters=filters), **values)
    return page_of(found, limit, of=_LIST, place=lambda one: Place(one.created_at, one.id))


async def list_excluded(
    tx: Transaction,
    user_id: ExternalUserId,
    search_id: SearchId,
    platform: Platform,
    *,
    stable_ids: Sequence[str],
    handles: Sequence[str],
) -> set[tuple[str, str]]:
    """Which of these the search's user, or its campaign, excludes: kind and value."""
    rows = await tx.many(
        LIST_EXCLUDED,
        user_id=user_id,
        search_id=search_id,
        platform=platform.value,
        stable_ids=list(stable_ids),
        handles=list(handles),
    )
    return {(row.kind, row.value) for row in rows}


async def list_suppressed(tx: Transaction, digests: Sequence[str]) -> set[str]:
    return set(await tx.many(LIST_SUPPRESSED, digests=list(digests)))


async def list_suppressions(tx: Transaction, *, limit: int) -> Sequence[Suppression]:
    return await tx.many(LIST_SUPPRESSIONS, limit=checked_limit(limit))


async def has_other_key(tx: Transaction, key_id: str) -> bool:
    """Whether a creator was suppressed under another key."""
    return await tx.only(HAS_OTHER_KEY, key_id=key_id)


async def erase_creator(
    tx: Transaction, platform: Platform, known: KnownCreator, *, digest: str
) -> list[ChangedSearch]:
    """Delete it from results, claims, posts and catalog; its charges stay, as numbers.

    The searches that held it, as they are now. Locks in the order of a page: searches, then their rows.
    """
    await tx.many(LOCK_SEARCHES, id=known.id)
    handles = [handle.lower() for handle in known.handles]
    await tx.run(BLANK_RESULTS, id=known.id, stable_id=known.stable_id, handles=handles)
    await tx.run(LOWER_RUNS, id=known.id)
    searches = await tx.many(LOWER_SEARCHES, id=known.id)
    await tx.run(BLANK_CHARGES, platform=platform.value, stable_id=known.stable_id, digest=digest)
    await tx.run(DELETE_IMPORTED, platform=platform.value, stable_id=known.stable_id, handles=handles)
    await tx.run(DELETE, id=known.id)
    return searches
