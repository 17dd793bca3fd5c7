"""The rows of an import: the job, the creators' names in the catalog, and their rows in job and campaign."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from tastemaker.core.ids import CampaignId, ExternalUserId
from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction

SOURCE: Final = "import"
"""Source and policy of the catalog's rows that a file has brought."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """`creators` stored of `rows` read so far. `is_complete`: the file was read to its end."""

    id: str
    campaign_id: CampaignId
    rows: int
    creators: int
    is_complete: bool
    created_at: datetime
    completed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedAccount:
    platform: str
    handle: str
    stable_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogId:
    platform: str
    stable_id: str
    id: int


BEGIN = statement("""
    INSERT INTO search_jobs (id, campaign_id, search_type, status, total_count, created_at, updated_at)
    VALUES (%(id)s, %(campaign_id)s, 'keyword', 'processing', 0, app_now(), app_now())
    ON CONFLICT (id) DO NOTHING
""")

LOCK = statement(
    "SELECT status = 'completed' AS done FROM search_jobs WHERE tenant_id = %(user_id)s AND id = %(id)s"
    " FOR UPDATE",
    bool,
    nullable=True,
)

FINISH = statement("""
    UPDATE search_jobs j SET status = 'completed', total_count = %(rows)s, completed_at = app_now(),
        completed_count = (SELECT CAST(count(*) AS integer) FROM search_results r
                           WHERE r.tenant_id = j.tenant_id AND r.job_id = j.id),
        platform = (SELECT CASE WHEN min(r.platform) = max(r.platform) THEN min(r.platform) END
                    FROM search_results r WHERE r.tenant_id = j.tenant_id AND r.job_id = j.id)
    WHERE j.tenant_id = %(user_id)s AND j.id = %(id)s
""")

FIND_ACCOUNTS = statement(
    """
    SELECT platform, handle, stable_id
    FROM find_creators_by_handle(CAST(%(platforms)s AS text[]), CAST(%(handles)s AS text[]))
    """,
    NamedAccount,
    not_null="platform handle stable_id",
)

ADD_NAMES = statement("""
    INSERT INTO creators (platform, stable_id, handle, source, policy, fetched_at, first_seen_at)
    SELECT given.platform, given.stable_id, given.handle, %(source)s, %(source)s, app_now(), app_now()
    FROM unnest(CAST(%(platforms)s AS text[]), CAST(%(stable_ids)s AS text[]), CAST(%(handles)s AS text[]))
         AS given (platform, stable_id, handle)
    ORDER BY given.stable_id
    ON CONFLICT (platform, stable_id) DO NOTHING
""")

_GIVEN: Final = """
    json_to_recordset(%(creators)s) AS given (
        id uuid, creator_id bigint, line integer, platform text, stable_id text, username text, handle text,
        name text, bio text, followers integer, verified boolean, email text, country text, language text,
        profile_url text, avatar_url text, post_url text, post_text text, views bigint, likes bigint,
        raw jsonb)"""

FILL_CATALOG = statement(f"""
    UPDATE creators known SET
        handle = coalesce(known.handle, given.handle), name = coalesce(known.name, given.name),
        bio = coalesce(known.bio, given.bio), followers = coalesce(known.followers, given.followers),
        verified = coalesce(known.verified, given.verified),
        emails = CASE WHEN known.emails = '{{}}' AND given.email IS NOT NULL
                      THEN ARRAY[lower(given.email)] ELSE known.emails END,
        country = coalesce(known.country, given.country), language = coalesce(known.language, given.language),
        profile_url = coalesce(known.profile_url, given.profile_url),
        avatar_url = coalesce(known.avatar_url, given.avatar_url)
    FROM (SELECT DISTINCT ON (given.creator_id) given.* FROM {_GIVEN}
          ORDER BY given.creator_id, given.line) given
    WHERE known.id = given.creator_id
""")  # noqa: S608 - of this module's own constants
"""Only what the catalog does not know."""

FIND_IDS = statement(
    """
    SELECT c.platform, c.stable_id, c.id
    FROM unnest(CAST(%(platforms)s AS text[]), CAST(%(stable_ids)s AS text[])) AS given (platform, stable_id)
    JOIN creators c ON c.platform = given.platform AND c.stable_id = given.stable_id
    """,
    CatalogId,
)

ADD_RESULTS = statement(f"""
    INSERT INTO search_results (
        id, job_id, profile_id, username, display_name, platform, profile_url, post_url, post_description,
        avatar_url, followers, is_verified, email, bio, raw_data, created_at)
    SELECT given.id, %(import_id)s, given.stable_id, given.username, given.name, given.platform,
           given.profile_url, given.post_url, given.post_text, given.avatar_url, given.followers,
           CASE given.verified WHEN true THEN 'true' WHEN false THEN 'false' END, given.email, given.bio,
           given.raw, app_now()
    FROM {_GIVEN}
    ORDER BY given.line
    ON CONFLICT (id) DO NOTHING
""")  # noqa: S608 - of this module's own constants

ADD_TO_CAMPAIGN = statement(
    rf"""
    WITH kept AS (
        INSERT INTO campaign_creators AS held (
            tenant_id, campaign_id, creator_id, imported_id, position, found_at, searches, keywords,
            matched_in, platform, followers, views, likes, last_post_at, verified, has_email, language,
            country, name, text)
        SELECT %(user_id)s, %(campaign_id)s, c.id, given.id, given.line, app_now(), 0, ARRAY[]::text[],
               ARRAY[]::text[], c.platform, coalesce(c.followers, given.followers), given.views, given.likes,
               (SELECT max(own.published_at) FROM posts own WHERE own.creator_id = c.id),
               coalesce(c.verified, given.verified),
               c.emails <> ARRAY[]::text[] OR given.email IS NOT NULL,
               coalesce(c.language, given.language), coalesce(c.country, given.country),
               left(fold_text(coalesce(nullif(btrim(coalesce(c.name, given.name)), ''), c.handle,
                                       given.username)), 60),
               left(fold_text(concat_ws(E'\n', coalesce(c.name, given.name), coalesce(c.handle, given.handle),
                                        coalesce(c.bio, given.bio), given.post_text)), 4000)
        FROM {_GIVEN}
        JOIN creators c ON c.id = given.creator_id
        ORDER BY c.id
        ON CONFLICT (campaign_id, creator_id) DO UPDATE SET
            imported_id = coalesce(held.imported_id, excluded.imported_id),
            followers = coalesce(held.followers, excluded.followers),
            verified = coalesce(held.verified, excluded.verified),
            has_email = held.has_email OR excluded.has_email,
            language = coalesce(held.language, excluded.language),
            country = coalesce(held.country, excluded.country),
            name = coalesce(held.name, excluded.name)
        RETURNING held.xmax = '0' AS is_new
    )
    SELECT count(*) FROM kept WHERE is_new
    """,  # noqa: S608 - of this module's own constants
    int,
    not_null="count",
)
"""How many the campaign did not have. What it knows stays; the file fills in what it does not."""

LIST = statement(
    """
    SELECT id, campaign_id, total_count AS rows, coalesce(completed_count, 0) AS creators,
           coalesce(status = 'completed', false) AS is_complete, created_at AT TIME ZONE 'UTC' AS created_at,
           completed_at AT TIME ZONE 'UTC' AS completed_at
    FROM search_jobs
    WHERE tenant_id = %(user_id)s AND campaign_id = %(campaign_id)s
    ORDER BY search_jobs.created_at DESC, id LIMIT %(limit)s
    """,
    Import,
    not_null="campaign_id creators is_complete created_at",
)


async def list_imports(
    tx: Transaction, user_id: ExternalUserId, campaign_id: CampaignId, *, limit: int = 50
) -> Sequence[Import]:
    """Of a campaign, the newest first."""
    return await tx.many(LIST, user_id=user_id, campaign_id=campaign_id, limit=limit)


async def find_accounts(tx: Transaction, names: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
    """The stable id of the one account that bears each (platform, handle in lower case)."""
    if not names:
        return {}
    platforms, handles = [list(part) for part in zip(*names, strict=True)]
    found = await tx.many(FIND_ACCOUNTS, platforms=platforms, handles=handles)
    return {(one.platform, one.handle): one.stable_id for one in found}


async def add_names(
    tx: Transaction, names: Mapping[tuple[str, str], str | None]
) -> Mapping[tuple[str, str], int]:
    """The catalog's ids by (platform, stable id); those that it did not have enter with this handle alone."""
    keys = [*names]
    platforms, stable_ids = [key[0] for key in keys], [key[1] for key in keys]
    await tx.run(
        ADD_NAMES, platforms=platforms, stable_ids=stable_ids, handles=[*names.values()], source=SOURCE
    )
    found = await tx.many(FIND_IDS, platforms=platforms, stable_ids=stable_ids)
    return {(one.platform, one.stable_id): one.id for one in found}


def as_json(rows: Sequence[Mapping[str, Any]]) -> str:
    return orjson.dumps(rows).decode().replace("\\u0000", "")
