"""The creators that similar searches compare, and the likeness of those that became results."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from tastemaker.core.ids import ExternalUserId, RunId, SearchId
from tastemaker.core.platforms import Platform
from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction

if TYPE_CHECKING:
    from tastemaker.searches.run.queries import RunState


class CandidateRole(StrEnum):
    """How a similar search met a creator: it is the target itself, or was brought by the platform.

    `catalog`: no page of the search showed it; it was known.
    """

    TARGET = "target"
    RELATED = "related"
    FOUND = "found"
    CATALOG = "catalog"


KEEP_CANDIDATES = statement("""
    INSERT INTO similar_creators AS known (tenant_id, job_id, creator_id, role)
    SELECT %(user_id)s, %(search_id)s, given.creator_id, given.role
    FROM unnest(CAST(%(ids)s AS bigint[]), CAST(%(roles)s AS text[])) AS given (creator_id, role)
    ORDER BY given.creator_id
    ON CONFLICT (job_id, creator_id) DO NOTHING
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedSearch:
    """A similar search when its pages are read. `target_id`: the creator itself; None: it was not found."""

    run_id: RunId
    search_id: SearchId
    user_id: ExternalUserId
    keyword: str
    platform: Platform
    is_sandbox: bool
    target: int
    target_id: int | None
    now: datetime


FIND_RANKED = statement(
    """
    SELECT r.id AS run_id, j.id AS search_id, j.user_id, r.keyword, j.platform,
           j.search_params ->> 'source' = 'sandbox' AS is_sandbox, j.target_results AS target,
           s.creator_id AS target_id, app_now() AS now
    FROM scraping_jobs j
    JOIN scraping_runs r ON r.job_id = j.id AND r.tenant_id = j.user_id AND r.position = 0
    LEFT JOIN similar_creators s ON s.job_id = j.id AND s.tenant_id = j.user_id AND s.role = 'target'
    WHERE j.id = %(search_id)s AND j.user_id = %(user_id)s AND j.target_username IS NOT NULL
    """,
    RankedSearch,
    not_null="is_sandbox now",
)


@dataclass(frozen=True, slots=True)
class TermsOf:
    """How often a creator uses each term. `is_related`: the platform says that it is like the target."""

    creator_id: int
    stable_id: str
    terms: dict[str, Any]
    is_related: bool


_TERMS = """
    (SELECT coalesce(jsonb_object_agg(word.lexeme, cardinality(word.positions)), '{}')
     FROM unnest(d.terms) AS word WHERE word.positions IS NOT NULL)"""


@dataclass(frozen=True, slots=True)
class TermsOfTarget:
    terms: dict[str, Any]


FIND_TERMS = statement(
    f"SELECT {_TERMS} AS terms FROM creator_documents d WHERE d.creator_id = %(creator_id)s",  # noqa: S608 - a constant
    TermsOfTarget,
    not_null="terms",
)

LIST_CANDIDATES = statement(
    f"""
    WITH alike AS MATERIALIZED (
        SELECT d.creator_id FROM creator_documents d
        WHERE d.terms @@ CAST(%(query)s AS tsquery) AND d.made_up = %(is_sandbox)s
        ORDER BY d.rank DESC, d.creator_id DESC LIMIT %(most)s
    ), candidates AS (
        SELECT creator_id, role = 'related' AS is_related FROM similar_creators
        WHERE job_id = %(search_id)s AND tenant_id = %(user_id)s AND role <> 'target'
        UNION ALL
        SELECT creator_id, false FROM alike
    )
    SELECT c.id AS creator_id, c.stable_id, coalesce({_TERMS}, '{{}}') AS terms, one.is_related
    FROM (SELECT creator_id, bool_or(is_related) AS is_related FROM candidates GROUP BY creator_id) one
    JOIN creators c ON c.id = one.creator_id
    LEFT JOIN creator_documents d ON d.creator_id = c.id
    WHERE c.platform = %(platform)s AND c.private IS NOT TRUE AND c.id <> %(target_id)s
      AND (c.source = 'sandbox') = %(is_sandbox)s
      AND NOT EXISTS (
        SELECT FROM exclusions e JOIN scraping_jobs j ON j.user_id = e.tenant_id AND j.id = %(search_id)s
        WHERE e.tenant_id = %(user_id)s AND e.platform = c.platform
          AND (e.campaign_id IS NULL OR e.campaign_id = j.campaign_id)
          AND ((e.kind = 'stable_id' AND e.value = c.stable_id)
               OR (e.kind = 'handle' AND e.value = lower(c.handle))))
    ORDER BY c.id
    """,  # noqa: S608 - of this module's own constants
    TermsOf,
    not_null="terms is_related",
)
"""Those of the provider's pages, and those of the catalog that use one of the target's terms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenCreator:
    """The values of a result's document."""

    id: int
    stable_id: str
    handle: str | None
    name: str | None
    bio: str | None
    followers: int | None
    verified: bool | None
    avatar_url: str | None
    emails: tuple[str, ...]
    links: tuple[str, ...]
    expires_at: datetime | None


LIST_CHOSEN = statement(
    """
    SELECT id, stable_id, handle, name, bio, followers, verified, avatar_url, emails, links, expires_at
    FROM creators WHERE id = ANY(CAST(%(ids)s AS bigint[]))
    """,
    ChosenCreator,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenPost:
    id: int
    creator_id: int
    post_id: str
    text: str | None
    url: str | None
    published_at: datetime | None
    views: int | None
    likes: int | None
    comments: int | None
    shares: int | None
    duration_seconds: int | None
    hashtags: tuple[str, ...]
    short_code: str | None


LIST_POSTS = statement(
    """
    SELECT p.id, p.creator_id, p.post_id, p.text, p.url, p.published_at, p.views, p.likes, p.comments,
           p.shares, p.duration_seconds, p.hashtags, p.short_code
    FROM unnest(CAST(%(ids)s AS bigint[])) AS chosen (id)
    CROSS JOIN LATERAL (
        SELECT * FROM posts own WHERE own.creator_id = chosen.id
        ORDER BY own.published_at DESC NULLS LAST, own.id LIMIT %(most)s) p
    """,
    ChosenPost,
    not_null="id creator_id post_id hashtags",
)

KEEP_LIKENESS = statement("""
    WITH others AS (
        DELETE FROM similar_creators
        WHERE job_id = %(search_id)s AND tenant_id = %(user_id)s AND role <> 'target'
          AND creator_id <> ALL(CAST(%(ids)s AS bigint[]))
    )
    INSERT INTO similar_creators AS known (tenant_id, job_id, creator_id, role, score, contributions)
    SELECT %(user_id)s, %(search_id)s, given.creator_id, 'catalog', given.score,
           CAST(given.contributions AS jsonb)
    FROM unnest(CAST(%(ids)s AS bigint[]), CAST(%(scores)s AS double precision[]),
                CAST(%(contributions)s AS text[])) AS given (creator_id, score, contributions)
    ORDER BY given.creator_id
    ON CONFLICT (job_id, creator_id) DO UPDATE SET
        score = excluded.score, contributions = excluded.contributions
""")
"""Those that became results; what is known of the other candidates is in the catalog."""

COUNT_ADMITTED = statement("""
    WITH run AS (
        UPDATE scraping_runs SET stored = stored + %(number)s
        WHERE id = %(run_id)s AND tenant_id = %(user_id)s
    )
    UPDATE scraping_jobs
    SET processed_results = processed_results + %(number)s,
        progress = least(100, round(100.0 * (processed_results + %(number)s) / target_results, 2))
    WHERE id = %(search_id)s AND user_id = %(user_id)s
""")


async def keep_candidates(tx: Transaction, run: "RunState", candidates: Mapping[int, CandidateRole]) -> None:
    if candidates:
        await tx.run(
            KEEP_CANDIDATES,
            user_id=run.user_id,
            search_id=run.search_id,
            ids=list(candidates),
            roles=[role.value for role in candidates.values()],
        )
