"""The plan of an adoption: its questions about the original, in one read-only transaction, and its steps."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from psycopg import Connection, sql

from tastemaker.adopt.gathering import Key, SourcePage, handles_without_id, read_pages
from tastemaker.adopt.original_queries import TABLES, Census, sources_in_public
from tastemaker.adopt.steps import steps
from tastemaker.adopt.strayed_queries import list_strayed
from tastemaker.adopt.tables_queries import FIELDS, THROTTLE_ROWS, Throttle, throttles_among, words_in
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

WORDS_SHOWN: Final = 50


@dataclass(slots=True)
class Creators:
    """What the pages hold. `accounts` counts ids, and handles that no id was seen with."""

    pages: int = 0
    elements: int = 0
    accounts: int = 0
    shapes: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Options:
    """`with_orphans`: owners without a user get one. `fit_settings`: test-era limits give way to ours."""

    with_orphans: bool = True
    fit_settings: bool = False

    def as_document(self) -> dict[str, Any]:
        return {
            "orphans": "users" if self.with_orphans else "leave",
            "settings": "fit" if self.fit_settings else "keep",
        }


@dataclass(frozen=True, slots=True)
class Decision:
    """`rows` are concerned; `chosen` is what happens unless the option says otherwise."""

    question: str
    option: str
    chosen: str
    rows: int
    details: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlannedStep:
    name: str
    what: str
    lock: str
    rows: int | None


@dataclass(frozen=True, slots=True)
class AdoptionPlan:
    database: str
    schema: str
    state: tuple[str, ...]
    rows: dict[str, int]
    steps: tuple[PlannedStep, ...]
    words: list[dict[str, Any]]
    creators: dict[str, Any]
    duplicates: dict[str, int]
    orphans: list[dict[str, Any]]
    strayed_searches: list[dict[str, Any]]
    decisions: tuple[Decision, ...]


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


def _page(row: tuple[Any, ...], moment: datetime) -> SourcePage:
    page_id, job_id, platform, text = row
    return SourcePage(
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


def make_plan(
    connection: Connection[Any], census: Census, options: Options, *, schema: str, moment: datetime
) -> AdoptionPlan:
    """Reads only; the connection is inside a transaction, so that every number is of one moment."""
    rows = count_rows(connection, census)
    orphans, owners = survey_orphans(connection, census)
    throttles = survey_throttles(connection, census)
    creators = survey_creators(connection, census, moment=moment)
    chosen = options.as_document()
    return AdoptionPlan(
        database=census.database,
        schema=schema,
        state=tuple(_state(census)),
        rows=rows,
        steps=tuple(_steps(census, rows, schema)),
        words=survey_words(connection, census, most=WORDS_SHOWN),
        creators={
            "pages": creators.pages, "elements": creators.elements, "accounts": creators.accounts,
            "shapes": dict(sorted(creators.shapes.items())), "rejected_elements": dict(creators.rejected),
        },
        duplicates=survey_duplicates(connection, census),
        orphans=owners,
        strayed_searches=list_strayed(connection, before=sources_in_public(census)),
        decisions=(
            Decision(
                "Campaigns and searches whose owner has no user: make the user, or leave them in the schema?",
                "--orphans users|leave", chosen["orphans"], sum(orphans.values()),
                tuple(f"{count:,} {table}" for table, count in orphans.items() if count),
            ),
            Decision(
                "Settings that allow less than a fresh installation: keep them, or take ours?",
                "--settings keep|fit", chosen["settings"], len(throttles),
                tuple(f"{one.key} = {one.value}, ours {one.fit}" for one in throttles),
            ),
        ),
    )  # fmt: skip


def _state(census: Census) -> list[str]:
    """What was recognised, as sentences."""
    wide, five = "user_profiles" in census.tables, "users" in census.tables
    said = [
        "users are in user_profiles and in the five tables" if wide and five
        else "users are in user_profiles only" if wide else "users are in the five tables"
    ]  # fmt: skip
    said += [f"the ledger {name} is another tool's" for name in census.foreign_ledgers]
    said += [
        f"{table} does not hold one row a user: user_id is not unique"
        for table in ("user_subscriptions", "user_billing", "user_usage", "user_system_data")
        if table in census.tables and (table, "user_id") not in census.unique
    ]
    said += [
        f"{table} has times with a zone; they become UTC"
        for table, columns in sorted(census.tables.items())
        if table in TABLES and "timestamp with time zone" in columns.values()
    ]
    said += [f"the policy {policy} steps aside with its table" for policy in census.policies]
    said += [
        f"the role {role} may make objects in public, and so put functions in the way of ours: revoke that"
        for role in census.makers
    ]
    said += [f"the table {table} is not copied" for table in names_of_others(census)]
    if census.sessions:
        said.append(f"{census.sessions} other sessions are connected; stop the original before adopting")
    return said


def _steps(census: Census, rows: dict[str, int], schema: str) -> list[PlannedStep]:
    moving = PlannedStep(
        "move", f"everything in public steps aside into the schema {schema}; no row is changed",
        "ACCESS EXCLUSIVE on every table for a moment; given up and tried again after half a second",
        sum(rows.values()),
    )  # fmt: skip
    building = PlannedStep(
        "build", "our schema, from its whole history, in public", "none on the original", None
    )
    copying = [PlannedStep(step.name, step.what, step.lock, rows.get(step.name)) for step in steps()]
    del census
    return [moving, building, *copying]
