"""TikTok: search by keyword and by name, and profiles. Pages go by the answer's own cursor."""

from collections.abc import Mapping

import httpx

from tastemaker.core.platforms import Platform
from tastemaker.core.prose import distinct_hashtags, distinct_links, emails_in, hashtags_in, links_in
from tastemaker.providers import parsing
from tastemaker.providers.base import Capability, Creator, CursorKind, KeywordQuery, Page, Post, ProfileQuery
from tastemaker.providers.parameters import (
    checked_account,
    checked_cursor,
    checked_keyword,
    checked_options,
    checked_region,
)
from tastemaker.providers.parsing import dig, gather
from tastemaker.providers.scrapecreators.envelope import (
    NAME,
    Credentials,
    Envelope,
    call,
    declaration,
    endpoint,
    look_up,
)

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

_MILLISECONDS = 1000


class ScrapeCreatorsTikTok:
    """Every page is one call, and so is a profile."""

    def __init__(self, key: str, *, base_url: str, deadline_seconds: float | None = None) -> None:
        self._credentials = Credentials(key, base_url.rstrip("/"))
        self.declaration = declaration(
            Platform.TIKTOK, self._credentials, KEYWORD, USERS, PROFILE, deadline_seconds=deadline_seconds
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
        envelope = await call(http, self._credentials, asked, parameters, items_key="search_item_list")
        videos = [dig(item, "aweme_info") for item in envelope.items]
        found = gather((to_creator(dig(video, "author")), to_post(video)) for video in videos)
        if videos and not found.creators:
            raise envelope.unknown_form()
        return Page(
            creators=found.creators,
            posts=found.posts,
            next_cursor=next_cursor(envelope),
            cost=envelope.cost,
            raw=(envelope.raw,),
            skipped=found.skipped,
        )

    async def search_users(self, http: httpx.AsyncClient, query: KeywordQuery, cursor: str | None) -> Page:
        """Accounts whose name matches. `query.region` is not a parameter here and has no effect."""
        parameters = {
            "query": checked_keyword(query),
            "cursor": checked_cursor(cursor, provider=NAME),
            **checked_options(query, {}),
        }
        asked = self.declaration.endpoint("users")
        envelope = await call(http, self._credentials, asked, parameters, items_key="users")
        found = gather(
            ((to_creator(dig(item, "user_info")), None) for item in envelope.items), with_posts=False
        )
        if envelope.items and not found.creators:
            raise envelope.unknown_form()
        following = next_cursor(envelope)
        return Page(
            creators=found.creators,
            posts=(),
            next_cursor=None if following == cursor else following,
            cost=envelope.cost,
            raw=(envelope.raw,),
            skipped=found.skipped,
        )

    async def fetch_profile(self, http: httpx.AsyncClient, query: ProfileQuery) -> Page:
        """By id, which outlives a change of handle, where there is one; else by handle."""
        handle, stable_id = checked_account(query)
        checked_options(query, {})
        parameters = {"user_id": stable_id} if stable_id else {"handle": handle}
        envelope = await look_up(
            http,
            self._credentials,
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


def to_creator(author: object) -> Creator | None:
    """The author of a post, or an account found by name; the number of posts is 0 where it is unknown."""
    uid = parsing.identifier(dig(author, "uid"))
    if uid is None:
        return None
    handle = parsing.handle(dig(author, "unique_id"))
    bio = parsing.text(dig(author, "signature"))
    return Creator(
        platform=Platform.TIKTOK,
        stable_id=uid,
        handle=handle,
        name=parsing.text(dig(author, "nickname")),
        bio=bio,
        followers=parsing.count(dig(author, "follower_count")),
        following=parsing.count(dig(author, "following_count")),
        posts_count=parsing.count(dig(author, "aweme_count")) or None,
        verified=_is_verified(author),
        private=parsing.truth(dig(author, "secret")),
        avatar_url=parsing.web_address(dig(author, "avatar_medium", "url_list", 0)),
        profile_url=f"https://www.tiktok.com/@{handle}" if handle else None,
        emails=emails_in(bio),
        links=links_in(bio),
        country=parsing.text(dig(author, "region")),
        language=parsing.text(dig(author, "language")),
        extra_ids=_extra_ids(author),
    )


def to_post(video: object) -> Post | None:
    """The post. A number as id is only the last resort: JavaScript rounds it."""
    statistics = dig(video, "statistics")
    post_id = parsing.identifier(dig(video, "aweme_id")) or parsing.identifier(dig(statistics, "aweme_id"))
    creator_id = parsing.identifier(dig(video, "author", "uid"))
    if post_id is None or creator_id is None:
        return None
    caption = parsing.text(dig(video, "desc"))
    return Post(
        platform=Platform.TIKTOK,
        post_id=post_id,
        creator_id=creator_id,
        text=caption,
        url=_url(video, post_id),
        published_at=parsing.moment(dig(video, "create_time")),
        views=parsing.count(dig(statistics, "play_count")),
        likes=parsing.count(dig(statistics, "digg_count")),
        comments=parsing.count(dig(statistics, "comment_count")),
        shares=parsing.count(dig(statistics, "share_count")),
        saves=parsing.count(dig(statistics, "collect_count")),
        duration_seconds=parsing.seconds(dig(video, "video", "duration"), per_second=_MILLISECONDS),
        hashtags=_hashtags(video, caption),
        language=_language(video),
        sponsored=parsing.either(dig(video, "is_paid_partnership"), dig(video, "is_ad")),
        thumbnail_url=parsing.web_address(dig(video, "video", "cover", "url_list", 0)),
    )


def _is_verified(author: object) -> bool | None:
    """There is no flag; a verified author has a sentence that says so, as a person or as a company."""
    sentences = [dig(author, "custom_verify"), dig(author, "enterprise_verify_reason")]
    if any(parsing.text(sentence) for sentence in sentences):
        return True
    return False if "" in sentences else None


def _extra_ids(author: object) -> dict[str, str]:
    """`ins_id` is the author's handle on Instagram."""
    ids = {"sec_uid": dig(author, "sec_uid"), "instagram_handle": dig(author, "ins_id")}
    return {name: known for name, value in ids.items() if (known := parsing.identifier(value))}


def _url(video: object, post_id: str) -> str | None:
    """The share link without the tracking in its query."""
    if shared := parsing.web_address(dig(video, "share_url")):
        return shared.partition("?")[0]
    handle = parsing.handle(dig(video, "author", "unique_id"))
    return f"https://www.tiktok.com/@{handle}/video/{post_id}" if handle else None


def _hashtags(video: object, caption: str | None) -> tuple[str, ...]:
    """Marked places in the caption; those without a hashtag are mentions."""
    marks = dig(video, "text_extra")
    if not isinstance(marks, list):
        return hashtags_in(caption)
    return distinct_hashtags(tag for mark in marks if (tag := parsing.text(dig(mark, "hashtag_name"))))


def _language(video: object) -> str | None:
    """`un` is the platform's word for not knowing."""
    language = parsing.text(dig(video, "desc_language"))
    return None if language == "un" else language


def profile_of(envelope: Envelope) -> Page:
    """Raises ProviderError where there is no account in the answer."""
    user = envelope.body.get("user")
    if user is None and "user" in envelope.body:
        raise envelope.not_found()
    creator = to_profile(envelope.body)
    if creator is None:
        raise envelope.unknown_form()
    return Page(creators=(creator,), posts=(), next_cursor=None, cost=envelope.cost, raw=(envelope.raw,))


def to_profile(body: object) -> Creator | None:
    user = dig(body, "user")
    uid = parsing.identifier(dig(user, "id"))
    if uid is None:
        return None
    handle = parsing.handle(dig(user, "uniqueId"))
    bio = parsing.text(dig(user, "signature"))
    return Creator(
        platform=Platform.TIKTOK,
        stable_id=uid,
        handle=handle,
        name=parsing.text(dig(user, "nickname")),
        bio=bio,
        followers=_count(body, "followerCount"),
        following=_count(body, "followingCount"),
        posts_count=_count(body, "videoCount"),
        verified=parsing.truth(dig(user, "verified")),
        private=parsing.either(dig(user, "privateAccount"), dig(user, "secret")),
        avatar_url=parsing.web_address(dig(user, "avatarMedium")),
        profile_url=f"https://www.tiktok.com/@{handle}" if handle else None,
        emails=emails_in(bio),
        links=distinct_links([parsing.link(dig(user, "bioLink", "link")), *links_in(bio)]),
        country=parsing.text(dig(user, "region")),
        language=parsing.text(dig(user, "language")),
        extra_ids={"sec_uid": sec_uid} if (sec_uid := parsing.identifier(dig(user, "secUid"))) else {},
    )


def _count(body: object, name: str) -> int | None:
    """`statsV2` holds the true number as text; the older `stats` overflows at 2,147,483,647."""
    exact = parsing.count(dig(body, "statsV2", name))
    return parsing.count(dig(body, "stats", name)) if exact is None else exact
