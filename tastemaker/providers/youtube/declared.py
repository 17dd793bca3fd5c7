"""The YouTube Data API's calls: what each takes of which daily allowance, and the terms of what it says."""

from dataclasses import replace

from tastemaker.core.platforms import Platform
from tastemaker.providers.base import (
    Capability,
    Cost,
    CursorKind,
    DailyQuota,
    Declaration,
    Endpoint,
    PolicyClass,
)
from tastemaker.providers.youtube.calls import BATCH
from tastemaker.providers.youtube.refusals import QUOTA_ZONE

KEEP_DAYS = 30
DEADLINE_SECONDS = 30.0
CALLS_PER_SECOND = 5.0  # ours: the API publishes a daily quota, no rate
QUOTAS = (
    DailyQuota(name="searches", amount=1, allowed=100, zone=QUOTA_ZONE),
    DailyQuota(name="units", amount=2, allowed=10_000, zone=QUOTA_ZONE),
)
SEARCH_COST = Cost(calls=1, units=0)
LIST_COST = Cost(calls=1, units=1)
SEARCH = Endpoint(
    name="search",
    path="/youtube/v3/search",
    capability=Capability.KEYWORD_SEARCH,
    cost=SEARCH_COST,
    takes={"searches": 1},
    deadline_seconds=DEADLINE_SECONDS,
    stable_id_path="items[].snippet.channelId",
    page_size=BATCH,
    cursor_kind=CursorKind.TOKEN,
)
CHANNELS = Endpoint(
    name="channels",
    path="/youtube/v3/channels",
    capability=Capability.PROFILE,
    cost=LIST_COST,
    takes={"units": 1},
    deadline_seconds=DEADLINE_SECONDS,
    stable_id_path="items[].id",
    page_size=BATCH,
)
VIDEOS = Endpoint(
    name="videos",
    path="/youtube/v3/videos",
    capability=Capability.KEYWORD_SEARCH,
    cost=LIST_COST,
    takes={"units": 1},
    deadline_seconds=DEADLINE_SECONDS,
    stable_id_path="items[].snippet.channelId",
    page_size=BATCH,
)
PAGE_COST = SEARCH_COST + LIST_COST + LIST_COST


def declaration(
    account: str, *, contacts: bool, derived: bool, deadline_seconds: float | None
) -> Declaration:
    """`deadline_seconds` replaces each call's own."""
    endpoints: tuple[Endpoint, ...] = (SEARCH, CHANNELS, VIDEOS)
    if deadline_seconds is not None:
        endpoints = tuple(replace(one, deadline_seconds=deadline_seconds) for one in endpoints)
    return Declaration(
        name="youtube",
        platforms=frozenset({Platform.YOUTUBE}),
        capabilities=frozenset({Capability.KEYWORD_SEARCH, Capability.PROFILE}),
        page_size=BATCH,
        cost_per_page=PAGE_COST,
        calls_per_second=CALLS_PER_SECOND,
        policy=PolicyClass(
            name="youtube_api", keep_days=KEEP_DAYS, derived_metrics=derived, contacts=contacts
        ),
        stable_id_path=SEARCH.stable_id_path,
        cursor_kind=CursorKind.TOKEN,
        deadline_seconds=endpoints[0].deadline_seconds,
        endpoints=endpoints,
        prices={Capability.PROFILE: LIST_COST},
        account=account,
        quotas=QUOTAS,
    )
