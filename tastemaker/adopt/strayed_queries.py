"""Searches that stood in the campaign of another user, which the database refuses."""

from datetime import datetime
from typing import Any, Final

from psycopg import Connection, sql

from tastemaker.adopt.ledger_queries import Counts
from tastemaker.adopt.rows_queries import ADOPTED_CAMPAIGN, ADOPTED_SEARCHES

ADD_CAMPAIGNS: Final = f"""
WITH owners AS (
    SELECT s.user_id, min(coalesce(s.created_at, s.updated_at, %(moment)s)) AS created_at
    FROM source_scraping_jobs s JOIN adoption_people p ON p.user_id = s.user_id
    JOIN public.campaigns c ON c.id = s.campaign_id AND c.user_id <> s.user_id
    GROUP BY s.user_id
), made AS (
    INSERT INTO public.campaigns (id, user_id, name, search_type, status, created_at, updated_at)
    SELECT {ADOPTED_CAMPAIGN}, s.user_id, '{ADOPTED_SEARCHES}', 'keyword', 'completed', s.created_at,
           s.created_at
    FROM owners s RETURNING id
)
INSERT INTO adoption_queue_campaigns (n, id)
SELECT (SELECT coalesce(max(n), 0) FROM adoption_queue_campaigns) + row_number() OVER (ORDER BY id), id
FROM made
"""  # noqa: S608 - of this module's own constants

_STRAYED: Final = """
SELECT s.id::text, s.user_id, s.campaign_id::text, c.user_id FROM {searches} s
JOIN {campaigns} c ON c.id = s.campaign_id AND c.user_id <> s.user_id ORDER BY 1 LIMIT 100
"""


def add_campaigns(connection: Connection[Any], moment: datetime) -> Counts:
    """For searches that stood in another user's campaign; the database refuses them there."""
    return {"made": connection.execute(ADD_CAMPAIGNS, {"moment": moment}).rowcount}


def list_strayed(
    connection: Connection[Any], *, before: sql.Composable | None = None
) -> list[dict[str, Any]]:
    """The first hundred searches in another user's campaign. `before`: the sources as a WITH clause."""
    query = sql.SQL(_STRAYED).format(
        searches=sql.Identifier("source_scraping_jobs"), campaigns=sql.Identifier("source_campaigns")
    )
    rows = connection.execute(before + query if before is not None else query).fetchall()
    names = ("search", "owner", "campaign", "owner_of_the_campaign")
    return [dict(zip(names, (str(value)[:100] for value in row), strict=True)) for row in rows]
