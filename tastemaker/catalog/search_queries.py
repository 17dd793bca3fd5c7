"""The statements that search the catalog's documents (`document_queries`)."""

from dataclasses import dataclass
from typing import Final

from tastemaker.db.statements import any_of, composed, one_of, statement

ORDERS: Final = {
    "score": (
        "(30 * ts_rank('{0.1, 0.2, 0.4, 1}', doc.terms, CAST(%(words)s AS tsquery)) + doc.rank)",
        "double precision",
    ),
    "relevance": ("doc.rank", "real"),
    "followers": ("coalesce(doc.followers, -1)", "bigint"),
    "last_post": ("coalesce(doc.last_post_at, '-infinity')", "timestamptz"),
}
"""The key by which an order descends, and its type. Each but the first has an index on (key, creator_id).

`score`: where the words stand comes first, then the rank. A word in the name outweighs any rank.
"""

_FITS: Final = """coalesce(
        doc.followers >= coalesce(CAST(%(min_followers)s AS bigint), 0)
        AND doc.followers <= coalesce(CAST(%(max_followers)s AS bigint), doc.followers),
        CAST(%(include_unknown)s AS boolean))"""

_FOUND: Final = """EXISTS (
        SELECT FROM campaign_creators held
        WHERE held.tenant_id = %(tenant_id)s AND held.creator_id = doc.creator_id
          AND held.campaign_id = ANY(CAST(%({name})s AS uuid[])))"""

FILTERS: Final = {
    "sample": "AND doc.bucket = 7",
    "real": "AND NOT doc.made_up",
    "followers": f"AND {_FITS}",
    "posted_within": """AND coalesce(
        doc.last_post_at >= app_now() - make_interval(days => CAST(%(posted_within)s AS integer)),
        CAST(%(include_unknown)s AS boolean))""",
    "seen_since": "AND doc.seen_at >= CAST(%(seen_since)s AS timestamptz)",
    "found_in": f"AND {_FOUND.format(name='found_in')}",
    "not_found_in": f"AND NOT {_FOUND.format(name='not_found_in')}",
}


@dataclass(frozen=True, slots=True)
class FacetGroup:
    """Creators with the same facets. `fits`: whether their followers are in the range that is wanted."""

    facets: str
    fits: bool
    creators: int


@dataclass(frozen=True, slots=True)
class FoundId:
    """`key`: what the order goes by, as text."""

    id: int
    key: str


COUNT = composed(
    """
    SELECT doc.facets, {fits} AS fits, count(*) AS creators
    FROM creator_documents doc WHERE doc.terms @@ CAST(%(terms)s AS tsquery) {filters}
    GROUP BY 1, 2
    """,
    FacetGroup,
    not_null="fits creators",
    fits=one_of(all="true", range=_FITS),
    filters=any_of(**FILTERS),
)

_AFTER: Final = any_of(
    **{
        name: f"AND ({key}, doc.creator_id) < (CAST(%(after_{name})s AS {kind}), %(after_id)s)"
        for name, (key, kind) in ORDERS.items()
    }
)
_ORDER: Final = one_of(**{name: key for name, (key, _) in ORDERS.items()})

WALK = composed(
    """
    SELECT doc.creator_id AS id, CAST({order} AS text) AS key
    FROM creator_documents doc WHERE doc.terms @@ CAST(%(terms)s AS tsquery) {filters} {after}
    ORDER BY {order} DESC, doc.creator_id DESC LIMIT %(limit)s
    """,
    FoundId,
    not_null="key",
    filters=any_of(**FILTERS),
    order=_ORDER,
    after=_AFTER,
)
"""Along the index of the order until the page is full: for what many creators match."""

PICK = composed(
    """
    SELECT doc.creator_id AS id, CAST({order} AS text) AS key
    FROM (SELECT * FROM creator_documents doc
          WHERE doc.terms @@ CAST(%(terms)s AS tsquery) {filters} OFFSET 0) doc
    WHERE true {after}
    ORDER BY {order} DESC, doc.creator_id DESC LIMIT %(limit)s
    """,
    FoundId,
    not_null="key",
    filters=any_of(**FILTERS),
    order=_ORDER,
    after=_AFTER,
)
"""All that match, by the index of terms, then sorted. OFFSET 0 keeps the planner from walking."""

LIST_ALIKE = composed(
    """
    SELECT doc.creator_id AS id, CAST(word_similarity(CAST(%(name)s AS text), doc.names) AS text) AS key
    FROM creator_documents doc
    WHERE CAST(%(name)s AS text) <%% doc.names AND doc.terms @@ CAST(%(terms)s AS tsquery) {filters}
    ORDER BY word_similarity(CAST(%(name)s AS text), doc.names) DESC, doc.rank DESC, doc.creator_id DESC
    LIMIT %(limit)s
    """,
    FoundId,
    not_null="key",
    filters=any_of(**FILTERS),
)
"""Names and handles that are written nearly so."""

PREPARE = statement(
    """
    SELECT concat(set_config('work_mem', '64MB', true), set_config('jit', 'off', true),
                  set_config('plan_cache_mode', 'force_custom_plan', true),
                  set_config('pg_trgm.word_similarity_threshold', '0.5', true)) AS settings
    """,
    str,
    not_null="settings",
)
"""With less memory a bitmap forgets rows and reads whole pages again. A plan for every query fits none."""

TO_WALK = statement(
    """
    SELECT concat(set_config('enable_bitmapscan', 'off', true), set_config('enable_sort', 'off', true),
                  set_config('enable_seqscan', 'off', true), set_config('statement_timeout', '40ms', true))
           AS settings
    """,
    str,
    not_null="settings",
)
"""A walk that finds too few in its time is given up."""
