"""Rows for tests of what is shown: a creator and a search with everything in place."""

from datetime import UTC, datetime

from tastemaker.core.ids import CampaignId, ExternalUserId, SearchId, new_id
from tastemaker.core.platforms import Platform
from tastemaker.searches.results.queries import FoundCreator
from tastemaker.searches.types import Outcome, Search, Status

NOW = datetime(2026, 11, 23, 7, 30, tzinfo=UTC)


def found(name: str | None = "Anna Kowalska", handle: str | None = "annak", **fields: object) -> FoundCreator:
    values: dict[str, object] = {
        "position": 1,
        "platform": Platform.YOUTUBE,
        "stable_id": "1",
        "handle": handle,
        "name": name,
        "followers": 1_234_567,
        "bio": None,
        "emails": (),
        "links": (),
        "verified": None,
        "country": None,
        "language": None,
        "profile_url": None,
        "post_text": None,
        "post_url": None,
        "post_published_at": None,
        "views": 340_000,
        "likes": 999,
        "comments": None,
        "shares": None,
        "duration_seconds": None,
        "hashtags": (),
        "keyword": "chess",
        "matched_in": ("post", "hashtag"),
        "search_id": SearchId(new_id()),
        "similarity": None,
        "because": (),
    }
    return FoundCreator(**{**values, **fields})  # type: ignore[arg-type]  # object, so that rows stay short


def search(outcome: Outcome | None = None, status: Status = Status.COMPLETED, **fields: object) -> Search:
    values: dict[str, object] = {
        "id": SearchId(new_id()),
        "user_id": ExternalUserId("local"),
        "campaign_id": CampaignId(new_id()),
        "campaign_name": "chess",
        "platform": Platform.YOUTUBE,
        "keywords": ("chess",),
        "source": "sandbox",
        "status": status,
        "outcome": outcome,
        "target": 500,
        "stored": 120,
        "pages": 3,
        "skipped": 0,
        "progress": 24.0,
        "error": None,
        "parked_until": None,
        "parked_reason": None,
        "created_at": NOW,
        "started_at": NOW,
        "completed_at": NOW,
    }
    return Search(**{**values, **fields})  # type: ignore[arg-type]  # object, so that rows stay short
