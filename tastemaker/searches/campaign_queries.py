"""What all searches of a campaign came to, by platform."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg.rows import dict_row

from tastemaker.core.ids import CampaignId, ExternalUserId
from tastemaker.core.platforms import Platform
from tastemaker.db.claims import Tenant
from tastemaker.db.engine import Database
from tastemaker.db.reading import read_one


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformResults:
    """`creators` are different ones; `stored` counts one again that several of the searches found."""

    platform: Platform
    searches: int
    open_searches: int
    result_pages: int
    stored: int
    creators: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignResults:
    """A campaign without searches has no platforms."""

    id: CampaignId
    name: str
    description: str | None
    search_type: str
    status: str
    created_at: datetime
    platforms: tuple[PlatformResults, ...]

    @property
    def creators(self) -> int:
        return sum(part.creators for part in self.platforms)

    @property
    def searches(self) -> int:
        return sum(part.searches for part in self.platforms)


FIND_CAMPAIGN_RESULTS: Final = """
    SELECT c.id, c.name, c.description, c.search_type, c.status, c.created_at,
           coalesce(jsonb_agg(p ORDER BY p.platform) FILTER (WHERE p.platform IS NOT NULL), '[]') AS platforms
    FROM campaigns c
    LEFT JOIN LATERAL (
        SELECT lower(j.platform) AS platform, count(*) AS searches,
               count(*) FILTER (WHERE j.status IN ('pending', 'processing')) AS open_searches,
               sum((SELECT count(*) FROM scraping_results r
                    WHERE r.job_id = j.id AND r.user_id = j.user_id)) AS result_pages,
               sum(j.processed_results) AS stored,
               (SELECT count(DISTINCT found.stable_id) FROM search_creators found
                WHERE found.tenant_id = %(user_id)s AND found.job_id = ANY(array_agg(j.id))) AS creators
        FROM scraping_jobs j
        WHERE j.user_id = %(user_id)s AND j.campaign_id = c.id
        GROUP BY lower(j.platform)) p ON true
    WHERE c.user_id = %(user_id)s AND c.id = %(campaign_id)s AND c.deleting_since IS NULL
    GROUP BY c.id
"""


async def find_campaign_results(
    database: Database, user_id: ExternalUserId, campaign_id: CampaignId
) -> CampaignResults | None:
    asked = {"user_id": user_id, "campaign_id": campaign_id}
    row = await read_one(database, Tenant(user_id), FIND_CAMPAIGN_RESULTS, asked, row=dict_row)
    if row is None:
        return None
    return CampaignResults(**{**row, "platforms": tuple(_platform(part) for part in row["platforms"])})


def _platform(part: dict[str, Any]) -> PlatformResults:
    return PlatformResults(**{**part, "platform": Platform.parse(part["platform"])})
