"""TikTok: search by keyword and by name, and profiles. Pages go by the answer's own cursor."""

from collections.abc import Mapping

import httpx

from tastemaker.core.platforms import Platform
from tastemaker.providers import parsing
from tastemaker.providers.asking import (
    checked_account,
    checked_cursor,
    checked_keyword,
    checked_options,
    checked_region,
)
from tastemaker.providers.base import Capability, CursorKind, KeywordQuery, Page, ProfileQuery
from tastemaker.providers.gathering import gather
from tastemaker.providers.parsing import dig
from tastemaker.providers.scrapecreators.envelope import (
    NAME,
    Account,
    Envelope,
    call,
    declaration,
    endpoint,
    look_up,
)
from tastemaker.providers.scrapecreators.tiktok_items import to_creator, to_post
from tastemaker.providers.scrapecreators.tiktok_profile import profile_of

DEADLINE_SECONDS = 30.0
KEYWORD = endpoint(
    "keyword",
    "/v1/tiktok/search/keyword",
    Capability.KEYWORD_SEARCH,
    deadline_seconds=DEADLINE_SECONDS,
    stable_id_path="search_item_list[].aweme_info.author.uid",
    page_size=30,
    cursor_kind=CursorKind.NUMBER,
)
USERS = endpoint(
    "users",
    "/v1/tiktok/search/users",
    Capability.USER_SEARCH,
    deadline_seconds=DEADLINE_SECONDS,
    stable_id_path="users[].user_info.uid",
    page_size=30,
    cursor_kind=CursorKind.NUMBER,
)
PROFILE = endpoint(
    "profile",
    "/v1/tiktok/profile",
    Capability.PROFILE,
    deadline_seconds=20.0,  # 99 in 100 recorded calls took less than 7.5
    stable_id_path="user.id",
)
PATH = KEYWORD.path
OPTIONS: Mapping[str, tuple[str, frozenset[str] | None]] = {
    "date_posted": ("date_posted", None),
    "sort_by": ("sort_by", None),
}


class ScrapeCreatorsTikTok:
    """Every page is one call, and so is a profile."""

    def __init__(self, key: str, *, base_url: str, deadline_seconds: float | None = None) -> None:
        self._account = Account(key, base_url.rstrip("/"))
        self.declaration = declaration(
            Platform.TIKTOK, self._account, KEYWORD, USERS, PROFILE, deadline_seconds=deadline_seconds
        )

    async def search_keyword(self, http: httpx.AsyncClient, query: KeywordQuery, cursor: str | None) -> Page:
        """Posts that match, each with its author. There is no bio: that takes the profile."""
        parameters = {
            "query": checked_keyword(query),
            "region": checked_region(query),
            "cursor": checked_cursor(cursor, provider=NAME),
            **checked_options(query, OPTIONS),
        }
        asked = self.declaration.endpoint("keyword")
        envelope = await call(http, self._account, asked, parameters, items_key="search_item_list")
        videos = [dig(item, "aweme_info") for item in envelope.items]
        gathered = gather((to_creator(dig(video, "author")), to_post(video)) for video in videos)
        if videos and not gathered.creators:
            raise envelope.unknown_form()
        return Page(
            creators=gathered.creators,
            posts=gathered.posts,
            next_cursor=next_cursor(envelope),
            cost=envelope.cost,
            raw=(envelope.raw,),
            skipped=gathered.skipped,
        )

    async def search_users(self, http: httpx.AsyncClient, query: KeywordQuery, cursor: str | None) -> Page:
        """Accounts whose name matches. `query.region` is not a parameter here and has no effect."""
        parameters = {
            "query": checked_keyword(query),
            "cursor": checked_cursor(cursor, provider=NAME),
            **checked_options(query, {}),
        }
        asked = self.declaration.endpoint("users")
        envelope = await call(http, self._account, asked, parameters, items_key="users")
        gathered = gather(
            ((to_creator(dig(item, "user_info")), None) for item in envelope.items), with_posts=False
        )
        if envelope.items and not gathered.creators:
            raise envelope.unknown_form()
        following = next_cursor(envelope)
        return Page(
            creators=gathered.creators,
            posts=(),
            next_cursor=None if following == cursor else following,
            cost=envelope.cost,
            raw=(envelope.raw,),
            skipped=gathered.skipped,
        )

    async def fetch_profile(self, http: httpx.AsyncClient, query: ProfileQuery) -> Page:
        """By id, which outlives a change of handle, where there is one; else by handle."""
        handle, stable_id = checked_account(query)
        checked_options(query, {})
        parameters = {"user_id": stable_id} if stable_id else {"handle": handle}
        envelope = await look_up(
            http,
            self._account,
            self.declaration.endpoint("profile"),
            parameters,
            has_result=lambda body: body.get("user") is not None,
        )
        return profile_of(envelope)


def next_cursor(envelope: Envelope) -> str | None:
    """The answer's own cursor, never a count of its items: pages overlap.

    `has_more` is 0 or 1; where it is missing, a page with items is followed by another.
    """
    more = parsing.truth(envelope.body.get("has_more"))
    if more is False or (more is None and not envelope.items):
        return None
    cursor = envelope.body.get("cursor")
    number = parsing.count(cursor)
    return parsing.text(cursor) if number is None else str(number or "") or None
