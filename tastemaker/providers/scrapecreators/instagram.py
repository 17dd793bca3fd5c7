"""Instagram: keyword search among reels (pages 1 to 11, slow, without bios), and profiles."""

from collections.abc import Mapping

import httpx

from tastemaker.core.platforms import Platform
from tastemaker.providers.asking import checked_account, checked_keyword, checked_options, unknown_cursor
from tastemaker.providers.base import Capability, CursorKind, KeywordQuery, Page, ProfileQuery
from tastemaker.providers.gathering import gather
from tastemaker.providers.parsing import dig
from tastemaker.providers.scrapecreators.envelope import (
    NAME,
    Account,
    call,
    declaration,
    endpoint,
    look_up,
)
from tastemaker.providers.scrapecreators.instagram_items import to_creator, to_post
from tastemaker.providers.scrapecreators.instagram_profile import basic_profile_of, profile_of

LAST_PAGE = 11
DEADLINE_SECONDS = 90.0  # calls of 3 to 70 seconds were recorded
REELS = endpoint(
    "reels",
    "/v2/instagram/reels/search",
    Capability.KEYWORD_SEARCH,
    deadline_seconds=DEADLINE_SECONDS,
    stable_id_path="reels[].owner.id",
    page_size=10,
    cursor_kind=CursorKind.PAGE,
)
PROFILE = endpoint(
    "profile",
    "/v1/instagram/profile",
    Capability.PROFILE,
    deadline_seconds=DEADLINE_SECONDS,
    stable_id_path="data.user.id",
)
BASIC_PROFILE = endpoint(
    "basic_profile",
    "/v1/instagram/basic-profile",
    Capability.PROFILE,
    deadline_seconds=DEADLINE_SECONDS,
    stable_id_path="pk",
)
PATH = REELS.path
OPTIONS: Mapping[str, tuple[str, frozenset[str] | None]] = {"date_posted": ("date_posted", None)}

_PAGES = frozenset(map(str, range(1, LAST_PAGE + 1)))


class ScrapeCreatorsInstagram:
    """Every page is one call, and so is a profile."""

    def __init__(self, key: str, *, base_url: str, deadline_seconds: float | None = None) -> None:
        self._account = Account(key, base_url.rstrip("/"))
        self.declaration = declaration(
            Platform.INSTAGRAM,
            self._account,
            REELS,
            PROFILE,
            BASIC_PROFILE,
            deadline_seconds=deadline_seconds,
        )

    async def search_keyword(self, http: httpx.AsyncClient, query: KeywordQuery, cursor: str | None) -> Page:
        """Reels that match, each with its owner. `query.region` is not a parameter and has no effect."""
        page = _page_number(cursor)
        parameters = {
            "query": checked_keyword(query),
            "page": str(page),
            **checked_options(query, OPTIONS),
        }
        asked = self.declaration.endpoint("reels")
        envelope = await call(http, self._account, asked, parameters, items_key="reels")
        gathered = gather((to_creator(dig(reel, "owner")), to_post(reel)) for reel in envelope.items)
        if envelope.items and not gathered.creators:
            raise envelope.unknown_form()
        return Page(
            creators=gathered.creators,
            posts=gathered.posts,
            next_cursor=str(page + 1) if envelope.items and page < LAST_PAGE else None,
            cost=envelope.cost,
            raw=(envelope.raw,),
            skipped=gathered.skipped,
        )

    async def fetch_profile(self, http: httpx.AsyncClient, query: ProfileQuery) -> Page:
        """By handle with its latest posts; by id alone, which outlives a change of handle, without them."""
        handle, stable_id = checked_account(query)
        checked_options(query, {})
        if handle is None:
            return await self._fetch_basic(http, stable_id)
        envelope = await look_up(
            http,
            self._account,
            self.declaration.endpoint("profile"),
            {"handle": handle},
            has_result=lambda body: dig(body, "data", "user") is not None,
        )
        return profile_of(envelope)

    async def _fetch_basic(self, http: httpx.AsyncClient, stable_id: str | None) -> Page:
        envelope = await look_up(
            http,
            self._account,
            self.declaration.endpoint("basic_profile"),
            {"userId": stable_id},
            has_result=lambda body: body.get("username") is not None,
        )
        return basic_profile_of(envelope)


def _page_number(cursor: str | None) -> int:
    if cursor is None:
        return 1
    if cursor not in _PAGES:
        raise unknown_cursor(NAME)
    return int(cursor)
