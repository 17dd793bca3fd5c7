"""Creators and posts as providers tell them, kept in the catalog."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from tastemaker.catalog.queries import Provenance, upsert
from tastemaker.core.platforms import Platform
from tastemaker.db.transaction import Transaction
from tastemaker.providers.base import Creator, Post

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LIVE = Provenance(source="youtube", policy="none", keep_days=None)
SANDBOX = Provenance(source="sandbox", policy="sandbox", keep_days=None)


def creator(number: int, **values: Any) -> Creator:  # noqa: ANN401 - fields of Creator
    given = {"platform": Platform.YOUTUBE, "handle": f"handle{number}", "name": f"Creator {number}"}
    return Creator(stable_id=f"UC{number:06}", **{**given, **values})


def post(number: int, of: int, text: str, **values: Any) -> Post:  # noqa: ANN401 - fields of Post
    given = {"platform": Platform.YOUTUBE, "url": None, "published_at": NOW}
    return Post(post_id=f"v{number}", creator_id=f"UC{of:06}", text=text, **{**given, **values})


async def keep(
    tx: Transaction,
    creators: Sequence[Creator],
    posts: Sequence[Post] = (),
    *,
    provenance: Provenance = LIVE,
    now: datetime = NOW,
) -> dict[str, int]:
    """The ids in the catalog by stable id."""
    written = await upsert(tx, creators, posts, provenance=provenance, now=now)
    return dict(written.creators)
