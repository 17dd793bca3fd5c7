"""What the dashboard and the pages of campaigns read: campaigns with their figures, and keywords' yield."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from tastemaker.core.ids import CampaignId, ExternalUserId, SearchId
from tastemaker.core.platforms import Platform
from tastemaker.db.enums import CampaignStatus
from tastemaker.db.statements import any_of, composed, one_of, statement
from tastemaker.db.transaction import Transaction

PAGE_SIZE: Final = 50
MOST_KEYWORDS: Final = 10_000
MOST_NAMES: Final = 200


class CampaignOrder(StrEnum):
    """Names from A to Z; the largest figure and the newest activity first."""

    ACTIVITY = "activity"
    NAME = "name"
    SEARCHES = "searches"
    CREATORS = "creators"
    COST = "cost"


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignFigures:
    """`stored` counts a creator once for each search that found it; `total`: rows of the whole list."""

    id: CampaignId
    name: str
    description: str | None
    status: CampaignStatus
    searches: int
    open_searches: int
    stored: int
    active_at: datetime
    micros_usd: int
    total: int


LIST_CAMPAIGNS = composed(
    """
    SELECT c.id, c.name, c.description, c.status, coalesce(s.searches, 0) AS searches,
           coalesce(s.open_searches, 0) AS open_searches, coalesce(s.stored, 0) AS stored,
           coalesce(s.active_at, c.created_at) AS active_at, coalesce(p.micros_usd, 0) AS micros_usd,
           count(*) OVER () AS total
    FROM campaigns c
    LEFT JOIN (
        SELECT campaign_id, count(*) AS searches, sum(processed_results) AS stored,
               max(coalesce(completed_at, updated_at)) AS active_at,
               count(*) FILTER (WHERE status IN ('pending', 'processing')) AS open_searches
        FROM scraping_jobs WHERE user_id = %(user_id)s GROUP BY campaign_id) s ON s.campaign_id = c.id
    LEFT JOIN (
        SELECT j.campaign_id, sum(p.micros_usd) AS micros_usd
        FROM provider_calls p JOIN scraping_jobs j ON j.id = p.job_id AND j.user_id = p.tenant_id
        WHERE p.tenant_id = %(user_id)s AND p.micros_usd > 0 GROUP BY j.campaign_id) p
        ON p.campaign_id = c.id
    WHERE c.user_id = %(user_id)s AND c.deleting_since IS NULL {filters}
    ORDER BY {order}, c.id
    LIMIT %(limit)s OFFSET %(skip)s
    """,
    CampaignFigures,
    not_null="id name status searches open_searches stored active_at micros_usd total",
    filters=any_of(
        name=r"AND c.name ILIKE '%%' || %(name)s || '%%' ESCAPE '\'",
        current="AND c.status <> 'archived'",
        status="AND c.status = %(status)s",
    ),
    order=one_of(
        activity="active_at DESC",
        name="lower(c.name)",
        searches="searches DESC",
        creators="stored DESC",
        cost="micros_usd DESC",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeywordYield:
    """One keyword on one platform in all searches of a campaign; `seen` counts creators with repeats."""

    platform: Platform
    keyword: str
    searches: int
    seen: int
    stored: int
    pages: int
    micros_usd: int


LIST_YIELDS = statement(
    """
    SELECT lower(j.platform) AS platform, r.keyword, count(*) AS searches, sum(r.found) AS seen,
           sum(r.stored) AS stored, sum(r.pages) AS pages, coalesce(sum(p.micros_usd), 0) AS micros_usd
    FROM scraping_jobs j
    JOIN scraping_runs r ON r.job_id = j.id AND r.tenant_id = j.user_id
    LEFT JOIN (
        SELECT run_id, sum(micros_usd) AS micros_usd FROM provider_calls
        WHERE tenant_id = %(user_id)s AND job_id IN (
            SELECT id FROM scraping_jobs WHERE user_id = %(user_id)s AND campaign_id = %(campaign_id)s)
        GROUP BY run_id) p ON p.run_id = r.id
    WHERE j.user_id = %(user_id)s AND j.campaign_id = %(campaign_id)s
    GROUP BY 1, r.keyword
    ORDER BY stored DESC, seen DESC, r.keyword, 1
    LIMIT %(limit)s
    """,
    KeywordYield,
    not_null="platform keyword searches seen stored pages micros_usd",
)


@dataclass(frozen=True, slots=True)
class OtherCampaign:
    """A campaign whose creators a new search can leave out."""

    id: CampaignId
    name: str
    stored: int


LIST_OTHERS = statement(
    """
    SELECT c.id, c.name, sum(j.processed_results) AS stored
    FROM campaigns c JOIN scraping_jobs j ON j.campaign_id = c.id AND j.user_id = c.user_id
    WHERE c.user_id = %(user_id)s AND c.deleting_since IS NULL
    GROUP BY c.id HAVING sum(j.processed_results) > 0
    ORDER BY max(j.created_at) DESC, c.id LIMIT %(limit)s
    """,
    OtherCampaign,
    not_null="stored",
)

LIST_NAMES = statement(
    """
    SELECT name FROM campaigns
    WHERE user_id = %(user_id)s AND deleting_since IS NULL AND status <> 'archived'
      AND search_type = 'keyword'
    ORDER BY created_at DESC, id LIMIT %(limit)s
    """,
    str,
)


@dataclass(frozen=True, slots=True)
class SearchLimits:
    """What a search was limited to; `max_cost` in millionths of a US dollar."""

    region: str | None
    max_cost: int | None
    enrich: bool
    criteria: Any


FIND_LIMITS = statement(
    """
    SELECT search_params ->> 'region' AS region, CAST(search_params ->> 'max_cost' AS bigint) AS max_cost,
           coalesce(CAST(search_params ->> 'enrich' AS boolean), false) AS enrich,
           search_params -> 'criteria' AS criteria
    FROM scraping_jobs WHERE user_id = %(user_id)s AND id = %(search_id)s
    """,
    SearchLimits,
    not_null="enrich",
)

COUNT_EXCLUSIONS = statement(
    "SELECT count(*) FROM exclusions WHERE tenant_id = %(user_id)s AND campaign_id IS NULL",
    int,
    not_null="count",
)


async def list_campaign_figures(
    tx: Transaction,
    user_id: ExternalUserId,
    *,
    name: str = "",
    status: CampaignStatus | None = None,
    order: CampaignOrder = CampaignOrder.ACTIVITY,
    page: int = 1,
    limit: int = PAGE_SIZE,
) -> list[CampaignFigures]:
    """Without a status all that are not archived. `name`: a part of the name, in any case."""
    values: dict[str, Any] = {"user_id": user_id, "limit": limit, "skip": (page - 1) * limit}
    filters = ["status" if status else "current"]
    if status:
        values["status"] = status.value
    if name:
        filters.append("name")
        values["name"] = name.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return await tx.many(LIST_CAMPAIGNS.choose(filters=filters, order=order.value), **values)


async def list_yields(
    tx: Transaction, user_id: ExternalUserId, campaign_id: CampaignId
) -> Sequence[KeywordYield]:
    """The most productive keyword first; also those of which no page was read."""
    return await tx.many(LIST_YIELDS, user_id=user_id, campaign_id=campaign_id, limit=MOST_KEYWORDS)


async def list_other_campaigns(tx: Transaction, user_id: ExternalUserId) -> Sequence[OtherCampaign]:
    """Those that found somebody, the last searched first."""
    return await tx.many(LIST_OTHERS, user_id=user_id, limit=MOST_NAMES)


async def list_campaign_names(tx: Transaction, user_id: ExternalUserId) -> Sequence[str]:
    """Of those that take a search by keyword, newest first."""
    return await tx.many(LIST_NAMES, user_id=user_id, limit=MOST_NAMES)


async def count_exclusions(tx: Transaction, user_id: ExternalUserId) -> int:
    """Those that apply in every campaign of the user."""
    return await tx.only(COUNT_EXCLUSIONS, user_id=user_id)


async def find_limits(tx: Transaction, user_id: ExternalUserId, search_id: SearchId) -> SearchLimits:
    """Raises LookupError where there is no such search."""
    return await tx.only(FIND_LIMITS, user_id=user_id, search_id=search_id)
