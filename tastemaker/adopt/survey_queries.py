"""Questions a plan asks of the original where it stands, in one read-only transaction."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from psycopg import Connection, sql

from tastemaker.adopt.gathering import Key, Page, handles_without_id, read_pages
from tastemaker.adopt.original import TABLES, Census
from tastemaker.adopt.settings_rows import Throttle, throttles_among
from tastemaker.adopt.source_queries import sources_in_public
from tastemaker.adopt.tables_queries import THROTTLE_ROWS, words_in
from tastemaker.adopt.words import FIELDS
from tastemaker.core.errors import InvalidInput
from tastemaker.core.platforms import Platform

_PAGES_AT_ONCE: Final = 200

_ORPHANS: Final = """
SELECT 'campaigns', count(*) FROM source_campaigns c
WHERE NOT EXISTS (SELECT FROM source_users u WHERE u.user_id = c.user_id)
  AND NOT EXISTS (SELECT FROM source_user_profiles p WHERE p.user_id = c.user_id)
UNION ALL
SELECT 'scraping_jobs', count(*) FROM source_scraping_jobs j
WHERE NOT EXISTS (SELECT FROM source_users u WHERE u.user_id = j.user_id)
  AND NOT EXISTS (SELECT FROM source_user_profiles p WHERE p.user_id = j.user_id)
"""

_ORPHAN_OWNERS: Final = """
SELECT o.user_id, sum(o.campaigns)::bigint, sum(o.searches)::bigint
FROM (SELECT user_id, 1 AS campaigns, 0 AS searches FROM source_campaigns
      UNION ALL SELECT user_id, 0, 1 FROM source_scraping_jobs) o
WHERE NOT EXISTS (SELECT FROM source_users u WHERE u.user_id = o.user_id)
  AND NOT EXISTS (SELECT FROM source_user_profiles p WHERE p.user_id = o.user_id)
GROUP BY 1 ORDER BY 2 DESC, 3 DESC, 1 LIMIT 100
"""

_DUPLICATES: Final = """
SELECT count(*) FROM (SELECT user_id FROM {table} GROUP BY 1 HAVING count(*) > 1) d
"""

_PAGES: Final = """
SELECT s.id, s.job_id, j.platform, s.creators::text
FROM source_scraping_results s LEFT JOIN source_scraping_jobs j ON j.id = s.job_id
"""


@dataclass(slots=True)
class Creators:
    """What the pages hold. `accounts` counts ids, and handles that no id was seen with."""

    pages: int = 0
    elements: int = 0
    accounts: int = 0
    shapes: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)


def count_rows(connection: Connection[Any], census: Census) -> dict[str, int]:
    """Rows of every table that stands in `public`, exactly."""
    counted = {}
    for table in sorted(census.tables):
        row = connection.execute(
            sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("public", table))
        ).fetchone()
        counted[table] = int(row[0]) if row else 0
    return counted


def survey_words(connection: Connection[Any], census: Census, *, most: int) -> list[dict[str, Any]]:
    """Words that will become another, the most frequent first, at most `most` of each field."""
    sources = sources_in_public(census)
    changed = []
    for name, mapper in FIELDS.items():
        rows = connection.execute(sources + words_in(name)).fetchall()
        of_field = [
            {"field": name, "word": word[:200], "mapped": mapper(word), "rows": count}
            for word, count in rows
            if (mapper(word) or "") != word
        ]
        changed.extend(of_field[:most])
    return changed


def survey_orphans(
    connection: Connection[Any], census: Census
) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """Campaigns and searches whose owner has no user: how many, and the first hundred owners."""
    sources = sources_in_public(census)
    counted = dict(connection.execute(sources + sql.SQL(_ORPHANS)).fetchall())
    owners = connection.execute(sources + sql.SQL(_ORPHAN_OWNERS)).fetchall()
    return counted, [
        {"user_id": (owner or "")[:100], "campaigns": campaigns, "searches": searches}
        for owner, campaigns, searches in owners
    ]


def survey_duplicates(connection: Connection[Any], census: Census) -> dict[str, int]:
    """Users with more than one row in a satellite."""
    found = {}
    for table in ("user_subscriptions", "user_billing", "user_usage", "user_system_data"):
        if table not in census.tables:
            continue
        row = connection.execute(
            sql.SQL(_DUPLICATES).format(table=sql.Identifier("public", table))
        ).fetchone()
        if row and row[0]:
            found[table] = int(row[0])
    return found


def survey_throttles(connection: Connection[Any], census: Census) -> list[Throttle]:
    return throttles_among(connection.execute(sources_in_public(census) + sql.SQL(THROTTLE_ROWS)).fetchall())


def survey_creators(connection: Connection[Any], census: Census, *, moment: datetime) -> Creators:
    """Reads every page once, a few at a time."""
    found = Creators()
    ids: dict[Key, set[str]] = {}
    stable: set[Key] = set()
    nameless: set[Key] = set()
    with connection.cursor(name="adoption_pages") as cursor:
        cursor.itersize = _PAGES_AT_ONCE
        cursor.execute(sources_in_public(census) + sql.SQL(_PAGES))
        while rows := cursor.fetchmany(_PAGES_AT_ONCE):
            pages = [_page(row, moment) for row in rows]
            readings = read_pages(pages)
            found.pages += len(rows)
            found.elements += readings.elements
            found.shapes += readings.shapes
            found.rejected += readings.rejected
            nameless |= handles_without_id(readings)
            told = [seen.sighting for seen in readings.seen if seen.sighting.creator.stable_id]
            for sighting in told:
                if sighting.handle_key:
                    key = (sighting.creator.platform, sighting.handle_key)
                    ids.setdefault(key, set()).add(sighting.creator.stable_id)
            stable |= {(sighting.creator.platform, sighting.creator.stable_id) for sighting in told}
    found.accounts = len(stable) + sum(1 for key in nameless if len(ids.get(key, ())) != 1)
    return found


def names_of_others(census: Census) -> list[str]:
    """Tables that are not the original's of then: they step aside and are not copied."""
    return sorted(set(census.tables) - set(TABLES))


def _page(row: tuple[Any, ...], moment: datetime) -> Page:
    page_id, job_id, platform, text = row
    return Page(
        id=page_id,
        job_id=job_id,
        owner=None,
        run_id=None,
        platform=_platform(platform),
        seen_at=moment,
        text=text,
    )


def _platform(word: str | None) -> Platform | None:
    mapped = FIELDS["scraping_jobs.platform"](word or "")
    try:
        return Platform.parse(mapped) if mapped else None
    except InvalidInput:
        return None
