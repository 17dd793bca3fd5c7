"""What is shown of creators of the catalog. No e-mail address: the first look at one is charged."""

from dataclasses import dataclass
from datetime import datetime

from tastemaker.core.ids import CampaignId
from tastemaker.core.platforms import Platform
from tastemaker.db.statements import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoveredCreator:
    """A creator of the catalog. `texts` are those of its newest posts.

    `seen_in`: the latest of the user's campaigns that has the creator.
    """

    creator_id: int
    platform: Platform
    stable_id: str
    handle: str | None
    name: str | None
    bio: str | None
    followers: int | None
    verified: bool | None
    country: str | None
    language: str | None
    has_email: bool
    profile_url: str | None
    fetched_at: datetime
    last_post_at: datetime | None
    texts: tuple[str, ...]
    seen_in_id: CampaignId | None
    seen_in_name: str | None


LIST_DISCOVERED = statement(
    """
    SELECT c.id AS creator_id, c.platform, c.stable_id, c.handle, c.name, c.bio, c.followers, c.verified,
           c.country, coalesce(c.language, c.detected_language) AS language, c.emails <> '{}' AS has_email,
           c.profile_url, c.fetched_at, posts.last_post_at, posts.texts,
           seen.id AS seen_in_id, seen.name AS seen_in_name
    FROM unnest(CAST(%(ids)s AS bigint[])) WITH ORDINALITY AS wanted (id, place)
    JOIN creators c ON c.id = wanted.id
    CROSS JOIN LATERAL (
        SELECT max(p.published_at) AS last_post_at,
               coalesce(array_agg(left(concat_ws(E'\n', p.text, p.description), 1000)
                        ORDER BY p.published_at DESC NULLS LAST, p.id), '{}') AS texts
        FROM (SELECT * FROM posts own WHERE own.creator_id = c.id
              ORDER BY own.published_at DESC NULLS LAST LIMIT 20) p) posts
    LEFT JOIN LATERAL (
        SELECT campaign.id, campaign.name FROM campaign_creators held
        JOIN campaigns campaign ON campaign.id = held.campaign_id AND campaign.user_id = held.tenant_id
             AND campaign.deleting_since IS NULL
        WHERE held.tenant_id = %(user_id)s AND held.creator_id = c.id
        ORDER BY held.found_at DESC LIMIT 1) seen ON true
    ORDER BY wanted.place
    """,
    DiscoveredCreator,
    not_null="creator_id platform stable_id has_email fetched_at texts",
)

LIST_NEWEST_POSTS = statement(
    """
    SELECT id FROM posts WHERE creator_id = %(creator_id)s
    ORDER BY published_at DESC NULLS LAST, id LIMIT 30
    """,
    int,
)
