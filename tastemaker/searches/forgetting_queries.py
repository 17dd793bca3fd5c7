"""Taking a suppressed creator out of what is stored already, whoever's search found it.

By the system's claim, over every tenant. Locks in the order of a page: searches, then what hangs on them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.core.platforms import Platform

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
class Known:
    id: int
    stable_id: str
    handles: Sequence[str]


async def find_known(session: AsyncSession, platform: Platform, *, kind: str, value: str) -> Sequence[Known]:
    """Creators of the catalog that go, or went, by this."""
    rows = await session.execute(FIND, {"platform": platform.value, "kind": kind, "value": value})
    return [Known(*row) for row in rows]


async def forget(
    session: AsyncSession, platform: Platform, known: Known, *, digest: str
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
