"""Which creators are meant: the two scopes as sources of rows, and the filters over them.

Both sources are named `held` and have the same columns. Searches read the catalog as it is now. A campaign
has a row of its own for each creator, with the values to filter and sort by.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final, TypeVar

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.statements import Composition
from tastemaker.searches.results.filtering import ResultFilter
from tastemaker.searches.results.paging import CampaignScope, Scope

Row = TypeVar("Row")

OF_CAMPAIGN: Final = """
    FROM campaign_creators held
    WHERE held.tenant_id = %(user_id)s AND held.campaign_id = %(campaign_id)s"""

_OF_SEARCHES: Final = r"""
    FROM (
        SELECT found.tenant_id, job.campaign_id, found.creator_id, found.job_id, found.position,
               CAST(NULL AS uuid) AS imported_id,
               found.created_at AS found_at, found.matched_in, creator.platform, creator.followers,
               coalesce(-creator.followers, 1) AS by_followers, post.views, post.likes, creator.verified,
               creator.emails <> ARRAY[]::text[] AS has_email,
               coalesce(creator.language, creator.detected_language) AS language, creator.country,
               (SELECT max(own.published_at) FROM posts own WHERE own.creator_id = creator.id)
                   AS last_post_at,
               ARRAY(SELECT run.keyword FROM scraping_runs run
                     WHERE run.tenant_id = found.tenant_id AND run.job_id = found.job_id
                       AND (run.id = found.run_id OR run.position = ANY(found.also_found_by))) AS keywords,
               left(fold_text(coalesce(nullif(btrim(creator.name), ''), creator.handle)), 60) AS name,
               coalesce((SELECT kept.text FROM campaign_creators kept
                         WHERE kept.tenant_id = found.tenant_id AND kept.campaign_id = job.campaign_id
                           AND kept.creator_id = found.creator_id AND kept.job_id = found.job_id),
                        left(fold_text(concat_ws(
                            E'\n', creator.name, creator.handle, creator.bio, post.text)), 4000)) AS text
        FROM search_creators found
        JOIN scraping_jobs job ON job.id = found.job_id AND job.user_id = found.tenant_id
        JOIN creators creator ON creator.id = found.creator_id
        LEFT JOIN posts post ON post.id = found.post_id
        WHERE found.tenant_id = %(user_id)s AND {which}) held
    WHERE true"""

OF_SEARCH: Final = _OF_SEARCHES.replace("{which}", "found.job_id = %(search_id)s")

OF_SEARCHES: Final = _OF_SEARCHES.replace(
    "{which}",
    """found.job_id = ANY(CAST(%(search_ids)s AS uuid[])) AND NOT EXISTS (
            SELECT FROM search_creators earlier
            WHERE earlier.tenant_id = found.tenant_id AND earlier.platform = found.platform
              AND earlier.stable_id = found.stable_id
              AND earlier.job_id = ANY(CAST(%(search_ids)s AS uuid[]))
              AND array_position(CAST(%(search_ids)s AS uuid[]), earlier.job_id)
                  < array_position(CAST(%(search_ids)s AS uuid[]), found.job_id))""",
)
"""Each creator once, from the first of the searches that has it, in the order in which they are given."""

SEEN: Final = """
    FROM campaign_creators other
    JOIN campaigns campaign ON campaign.id = other.campaign_id AND campaign.user_id = other.tenant_id
         AND campaign.deleting_since IS NULL
    WHERE other.tenant_id = %(user_id)s AND other.creator_id = held.creator_id
      AND other.campaign_id IS DISTINCT FROM held.campaign_id AND other.found_at < held.found_at"""

_OR_UNKNOWN: Final = "OR (CAST(%(include_unknown)s AS boolean) AND held.{column} IS NULL)"

FILTERS: Final[Mapping[str, str]] = {
    "platforms": "AND held.platform = ANY(CAST(%(platforms)s AS text[]))",
    "keywords": "AND held.keywords && CAST(%(keywords)s AS text[])",
    "text": "AND strpos(held.text, fold_text(%(text)s)) > 0",
    **{
        f"{end}_{column}": f"AND (held.{column} {sign} %({end}_{column})s"
        f" {_OR_UNKNOWN.format(column=column)})"
        for column in ("followers", "views")
        for end, sign in (("min", ">="), ("max", "<="))
    },
    "has_email": "AND held.has_email = %(has_email)s",
    "languages": "AND coalesce(held.language, 'unknown') = ANY(CAST(%(languages)s AS text[]))",
    "countries": "AND coalesce(held.country, 'unknown') = ANY(CAST(%(countries)s AS text[]))",
    "verified": "AND CASE held.verified WHEN true THEN 'yes' WHEN false THEN 'no' ELSE 'unknown' END"
    " = ANY(CAST(%(verified)s AS text[]))",
    "posted_within": "AND (held.last_post_at >= app_now() - make_interval(days => %(posted_within)s)"
    f" {_OR_UNKNOWN.format(column='last_post_at')})",
    "matched_in": "AND held.matched_in && CAST(%(matched_in)s AS text[])",
    "seen": f"AND EXISTS (SELECT {SEEN})",
    "unseen": f"AND NOT EXISTS (SELECT {SEEN})",
    "found_since": "AND held.found_at > %(found_since)s",
    "only": "AND held.creator_id = ANY(CAST(%(only)s AS bigint[]))",
    "besides": "AND held.creator_id <> ALL(CAST(%(besides)s AS bigint[]))",
}
"""By name. `only` and `besides` are ids of creators."""


def in_scope(
    scope: Scope, campaign: Composition[Row], search: Composition[Row], searches: Composition[Row]
) -> Composition[Row]:
    """That of the three statements that reads this scope."""
    if isinstance(scope, CampaignScope):
        return campaign
    return search if len(scope.search_ids) == 1 else searches


def asked(
    user_id: ExternalUserId, scope: Scope, wanted: ResultFilter, more: Mapping[str, object] | None = None
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The names of the filters that are set, and the parameters of scope and filters."""
    set_filters = {
        field.name: value
        for field in fields(wanted)
        if (value := getattr(wanted, field.name)) != field.default and field.name != "include_unknown"
    }
    seen = set_filters.pop("seen_before", None)
    values: dict[str, Any] = {
        name: list(value) if isinstance(value, tuple) else value for name, value in set_filters.items()
    }
    names = [*values, *(["seen" if seen else "unseen"] if seen is not None else []), *(more or {})]
    if any("include_unknown" in FILTERS[name] for name in names):
        values["include_unknown"] = wanted.include_unknown
    return tuple(names), {"user_id": user_id, **_scope_values(scope), **values, **(more or {})}


def _scope_values(scope: Scope) -> dict[str, Any]:
    if isinstance(scope, CampaignScope):
        return {"campaign_id": scope.campaign_id}
    if len(scope.search_ids) == 1:
        return {"search_id": scope.search_ids[0]}
    return {"search_ids": list(scope.search_ids)}
