"""Exclusions and suppressions as rows, and the deletion of a suppressed creator from everybody's results."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping, text

from tastemaker.core.ids import CampaignId, ExternalUserId, SearchId
from tastemaker.core.platforms import Platform
from tastemaker.db.enums import ExclusionKind
from tastemaker.db.keyset import Page, Place, checked_limit, page_of, read_cursor
from tastemaker.db.transaction import Transaction

_LIST = "exclusions"


_SUPPRESSIONS = "suppressions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """`campaign_id` None holds for every campaign of the user's."""

    id: UUID
    campaign_id: UUID | None
    platform: str
    kind: str
    value: str
    note: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """Nobody can tell from it who is meant."""

    digest: str
    platform: str
    kind: str
    reason: str | None
    created_at: datetime


ADD = text("""
    INSERT INTO exclusions (tenant_id, campaign_id, platform, kind, value, note, created_at)
    SELECT :user_id, CAST(:campaign_id AS uuid), given.platform, given.kind, given.value, :note, app_now()
    FROM unnest(CAST(:platforms AS text[]), CAST(:kinds AS text[]), CAST(:values AS text[]))
         AS given (platform, kind, value)
    ON CONFLICT DO NOTHING
    RETURNING 1
""")


REMOVE = text("""
    DELETE FROM exclusions
    WHERE tenant_id = :user_id AND campaign_id IS NOT DISTINCT FROM CAST(:campaign_id AS uuid)
      AND platform = :platform AND kind = :kind AND value = :value
    RETURNING 1
""")


LIST = text("""
    SELECT id, campaign_id, platform, kind, value, note, created_at FROM exclusions
    WHERE tenant_id = :user_id
      AND (CAST(:campaign_id AS uuid) IS NULL OR campaign_id = CAST(:campaign_id AS uuid))
      AND (created_at, id) < (coalesce(CAST(:at AS timestamptz), 'infinity'),
                              coalesce(CAST(:key AS uuid), 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
    ORDER BY created_at DESC, id DESC
    LIMIT :limit
""")


LIST_EXCLUDED = text("""
    SELECT e.kind, e.value
    FROM exclusions e JOIN scraping_jobs j ON j.user_id = e.tenant_id AND j.id = :search_id
    WHERE e.tenant_id = :user_id AND e.platform = :platform
      AND (e.campaign_id IS NULL OR e.campaign_id = j.campaign_id)
      AND ((e.kind = 'stable_id' AND e.value = ANY(CAST(:stable_ids AS text[])))
           OR (e.kind = 'handle' AND e.value = ANY(CAST(:handles AS text[]))))
""")


LIST_SUPPRESSED = text("SELECT digest FROM suppressions WHERE digest = ANY(CAST(:digests AS text[]))")


ADD_SUPPRESSION = text("""
    INSERT INTO suppressions (digest, key_id, platform, kind, reason, created_at)
    VALUES (:digest, :key_id, :platform, :kind, :reason, app_now())
    ON CONFLICT DO NOTHING
    RETURNING 1
""")


REMOVE_SUPPRESSION = text("DELETE FROM suppressions WHERE digest = :digest RETURNING 1")


LIST_SUPPRESSIONS = text("""
    SELECT digest, platform, kind, reason, created_at FROM suppressions
    ORDER BY created_at DESC, digest LIMIT :limit
""")


HAS_OTHER_KEY = text("SELECT 1 FROM suppressions WHERE key_id <> :key_id LIMIT 1")


async def add(
    session: Transaction,
    user_id: ExternalUserId,
    campaign_id: CampaignId | None,
    given: Sequence[tuple[Platform, ExclusionKind, str]],
    *,
    note: str | None,
) -> int:
    """How many were not there before."""
    rows = await session.execute(
        ADD,
        {
            "user_id": user_id,
            "campaign_id": campaign_id,
            "note": note,
            "platforms": [platform.value for platform, _, _ in given],
            "kinds": [kind.value for _, kind, _ in given],
            "values": [value for _, _, value in given],
        },
    )
    return len(rows.all())


async def remove(
    session: Transaction,
    user_id: ExternalUserId,
    campaign_id: CampaignId | None,
    platform: Platform,
    kind: ExclusionKind,
    value: str,
) -> bool:
    parameters = {"platform": platform.value, "kind": kind.value, "value": value}
    rows = await session.execute(REMOVE, {"user_id": user_id, "campaign_id": campaign_id, **parameters})
    return rows.first() is not None


async def list_exclusions(
    session: Transaction,
    user_id: ExternalUserId,
    campaign_id: CampaignId | None,
    *,
    limit: int,
    after: str | None = None,
) -> Page[Exclusion]:
    """Newest first; of one campaign where given."""
    place = read_cursor(after, of=_LIST)
    rows = await session.execute(
        LIST,
        {
            "user_id": user_id,
            "campaign_id": campaign_id,
            "at": place and place.at,
            "key": place and place.key,
            "limit": checked_limit(limit) + 1,
        },
    )
    found = [Exclusion(**row) for row in rows.mappings()]
    return page_of(found, limit, of=_LIST, place=lambda one: Place(one.created_at, one.id))


async def list_excluded(
    session: Transaction,
    user_id: ExternalUserId,
    search_id: SearchId,
    platform: Platform,
    *,
    stable_ids: Sequence[str],
    handles: Sequence[str],
) -> set[tuple[str, str]]:
    """Which of these the search's user, or its campaign, has excluded: kind and value."""
    rows = await session.execute(
        LIST_EXCLUDED,
        {
            "user_id": user_id,
            "search_id": search_id,
            "platform": platform.value,
            "stable_ids": list(stable_ids),
            "handles": list(handles),
        },
    )
    return {(kind, value) for kind, value in rows}


async def list_suppressed(session: Transaction, digests: Sequence[str]) -> set[str]:
    return set((await session.execute(LIST_SUPPRESSED, {"digests": list(digests)})).scalars())


async def add_suppression(
    session: Transaction,
    digest: str,
    *,
    key_id: str,
    platform: Platform,
    kind: ExclusionKind,
    reason: str | None,
) -> bool:
    """False: it was there."""
    values = {"key_id": key_id, "platform": platform.value, "kind": kind.value, "reason": reason}
    return (await session.execute(ADD_SUPPRESSION, {"digest": digest, **values})).first() is not None


async def remove_suppression(session: Transaction, digest: str) -> bool:
    return (await session.execute(REMOVE_SUPPRESSION, {"digest": digest})).first() is not None


async def list_suppressions(session: Transaction, *, limit: int) -> Sequence[Suppression]:
    rows = await session.execute(LIST_SUPPRESSIONS, {"limit": checked_limit(limit)})
    return [Suppression(**row) for row in rows.mappings()]


async def has_other_key(session: Transaction, key_id: str) -> bool:
    """Whether somebody was suppressed under another key."""
    return await session.scalar(HAS_OTHER_KEY, {"key_id": key_id}) is not None


FIND = text("""
    SELECT c.id, c.stable_id,
           ARRAY(SELECT h.handle FROM creator_handles h WHERE h.creator_id = c.id
                 UNION SELECT c.handle WHERE c.handle IS NOT NULL) AS handles
    FROM creators c
    WHERE c.platform = :platform
      AND ((:kind = 'stable_id' AND c.stable_id = :value)
           OR (:kind = 'handle' AND (lower(c.handle) = :value OR EXISTS (
               SELECT FROM creator_handles h WHERE h.creator_id = c.id AND lower(h.handle) = :value))))
""")


LOCK_SEARCHES = text("""
    SELECT j.id FROM scraping_jobs j
    WHERE EXISTS (SELECT FROM search_creators s WHERE s.job_id = j.id AND s.creator_id = :id)
    ORDER BY j.id FOR UPDATE
""")


BLANK_RESULTS = text("""
    UPDATE scraping_results r
    SET creators = (
        SELECT coalesce(jsonb_agg(e.c ORDER BY e.n), '[]')
        FROM jsonb_array_elements(r.creators) WITH ORDINALITY AS e (c, n)
        WHERE NOT (coalesce(e.c #>> '{creator,channelId}', e.c ->> 'ownerId', '') = :stable_id
                   OR lower(coalesce(e.c #>> '{creator,uniqueId}', e.c #>> '{creator,handle}', ''))
                      = ANY(CAST(:handles AS text[]))))
    WHERE r.id IN (SELECT s.result_id FROM search_creators s WHERE s.creator_id = :id)
""")


LOWER_RUNS = text("""
    UPDATE scraping_runs r SET stored = r.stored - 1
    FROM search_creators s WHERE s.creator_id = :id AND r.id = s.run_id
""")


LOWER_SEARCHES = text("""
    UPDATE scraping_jobs j SET processed_results = j.processed_results - 1
    FROM search_creators s WHERE s.creator_id = :id AND j.id = s.job_id
    RETURNING j.id, j.user_id, j.campaign_id, j.platform, j.target_results, j.status, j.outcome,
              j.processed_results, j.processed_runs
""")


BLANK_CHARGES = text("""
    UPDATE usage_charges SET stable_id = 'suppressed:' || :digest
    WHERE platform = :platform AND stable_id = :stable_id
""")


DELETE = text("DELETE FROM creators WHERE id = :id")


@dataclass(frozen=True, slots=True)
class KnownCreator:
    id: int
    stable_id: str
    handles: Sequence[str]


async def find_known_creators(
    session: Transaction, platform: Platform, *, kind: str, value: str
) -> Sequence[KnownCreator]:
    """Creators of the catalog that go, or went, by this."""
    rows = await session.execute(FIND, {"platform": platform.value, "kind": kind, "value": value})
    return [KnownCreator(*row) for row in rows]


async def erase_creator(
    session: Transaction, platform: Platform, known: KnownCreator, *, digest: str
) -> Sequence[RowMapping]:
    """Out of results, claims, posts and catalog; a charge stays as a number.

    The searches that held it, as they are now.
    """
    parameters = {
        "id": known.id,
        "platform": platform.value,
        "stable_id": known.stable_id,
        "handles": [handle.lower() for handle in known.handles],
        "digest": digest,
    }
    for statement in (LOCK_SEARCHES, BLANK_RESULTS, LOWER_RUNS):
        await session.execute(statement, parameters)
    held = (await session.execute(LOWER_SEARCHES, parameters)).mappings().all()
    await session.execute(BLANK_CHARGES, parameters)
    await session.execute(DELETE, parameters)
    return held
