"""A search and its runs as rows are read."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tastemaker.core.ids import CampaignId, ExternalUserId, RunId, SearchId
from tastemaker.core.platforms import Platform
from tastemaker.searches.states import EndReason, Outcome, Status

SANDBOX: Final = "sandbox"
LIVE: Final = "live"
"""The sources of a search: made-up creators, or those of the platforms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """`stored` creators of at most `target`; `parked_until` says when a parked one goes on."""

    id: SearchId
    user_id: ExternalUserId
    campaign_id: CampaignId | None
    campaign_name: str | None
    platform: Platform
    keywords: tuple[str, ...]
    source: str | None
    status: Status
    outcome: Outcome | None
    target: int
    stored: int
    pages: int
    progress: float
    error: str | None
    parked_until: datetime | None
    parked_reason: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One keyword: `found` counts creators on its pages with repeats, `stored` those it brought first."""

    id: RunId
    keyword: str
    status: Status
    end_reason: EndReason | None
    pages: int
    found: int
    stored: int
    failures: int
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One page about to be fetched: what to ask for, and the version that keeping it is fenced by.

    `max_cost`: what the whole search may cost, in millionths of a US dollar.
    """

    run_id: RunId
    search_id: SearchId
    user_id: ExternalUserId
    keyword: str
    region: str | None
    cursor: str | None
    version: int
    is_begun: bool
    timed_out: bool
    parked_for: float
    lacks_key: bool = False
    max_cost: int | None = None
    outlook: "Outlook | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """How a run stood when its last page was kept: `room` is what the search still had for creators."""

    room: int
    pages: int
    barren_pages: int
    seen_cursors: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedSearch:
    """`excludes`, `suppresses`: there are lists to look into; `lacks_key`: one that we cannot read.

    `has_to_wait`: it is parked, or its time is over.
    """

    status: Status
    target: int
    stored: int
    now: datetime
    excludes: bool
    suppresses: bool
    lacks_key: bool
    has_to_wait: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedRun:
    status: Status
    version: int
    pages: int
    barren_pages: int
    seen_cursors: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parking:
    """`is_new`: it was not parked before; `stored` is what the search holds."""

    until: datetime
    stored: int
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EndState:
    """Why each run ended, and what the search holds of what was asked."""

    reasons: tuple[EndReason, ...]
    stored: int
    target: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCreator:
    """A row of the results: the creator as the catalog knows it now, and the post that matched."""

    position: int
    platform: Platform
    stable_id: str
    handle: str | None
    name: str | None
    followers: int | None
    bio: str | None
    emails: tuple[str, ...]
    links: tuple[str, ...]
    verified: bool | None
    country: str | None
    profile_url: str | None
    post_text: str | None
    post_url: str | None
    post_published_at: datetime | None
    views: int | None
    likes: int | None
    comments: int | None
    shares: int | None
    duration_seconds: int | None
    hashtags: tuple[str, ...]
    keyword: str
    matched_in: tuple[str, ...]
    search_id: SearchId
