"""Sums over the ledger of provider calls: for one user where given, else for everybody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from tastemaker.core.ids import ExternalUserId, SearchId
from tastemaker.core.platforms import Platform
from tastemaker.db.statements import any_of, composed, one_of, statement
from tastemaker.db.transaction import Transaction


class CostGrouping(StrEnum):
    """What costs are grouped by."""

    PROVIDER = "provider"
    USER = "user"
    CAMPAIGN = "campaign"
    SEARCH = "search"
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True, kw_only=True)
class CostLine:
    """The costs of one group. `failed` and `lost` calls may have been charged all the same.

    Money in millionths of a US dollar. `micros_usd` was charged, failed calls included; lost and open calls
    are known by their estimate only. `name` of a search that was deleted with its campaign is None.
    """

    name: str | None
    pages: int
    calls: int
    units: int
    micros_usd: int
    failed: int
    failed_micros_usd: int
    lost: int
    lost_micros_usd: int
    open: int
    open_micros_usd: int


LIST_COSTS = composed(
    """
    SELECT {name} AS name, count(*) AS pages, coalesce(sum(calls), 0) AS calls,
           coalesce(sum(units), 0) AS units, coalesce(sum(micros_usd), 0) AS micros_usd,
           coalesce(sum(micros_usd) FILTER (WHERE status = 'failed'), 0) AS failed_micros_usd,
           count(*) FILTER (WHERE status = 'failed') AS failed,
           count(*) FILTER (WHERE status = 'abandoned') AS lost,
           coalesce(sum(estimated_micros_usd) FILTER (WHERE status = 'abandoned'), 0) AS lost_micros_usd,
           count(*) FILTER (WHERE status = 'estimated') AS open,
           coalesce(sum(estimated_micros_usd) FILTER (WHERE status = 'estimated'), 0) AS open_micros_usd
    FROM provider_calls c
    WHERE true {filters}
    GROUP BY 1 ORDER BY {order} LIMIT %(limit)s
    """,
    CostLine,
    not_null="pages calls units micros_usd failed failed_micros_usd lost lost_micros_usd open"
    " open_micros_usd",
    name=one_of(
        provider="c.provider",
        user="c.tenant_id",
        campaign="(SELECT p.name FROM scraping_jobs j JOIN campaigns p ON p.id = j.campaign_id "
        "AND p.user_id = j.user_id WHERE j.id = c.job_id AND j.user_id = c.tenant_id)",
        search="c.job_id::text",
        day="to_char(c.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
        month="to_char(c.started_at AT TIME ZONE 'UTC', 'YYYY-MM')",
    ),
    filters=any_of(
        user="AND c.tenant_id = %(user_id)s",
        since="AND c.started_at >= CAST(CAST(%(since)s AS date) AS timestamp) AT TIME ZONE 'UTC'",
        until="AND c.started_at < CAST(CAST(%(until)s AS date) + 1 AS timestamp) AT TIME ZONE 'UTC'",
    ),
    order=one_of(time="1", cost="5 DESC, 2 DESC, 1"),
)


@dataclass(frozen=True, slots=True)
class SearchCost:
    """What one search has cost so far, in millionths of a US dollar."""

    calls: int
    micros_usd: int


@dataclass(frozen=True, slots=True)
class CostOfSearch(SearchCost):
    search_id: SearchId


LIST_SEARCH_COSTS = statement(
    """
    SELECT job_id AS search_id, coalesce(sum(calls), 0) AS calls, coalesce(sum(micros_usd), 0) AS micros_usd
    FROM provider_calls
    WHERE tenant_id = %(user_id)s AND job_id = ANY(CAST(%(search_ids)s AS uuid[]))
    GROUP BY job_id
    """,
    CostOfSearch,
    not_null="search_id calls micros_usd",
)

FIND_YIELD = statement(
    """
    SELECT sum(stored)::float / nullif(sum(pages), 0) FROM (
        SELECT r.stored, r.pages FROM scraping_runs r
        JOIN scraping_jobs j ON j.id = r.job_id AND j.user_id = r.tenant_id
        WHERE r.tenant_id = %(user_id)s AND j.platform = %(platform)s AND r.pages > 0
          AND (r.pages >= 5 OR r.end_reason IS DISTINCT FROM 'target_reached')
        ORDER BY r.created_at DESC LIMIT 200) recent
    """,
    float,
    nullable=True,
)


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds of a page's call: a tenth are faster than `fast`, a tenth slower than `slow`.

    None: there was no call yet.
    """

    fast: float | None
    slow: float | None


FIND_PACE = statement(
    """
    SELECT percentile_cont(0.1) WITHIN GROUP (ORDER BY seconds) AS fast,
           percentile_cont(0.9) WITHIN GROUP (ORDER BY seconds) AS slow
    FROM (
        SELECT extract(epoch FROM finished_at - started_at)::double precision AS seconds FROM provider_calls
        WHERE tenant_id = %(user_id)s AND provider = %(provider)s AND operation = 'search_keyword'
          AND status = 'charged' AND finished_at IS NOT NULL
        ORDER BY started_at DESC LIMIT 200) recent
    """,
    Pace,
)


async def list_costs(
    tx: Transaction,
    by: CostGrouping,
    *,
    user_id: ExternalUserId | None = None,
    since: date | None = None,
    until: date | None = None,
    limit: int,
) -> Sequence[CostLine]:
    """Highest cost first; days and months in their order. Both days are included, in UTC."""
    given = {"user": ("user_id", user_id), "since": ("since", since), "until": ("until", until)}
    filters = {name: pair for name, pair in given.items() if pair[1] is not None}
    order = "time" if by in {CostGrouping.DAY, CostGrouping.MONTH} else "cost"
    costs = LIST_COSTS.choose(name=by.value, filters=tuple(filters), order=order)
    return await tx.many(costs, limit=limit, **dict(filters.values()))


async def list_search_costs(
    tx: Transaction, user_id: ExternalUserId, search_ids: Sequence[SearchId]
) -> Mapping[SearchId, SearchCost]:
    """Of the searches that have cost calls."""
    rows = await tx.many(LIST_SEARCH_COSTS, user_id=user_id, search_ids=list(search_ids))
    return {row.search_id: row for row in rows}


async def find_yield(tx: Transaction, user_id: ExternalUserId, platform: Platform) -> float | None:
    """New creators per page in this user's last searches there; None without one.

    The target cuts the last page of a search, which would distort the yield of short searches.
    """
    return await tx.one(FIND_YIELD, user_id=user_id, platform=platform.value)


async def find_pace(tx: Transaction, user_id: ExternalUserId, provider: str) -> Pace:
    """Of this user's last calls of the provider, as the ledger has them."""
    return await tx.only(FIND_PACE, user_id=user_id, provider=provider)
