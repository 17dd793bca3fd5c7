"""What calls to providers cost: the ledger read in sums. For one user where given, else for everybody."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from sqlalchemy import RowMapping, TextClause, text

from tastemaker.core.ids import ExternalUserId
from tastemaker.core.platforms import Platform
from tastemaker.db.transaction import Transaction


class CostGrouping(StrEnum):
    """What costs are summed by."""

    PROVIDER = "provider"
    USER = "user"
    CAMPAIGN = "campaign"
    SEARCH = "search"
    DAY = "day"
    MONTH = "month"


NAMES = {
    CostGrouping.PROVIDER: "c.provider",
    CostGrouping.USER: "c.tenant_id",
    CostGrouping.CAMPAIGN: "(SELECT p.name FROM scraping_jobs j JOIN campaigns p ON p.id = j.campaign_id "
    "AND p.user_id = j.user_id WHERE j.id = c.job_id AND j.user_id = c.tenant_id)",
    CostGrouping.SEARCH: "c.job_id::text",
    CostGrouping.DAY: "to_char(c.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
    CostGrouping.MONTH: "to_char(c.started_at AT TIME ZONE 'UTC', 'YYYY-MM')",
}
"""By what, in SQL. A search that was deleted with its campaign leaves NULL."""


SUMS = """
    SELECT {name} AS name, count(*) AS pages, coalesce(sum(calls), 0) AS calls,
           coalesce(sum(units), 0) AS units, coalesce(sum(micros_usd), 0) AS micros_usd,
           coalesce(sum(micros_usd) FILTER (WHERE status = 'failed'), 0) AS failed_micros_usd,
           count(*) FILTER (WHERE status = 'failed') AS failed,
           count(*) FILTER (WHERE status = 'abandoned') AS lost,
           coalesce(sum(estimated_micros_usd) FILTER (WHERE status = 'abandoned'), 0) AS lost_micros_usd,
           count(*) FILTER (WHERE status = 'estimated') AS open,
           coalesce(sum(estimated_micros_usd) FILTER (WHERE status = 'estimated'), 0) AS open_micros_usd
    FROM provider_calls c
    WHERE (CAST(:user_id AS text) IS NULL OR c.tenant_id = :user_id)
      AND (CAST(:since AS date) IS NULL
           OR c.started_at >= CAST(CAST(:since AS date) AS timestamp) AT TIME ZONE 'UTC')
      AND (CAST(:until AS date) IS NULL
           OR c.started_at < CAST(CAST(:until AS date) + 1 AS timestamp) AT TIME ZONE 'UTC')
    GROUP BY 1 ORDER BY {order} LIMIT :limit
"""


YIELD = text("""
    SELECT sum(stored)::float / nullif(sum(pages), 0) FROM (
        SELECT r.stored, r.pages FROM scraping_runs r
        JOIN scraping_jobs j ON j.id = r.job_id AND j.user_id = r.tenant_id
        WHERE r.tenant_id = :user_id AND j.platform = :platform AND r.pages > 0
          AND (r.pages >= 5 OR r.end_reason IS DISTINCT FROM 'target_reached')
        ORDER BY r.created_at DESC LIMIT 200) recent
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class CostLine:
    """One line of the books. `failed` calls may have been charged all the same; so may the `lost` ones.

    Money in millionths of a US dollar. `micros_usd` is what was charged, failed calls included; the lost and
    the open ones are known by their estimate only.
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


async def list_costs(
    session: Transaction,
    by: CostGrouping,
    *,
    user_id: ExternalUserId | None = None,
    since: date | None = None,
    until: date | None = None,
    limit: int,
) -> Sequence[CostLine]:
    """The dearest first; days and months in their order. Both days are included, in UTC."""
    asked = {"user_id": user_id, "since": since, "until": until, "limit": limit}
    return [_cost_line(row) for row in (await session.execute(_sums(by), asked)).mappings()]


async def find_yield(session: Transaction, user_id: ExternalUserId, platform: Platform) -> float | None:
    """New creators a page brought in this user's last searches there; None where there was none.

    The target cuts the last page of a search, which would count for much where there were few pages.
    """
    asked = {"user_id": user_id, "platform": platform.value}
    return (await session.execute(YIELD, asked)).scalar_one()


def _sums(by: CostGrouping) -> TextClause:
    in_time = by in {CostGrouping.DAY, CostGrouping.MONTH}
    return text(SUMS.format(name=NAMES[by], order="1" if in_time else "5 DESC, 2 DESC, 1"))


def _cost_line(row: RowMapping) -> CostLine:
    numbers = {name: int(row[name]) for name in CostLine.__slots__ if name != "name"}
    return CostLine(name=row["name"], **numbers)
