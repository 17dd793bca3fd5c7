"""Keyword search among Instagram's reels: pages 1 to 11, slow, without bios, hashtags only in the caption."""

from collections.abc import Mapping

import httpx

from tastemaker.core.platforms import Platform
from tastemaker.providers import parsing
from tastemaker.providers.asking import checked_keyword, checked_options, unknown_cursor
from tastemaker.providers.base import Creator, CursorKind, KeywordQuery, Page, Post
from tastemaker.providers.gathering import gather
from tastemaker.providers.mentions import emails_in, hashtags_in, links_in
from tastemaker.providers.parsing import dig
from tastemaker.providers.scrapecreators.envelope import NAME, Account, call, declaration

PATH = "/v2/instagram/reels/search"
PAGE_SIZE = 10
LAST_PAGE = 11
DEADLINE_SECONDS = 90.0  # calls of 3 to 70 seconds were recorded
OPTIONS: Mapping[str, tuple[str, frozenset[str] | None]] = {"date_posted": ("date_posted", None)}

_PAGES = frozenset(map(str, range(1, LAST_PAGE + 1)))
_VIEWS = ("video_play_count", "play_count", "ig_play_count", "video_view_count")


class ScrapeCreatorsInstagram:
    """One page is one call: reels that match, each with its owner."""

    def __init__(self, key: str, *, base_url: str, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self._account = Account(key, base_url.rstrip("/"), deadline_seconds)
        self.declaration = declaration(
            Platform.INSTAGRAM,
            page_size=PAGE_SIZE,
            stable_id_path="reels[].owner.id",
            cursor_kind=CursorKind.PAGE,
            deadline_seconds=deadline_seconds,
        )

    async def search_keyword(self, http: httpx.AsyncClient, query: KeywordQuery, cursor: str | None) -> Page:
        """`query.region` is not a parameter of this endpoint and has no effect."""
        page = _page_number(cursor)
        parameters = {
            "query": checked_keyword(query),
            "page": str(page),
            **checked_options(query, OPTIONS),
        }
        envelope = await call(http, self._account, PATH, parameters, items_key="reels")
        gathered = gather((to_creator(reel), to_post(reel)) for reel in envelope.items)
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


def to_creator(reel: object) -> Creator | None:
    owner = dig(reel, "owner")
    owner_id = _owner_id(owner)
    if owner_id is None:
        return None
    handle = parsing.handle(dig(owner, "username"))
    bio = parsing.text(dig(owner, "biography"))
    return Creator(
        platform=Platform.INSTAGRAM,
        stable_id=owner_id,
        handle=handle,
        name=parsing.text(dig(owner, "full_name")),
        bio=bio,
        followers=parsing.count(dig(owner, "follower_count")),
        posts_count=parsing.count(dig(owner, "post_count")),
        verified=parsing.truth(dig(owner, "is_verified")),
        private=parsing.truth(dig(owner, "is_private")),
        avatar_url=parsing.web_address(dig(owner, "profile_pic_url")),
        profile_url=f"https://www.instagram.com/{handle}/" if handle else None,
        emails=emails_in(bio),
        links=links_in(bio),
    )


def to_post(reel: object) -> Post | None:
    """Hidden likes are sent as -1. The reel's id also exists as its short code."""
    post_id = parsing.identifier(dig(reel, "id")) or parsing.identifier(dig(reel, "pk"))
    creator_id = _owner_id(dig(reel, "owner"))
    if post_id is None or creator_id is None:
        return None
    short_code = parsing.identifier(dig(reel, "shortcode"))
    caption = parsing.text(dig(reel, "caption")) or parsing.text(dig(reel, "caption", "text"))
    views = (parsing.count(dig(reel, name)) for name in _VIEWS)
    return Post(
        platform=Platform.INSTAGRAM,
        post_id=post_id,
        creator_id=creator_id,
        text=caption,
        url=f"https://www.instagram.com/reel/{short_code}/"
        if short_code
        else parsing.web_address(dig(reel, "url")),
        published_at=parsing.moment(dig(reel, "taken_at")),
        views=next((number for number in views if number is not None), None),
        likes=parsing.count(dig(reel, "like_count")),
        comments=parsing.count(dig(reel, "comment_count")),
        duration_seconds=parsing.seconds(dig(reel, "video_duration")),
        hashtags=hashtags_in(caption),
        sponsored=parsing.either(dig(reel, "is_paid_partnership"), dig(reel, "is_ad")),
        thumbnail_url=parsing.web_address(dig(reel, "thumbnail_src"))
        or parsing.web_address(dig(reel, "display_url")),
        short_code=short_code,
    )


def _owner_id(owner: object) -> str | None:
    return parsing.identifier(dig(owner, "id")) or parsing.identifier(dig(owner, "pk"))


def _page_number(cursor: str | None) -> int:
    if cursor is None:
        return 1
    if cursor not in _PAGES:
        raise unknown_cursor(NAME)
    return int(cursor)
